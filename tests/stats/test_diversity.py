"""Diversity against values worked out by hand."""

import math

import numpy as np
import pytest

from psycopref.stats.diversity import distinct, distinct_interval, self_bleu, self_bleu_interval


def test_distinct_counts_different_bigrams() -> None:
    assert distinct(["a b a b", "A b c"], 2) == pytest.approx(3 / 5)  # ab ba ab | ab bc
    assert math.isnan(distinct(["one", ""], 2))


def test_self_bleu_of_equal_and_of_foreign_texts() -> None:
    assert self_bleu([["i hear how hard this is", "i hear how hard this is"]]) == pytest.approx(1.0)
    assert self_bleu([["a b c d e", "f g h i j"]]) == 0.0
    assert math.isnan(self_bleu([["alone"], []]))


def test_self_bleu_by_hand() -> None:
    """`a b c d` against `a b x y z`: precisions 2/4, (1+1)/(3+1), (0+1)/(2+1), (0+1)/(1+1), brevity
    exp(1 - 5/4).
    """
    one = math.exp(
        (math.log(2 / 4) + math.log(2 / 4) + math.log(1 / 3) + math.log(1 / 2)) / 4 + 1 - 5 / 4
    )
    two = math.exp((math.log(2 / 5) + math.log(2 / 5) + math.log(1 / 4) + math.log(1 / 3)) / 4)
    assert self_bleu([["a b c d", "a b x y z"]]) == pytest.approx((one + two) / 2)


def drafts(seed: int, groups: int = 40) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [
        [" ".join(f"w{int(word)}" for word in rng.zipf(1.6, 12) if word < 200) for _ in range(4)]
        for _ in range(groups)
    ]


def test_distinct_has_the_jackknife_of_its_definition():
    groups = drafts(0)
    found = distinct_interval(groups, 2)
    without = np.array(
        [
            distinct([text for at, group in enumerate(groups) if at != left for text in group], 2)
            for left in range(40)
        ]
    )
    error = np.sqrt(39 / 40 * ((without - without.mean()) ** 2).sum())
    assert (
        found.value == distinct([text for group in groups for text in group], 2) and found.n == 160
    )
    assert (found.low, found.high) == pytest.approx(
        (found.value - 1.959964 * error, found.value + 1.959964 * error)
    )


def test_the_jackknife_covers_what_the_spread_of_samples_is():
    values = [distinct_interval(drafts(seed), 2) for seed in range(60)]
    spread = np.std([one.value for one in values])
    assert np.mean([(one.high - one.low) / 3.92 for one in values]) == pytest.approx(
        spread, rel=0.35
    )


def test_self_bleu_has_an_interval_by_group():
    groups = drafts(1)
    found = self_bleu_interval(groups, draws=500)
    assert (
        found.value == pytest.approx(self_bleu(groups))
        and found.low < found.value < found.high
        and found.n == 160
    )
    assert distinct_interval([["a b c"]], 2).low is None
