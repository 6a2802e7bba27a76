"""Position bias: means by place, and differences within a call."""

import numpy as np
import pytest

from psycopref.stats.intervals import mean_interval
from psycopref.stats.position import Positions


def test_means_and_differences_by_hand() -> None:
    some = Positions(clusters=2, places=4)
    some.add(0, [5, 3, 1])
    some.add(0, [4, 4, 1])
    some.add(1, [3, 1])
    scores, effects = some.figures(draws=200)
    assert [row.value for row in scores] == pytest.approx([4, 8 / 3, 1]) and [
        row.n for row in scores
    ] == [3, 3, 2]
    assert [row.value for row in effects] == pytest.approx(
        [(2 + 1 + 1) / 3, (0 + 1 - 1) / 3, (-2 - 2) / 2]
    )


def test_intervals_are_those_of_the_bootstrap_by_cluster() -> None:
    rng = np.random.default_rng(1)
    given = rng.integers(1, 6, size=(120, 4)).astype(float)
    some = Positions(clusters=30, places=4)
    for at, row in enumerate(given):
        some.add(at % 30, row)
    scores, effects = some.figures(draws=500, seed=3)
    wanted = mean_interval(
        given[:, 1], [str(100 + at % 30) for at in range(120)], draws=500, seed=3
    )
    assert scores[1] == pytest.approx(wanted)
    assert all((row.low or 0) < row.value < (row.high or 0) for row in effects)


def test_without_a_call_there_are_no_figures() -> None:
    assert Positions(clusters=3, places=4).figures() == ([], [])
