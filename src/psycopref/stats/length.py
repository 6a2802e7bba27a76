"""Length: how far a figure may be nothing but word counts."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from psycopref.stats.intervals import (
    Floats,
    Interval,
    bootstrap_sums,
    cluster_sums,
    codes,
    mean_interval,
    percentile,
)


def words(text: str) -> int:
    """How many words a text has, by white space."""
    return len(text.split())


def correlation(
    first: ArrayLike, second: ArrayLike, clusters: Sequence[str], draws: int = 2000, seed: int = 0
) -> Interval:
    """Spearman's rank correlation with an interval by clusters; ranks are those of the whole
    sample. NaN where one side never varies.
    """
    x, y = (rankdata(np.asarray(side, dtype=np.float64)) for side in (first, second))
    if x.size < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Interval(math.nan, None, None, int(x.size))
    x, y = x - x.mean(), y - y.mean()
    code, many = codes(clusters)
    sums = cluster_sums(np.column_stack([x, y, x * y, x * x, y * y, np.ones_like(x)]), code, many)
    value = float(_pearson(sums.sum(0, keepdims=True))[0])
    return percentile(
        value, bootstrap_sums(sums, _pearson, draws, seed), int(x.size), (-1.0, 1.0), many
    )


def longer_wins(
    chosen_words: ArrayLike,
    rejected_words: ArrayLike,
    clusters: Sequence[str],
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """The share of pairs in which the longer response is the chosen one; equal lengths count a
    half.
    """
    difference = np.asarray(chosen_words, dtype=np.float64) - np.asarray(
        rejected_words, dtype=np.float64
    )
    return mean_interval((np.sign(difference) + 1) / 2, clusters, draws, seed, share=True)


def within(counts: ArrayLike, targets: ArrayLike, slack: float = 0.2) -> Floats:
    """1.0 where a word count lies within `slack` of its target (a share of it), else 0.0."""
    count, target = np.asarray(counts, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    return (np.abs(count - target) <= slack * target).astype(np.float64)


def _pearson(total: Floats) -> Floats:
    x, y, xy, xx, yy, n = total.T
    spread = np.sqrt(np.maximum(xx - x * x / n, 0) * np.maximum(yy - y * y / n, 0))
    return np.asarray(
        np.divide(xy - x * y / n, spread, out=np.full_like(spread, np.nan), where=spread > 0)
    )
