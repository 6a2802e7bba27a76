"""Diversity against values worked out by hand."""

import math

import pytest

from psycopref.stats.diversity import distinct, self_bleu


def test_distinct_counts_different_bigrams() -> None:
    assert distinct(["a b a b", "A b c"], 2) == pytest.approx(3 / 5)  # ab ba ab | ab bc
    assert math.isnan(distinct(["one", ""], 2))


def test_self_bleu_of_equal_and_of_foreign_texts() -> None:
    assert self_bleu([["i hear how hard this is", "i hear how hard this is"]]) == pytest.approx(1.0)
    assert self_bleu([["a b c d e", "f g h i j"]]) == 0.0
    assert math.isnan(self_bleu([["alone"], []]))


def test_self_bleu_by_hand() -> None:
    """`a b c d` against `a b x y z`: precisions 2/4, (1+1)/(3+1), (0+1)/(2+1), (0+1)/(1+1), brevity exp(1 - 5/4)."""
    one = math.exp((math.log(2 / 4) + math.log(2 / 4) + math.log(1 / 3) + math.log(1 / 2)) / 4 + 1 - 5 / 4)
    two = math.exp((math.log(2 / 5) + math.log(2 / 5) + math.log(1 / 4) + math.log(1 / 3)) / 4)
    assert self_bleu([["a b c d", "a b x y z"]]) == pytest.approx((one + two) / 2)
