"""Temperature scaling: one number, fitted on pairs kept apart, that makes a preference model as
sure as it is right.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from psycopref.stats.calibration import ece, sigmoid
from psycopref.stats.intervals import (
    Floats,
    Interval,
    bootstrap_rows,
    codes,
    mean_interval,
    percentile,
)

_LOWEST = 1e-6  # where Newton's bracket begins, in units of one over the mean size of a margin


class Scaled(NamedTuple):
    """The figures that a temperature changes; accuracy and AUC stay as they are."""

    ece: Interval
    brier: Interval
    logloss: Interval


def temperature(
    margins: ArrayLike, clusters: Sequence[str], draws: int = 2000, seed: int = 0
) -> Interval:
    """The T that makes the log-loss of sigmoid(margin / T) least (Guo et al. 2017, section 4.2),
    refitted in every draw of clusters.

    Over 1 the model is too sure, under 1 not sure enough. `margins` (n,) are chosen minus rejected
    in log-odds. NaN where there is no least value: every pair is in the right order (T goes to 0),
    or the mean of the margins is not positive (to infinity).
    """
    margin = np.asarray(margins, dtype=np.float64)
    scale = float(np.abs(margin).mean()) if margin.size else 0.0
    if not scale:
        return Interval(float("nan"), None, None, margin.size)

    def fitted(weight: Floats) -> Floats:
        exists = (weight @ (margin < 0) > 0) & (weight @ margin > 0)
        return np.where(exists, scale / _slope(margin / scale, weight), np.nan)

    value = float(fitted(np.ones((1, margin.size)))[0])
    code, many = codes(clusters)
    return percentile(value, bootstrap_rows(code, many, fitted, draws, seed), margin.size)


def _slope(margin: Floats, weight: Floats) -> Floats:
    """The inverse temperature of each row of weights (d, n): the root of a decreasing function, by
    Newton's method kept within a bracket.
    """
    low, high = np.full(len(weight), _LOWEST), np.full(len(weight), 1 / _LOWEST)
    at = np.ones(len(weight))
    for _ in range(60):
        wrong = sigmoid(-at[:, None] * margin)
        slope = (weight * margin * wrong).sum(1)
        curve = (weight * margin**2 * wrong * (1 - wrong)).sum(1)
        low, high = np.where(slope > 0, at, low), np.where(slope > 0, high, at)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = at + slope / curve
        after = np.where((step > low) & (step < high), step, np.sqrt(low * high))
        if np.allclose(after, at, rtol=1e-10, atol=0):
            break
        at = after
    return at


def scaled(
    margins: ArrayLike,
    by: float,
    clusters: Sequence[str],
    bins: int = 10,
    draws: int = 2000,
    seed: int = 0,
) -> Scaled:
    """Calibration figures of margins (n,) divided by a temperature that was fitted on other pairs;
    its own uncertainty is not in the intervals.
    """
    margin = np.asarray(margins, dtype=np.float64) / by
    brier = mean_interval((1 - sigmoid(margin)) ** 2, clusters, draws, seed, share=True)
    return Scaled(
        ece(margin, clusters, bins, draws, seed),
        brier,
        mean_interval(np.logaddexp(0.0, -margin), clusters, draws, seed),
    )
