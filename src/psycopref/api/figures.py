"""Agreement and win rates from numbers, with their intervals."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from psycopref.errors import TableError
from psycopref.stats import winrate
from psycopref.stats.coefficients import coefficients
from psycopref.stats.intervals import Interval
from psycopref.stats.winrate import WinRate


def agreement(
    ratings: ArrayLike,
    *,
    clusters: Sequence[str] | None = None,
    weights: Literal["none", "linear", "quadratic"] = "none",
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Agreement of raters, with 95 % intervals: `ratings` is (units, raters) of numbers, NaN where
    a rater was silent.

    `raw` (share of units on which all agree), `kappa` (Cohen, two raters), `fleiss`, `alpha` and
    `alpha_ordinal` (Krippendorff), `ac1` and `ac2` (Gwet); `weights` are those of kappa and AC2. A
    coefficient that is not defined is left out. `clusters` says which units belong together (pairs
    of one speech, say): intervals draw them whole; each unit is its own without it.
    TableError where the shapes do not fit.
    """
    data = np.asarray(ratings, dtype=np.float64)
    if data.ndim != 2 or data.shape[1] < 2:
        raise TableError(
            f"agreement: ratings have the shape {data.shape}; give (units, raters) with two raters"
            " or more"
        )
    known = np.unique(data[np.isfinite(data)])
    return coefficients(
        data, _clusters("agreement", clusters, len(data)), known, weights, draws=draws, seed=seed
    )


def win_rate(
    outcomes: ArrayLike,
    *,
    clusters: Sequence[str] | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> WinRate:
    """The share of prompts that ours won, ties half, with its 95 % interval and every count.

    `outcomes` is (prompts,) or (prompts, orders): 1 ours won, 0.5 tie, 0 theirs won, NaN where the
    judge gave no answer. A prompt's score is the mean over its orders, so that a win in one order
    and a loss in the other (the judge followed the position) is a tie and counted as a flip; a
    prompt with a failed order has no score. `clusters` as in `agreement`. TableError where the
    shapes do not fit, or an outcome is none of these.
    """
    data = np.asarray(outcomes, dtype=np.float64)
    if data.ndim not in (1, 2) or not data.size:
        raise TableError(
            f"win_rate: outcomes have the shape {data.shape}; give (prompts,) or (prompts, orders)"
        )
    if not np.isin(data[np.isfinite(data)], (0.0, 0.5, 1.0)).all() or np.isinf(data).any():
        raise TableError("win_rate: an outcome is 1 (won), 0.5 (tie), 0 (lost) or NaN (no answer)")
    return winrate.win_rate(data, _clusters("win_rate", clusters, len(data)), draws, seed)


def _clusters(what: str, clusters: Sequence[str] | None, units: int) -> list[str]:
    if clusters is None:
        return [str(at) for at in range(units)]
    if len(clusters) != units:
        raise TableError(f"{what}: {len(clusters)} clusters for {units} units; give one for each")
    return [str(one) for one in clusters]
