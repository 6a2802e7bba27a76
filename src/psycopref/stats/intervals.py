"""Intervals: the percentile bootstrap over clusters (speeches), vectorised and seeded, and Wilson's
for what never varies.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_CELLS = 4_000_000  # draws x clusters held at once: 32 MB of weights
Z95 = 1.959963984540054


class Interval(NamedTuple):
    """A figure with its 95 % interval (None where none is claimed) and how many observations it
    rests on.
    """

    value: float
    low: float | None
    high: float | None
    n: int


def codes(clusters: Sequence[str]) -> tuple[Ints, int]:
    """Each observation's cluster as a number from 0, and how many clusters there are."""
    names, inverse = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)
    return inverse.astype(np.int64), len(names)


def weights(clusters: int, draws: int, seed: int) -> Iterator[Floats]:
    """How often each cluster was drawn, in blocks of shape (some draws, clusters); every draw takes
    as many clusters as there are.
    """
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // max(clusters, 1))
    for start in range(0, draws, step):
        size = min(step, draws - start)
        drawn = rng.integers(0, clusters, size=(size, clusters))
        flat = drawn + np.arange(size)[:, None] * clusters
        yield (
            np.bincount(flat.ravel(), minlength=size * clusters)
            .reshape(size, clusters)
            .astype(np.float64)
        )


def bootstrap_sums(
    sums: Floats, statistic: Callable[[Floats], Floats], draws: int, seed: int
) -> Floats:
    """Bootstrap draws of a statistic of sums over clusters.

    `sums` is (clusters, k), the k sums within each cluster; `statistic` maps (d, k) total sums to
    (d,) values. Efron and Tibshirani 1993, chapter 13 (percentile), with the cluster as the unit
    that is drawn.
    """
    blocks = [statistic(block @ sums) for block in weights(len(sums), draws, seed)]
    return np.concatenate(blocks)


def bootstrap_rows(
    code: Ints, clusters: int, statistic: Callable[[Floats], Floats], draws: int, seed: int
) -> Floats:
    """Bootstrap draws of a statistic of weighted observations: `statistic` maps (d, n) weights to
    (d,) values.
    """
    parts = []
    for block in weights(clusters, draws, seed):
        step = max(1, _CELLS // max(len(code), 1))
        parts += [
            statistic(block[start : start + step][:, code]) for start in range(0, len(block), step)
        ]
    return np.concatenate(parts)


def percentile(
    value: float,
    drawn: Floats,
    count: int,
    span: tuple[float, float] | None = None,
    clusters: int = 1,
) -> Interval:
    """The 2.5th and 97.5th percentile of bootstrap draws; no interval where over 5 % of them are
    undefined.

    Draws that never vary would claim certainty. A figure that can only lie within `span` gets the
    interval of `steady` then, another one none.
    """
    finite = drawn[np.isfinite(drawn)]
    if not math.isfinite(value) or finite.size < 0.95 * max(drawn.size, 1):
        return Interval(value, None, None, count)
    if np.ptp(finite) <= 1e-12 * max(1.0, abs(value)):
        ends = steady(value, clusters, span) if span else (None, None)
        return Interval(value, ends[0], ends[1], count)
    low, high = np.percentile(finite, [2.5, 97.5])
    return Interval(value, float(low), float(high), count)


def cluster_sums(columns: Floats, code: Ints, clusters: int) -> Floats:
    """Sums within clusters: (n, k) columns to (clusters, k)."""
    total = np.zeros((clusters, columns.shape[1]))
    np.add.at(total, code, columns)
    return total


def steady(value: float, clusters: int, span: tuple[float, float]) -> tuple[float, float]:
    """The interval of a figure to which `clusters` clusters, all alike, give one value, where the
    least and greatest possible values are known.

    By Wilson's interval for none in n, up to q = z^2 / (n + z^2) of all clusters may be of another
    kind, and these could be at either end of the span. For a share of 0 or 1 that is Wilson's
    interval itself.
    """
    unlike = Z95**2 / (max(clusters, 1) + Z95**2)
    return value - unlike * (value - span[0]), value + unlike * (span[1] - value)


def mean_interval(
    values: ArrayLike,
    clusters: Sequence[str],
    draws: int = 2000,
    seed: int = 0,
    share: bool = False,
    span: tuple[float, float] | None = None,
) -> Interval:
    """The mean of observations with its interval by clusters.

    `span` says between which values they must lie, `share=True` that it is 0..1. Where the
    bootstrap never varies (a share of exactly 0 or 1, ties alone, one cluster) it would claim
    certainty: the interval of `steady` is given instead, which for a share of 0 or 1 is Wilson's
    with one observation per cluster; none where no span is known.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.size == 0:
        return Interval(math.nan, None, None, 0)
    code, many = codes(clusters)
    sums = cluster_sums(np.column_stack([data, np.ones_like(data)]), code, many)
    drawn = bootstrap_sums(sums, lambda total: total[:, 0] / total[:, 1], draws, seed)
    return percentile(float(data.mean()), drawn, data.size, (0.0, 1.0) if share else span, many)


def paired_difference(
    ours: ArrayLike,
    theirs: ArrayLike,
    clusters: Sequence[str],
    draws: int = 2000,
    seed: int = 0,
    span: tuple[float, float] | None = None,
) -> Interval:
    """The mean of ours - theirs over the same observations, with an interval by clusters.

    `span` says between which values a difference must lie ((-1, 1) for scores in 0..1), so that
    differences that are all equal have an interval too.
    """
    return mean_interval(
        np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64),
        clusters,
        draws,
        seed,
        span=span,
    )


def wilson(share: float, count: float) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share of `count` independent observations (Wilson 1927;
    `count` may be an effective one).
    """
    if count <= 0:
        return 0.0, 1.0
    z2 = Z95**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z95 * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return max(0.0, centre - half), min(1.0, centre + half)


def effective_count(values: Floats, code: Ints) -> float:
    """How many independent observations a clustered sample of shares is worth: n over the design
    effect, at least the number of clusters.

    The design effect is the variance of the mean by clusters over that of independent rows (Kish
    1965, section 5.4), at least 1.
    """
    here, inverse = np.unique(code, return_inverse=True)
    n, share = values.size, float(values.mean())
    plain = share * (1 - share) / n
    if plain == 0 or len(here) < 2:
        return float(len(here))
    residual = np.bincount(inverse, weights=values - share)
    clustered = len(here) / (len(here) - 1) * float(residual @ residual) / n**2
    return max(float(len(here)), n / max(1.0, clustered / plain))
