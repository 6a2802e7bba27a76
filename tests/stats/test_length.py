"""Length figures against scipy and by hand."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from psycopref.stats.length import correlation, longer_wins, within, words


def test_correlation_is_spearmans_and_its_interval_holds_it():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 20, 150)
    y = x + rng.integers(0, 30, 150)
    found = correlation(x, y, [f"s{n // 2}" for n in range(150)], draws=500)
    assert found.value == pytest.approx(spearmanr(x, y).statistic)
    assert found.low < found.value < found.high


def test_correlation_of_a_constant_is_not_a_number():
    assert np.isnan(correlation([1, 1, 1], [1, 2, 3], list("abc")).value)


def test_longer_wins_counts_equal_lengths_as_half():
    assert longer_wins([10, 5, 7, 3], [5, 10, 7, 1], list("abcd")).value == pytest.approx(0.625)


def test_within_a_fifth_of_the_target():
    assert within([80, 79, 120, 121], [100] * 4).tolist() == [1, 0, 1, 0]


def test_words_by_white_space():
    assert words(" I  feel\nlost. ") == 3
