"""Win rates: ties, flips, failures and the counts that add up."""

import numpy as np
import pytest

from psycopref.stats.winrate import prompt_scores, win_rate

N = np.nan
BOTH = [[1, 1], [1, 0], [0, 0], [0.5, 0.5], [1, 0.5], [1, N], [N, N]]


def test_every_prompt_is_counted_once():
    found = win_rate(BOTH, list("abcdefg"), draws=200)
    assert (found.wins, found.ties, found.losses, found.failed) == (2, 2, 1, 2)
    assert found.flips == 1
    assert found.rate.n == 5 and found.rate.value == pytest.approx((1 + 0.5 + 0 + 0.5 + 0.75) / 5)


def test_failures_bound_the_rate():
    found = win_rate(BOTH, list("abcdefg"), draws=200)
    assert found.worst.value == pytest.approx(3.25 / 7)  # the won order of the sixth prompt stays won
    assert found.best.value == pytest.approx(5.25 / 7 - 0.5 / 7)
    assert found.worst.n == found.best.n == 7 and found.worst.low < found.worst.value < found.worst.high


def test_a_judge_that_follows_the_position_gives_a_half():
    found = win_rate([[1, 0]] * 50, [str(n) for n in range(50)], draws=200)
    assert found.rate.value == 0.5 and found.flips == found.ties == 50


def test_one_order():
    scores, flips = prompt_scores([1, 0.5, 0, N])
    assert scores[:3].tolist() == [1, 0.5, 0] and not flips.any()


def test_nothing_judged():
    found = win_rate(np.zeros((0, 1)), [])
    assert found.rate.n == 0 and np.isnan(found.rate.value) and found.failed == 0


def test_all_won_is_not_certain():
    found = win_rate([1.0] * 12, [str(n) for n in range(12)])
    assert found.rate.low == pytest.approx(0.757, abs=1e-3) and found.rate.high == 1
