"""Two judges on the same items: agreement, rank correlation and bias from the table of their
scores, with intervals by speech.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from psycopref.stats.intervals import (
    Floats,
    Interval,
    bootstrap_sums,
    codes,
    mean_interval,
    percentile,
)

Statistic = Callable[
    [Floats, Floats], Floats
]  # joint tables (draws, q, q) and the points of the scale (q,) to (draws,)


class Compared(NamedTuple):
    """What two judges' scores of the same responses have in common; `bias` is the second less the
    first, in points.
    """

    kappa: Interval
    spearman: Interval
    exact: Interval
    bias: Interval


def compare(
    first: ArrayLike,
    second: ArrayLike,
    clusters: Sequence[str],
    scale: ArrayLike,
    draws: int = 2000,
    seed: int = 0,
) -> Compared:
    """Scores of two judges on the points of a scale: quadratic-weighted kappa (Cohen 1968),
    Spearman's correlation with mid-ranks, the share of equal scores, and the mean difference.
    Everything is a function of the joint table, which is summed by cluster; points that nobody gave
    change nothing. ValueError where a score is none of the points.
    """
    points = np.sort(np.asarray(scale, dtype=np.float64))
    a, b = (_places(points, np.asarray(scores, dtype=np.float64)) for scores in (first, second))
    size = len(points)
    code, many = codes(clusters)
    sums = np.zeros((many, size * size))
    np.add.at(sums, (code, a * size + b), 1.0)

    def interval(statistic: Statistic, low: float, high: float) -> Interval:
        value = float(statistic(sums.sum(0, keepdims=True).reshape(-1, size, size), points)[0])
        return percentile(
            value,
            bootstrap_sums(
                sums, lambda total: statistic(total.reshape(-1, size, size), points), draws, seed
            ),
            len(a),
            (low, high),
            many,
        )

    wide = float(np.ptp(points))
    return Compared(
        interval(_kappa, -1, 1),
        interval(_spearman, -1, 1),
        interval(_exact, 0, 1),
        interval(_bias, -wide, wide),
    )


def _places(points: Floats, scores: Floats) -> NDArray[np.intp]:
    """The place of each score among the points."""
    strange = scores[~np.isin(scores, points)]
    if strange.size:
        raise ValueError(
            f"compare: a score of {strange[0]} is not on the scale; give a scale that has every"
            " score among its points"
        )
    return np.searchsorted(points, scores)


def _shares(joint: Floats) -> tuple[Floats, Floats, Floats]:
    share = joint / joint.sum((1, 2), keepdims=True)
    return share, share.sum(2), share.sum(1)


def _kappa(joint: Floats, points: Floats) -> Floats:
    share, rows, columns = _shares(joint)
    distance = (points[:, None] - points[None, :]) ** 2
    chance = np.einsum("di,dj,ij->d", rows, columns, distance)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            1 - (share * distance).sum((1, 2)) / np.where(chance == 0, np.nan, chance)
        )


def _spearman(joint: Floats, points: Floats) -> Floats:
    share, rows, columns = _shares(joint)
    x, y = (np.cumsum(part, 1) - part / 2 for part in (rows, columns))
    x, y = x - (x * rows).sum(1, keepdims=True), y - (y * columns).sum(1, keepdims=True)
    spread = np.sqrt((x**2 * rows).sum(1) * (y**2 * columns).sum(1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(
            np.einsum("dij,di,dj->d", share, x, y) / np.where(spread == 0, np.nan, spread)
        )


def _exact(joint: Floats, points: Floats) -> Floats:
    return np.asarray(np.einsum("dii->d", _shares(joint)[0]))


def _bias(joint: Floats, points: Floats) -> Floats:
    _, rows, columns = _shares(joint)
    return np.asarray(columns @ points - rows @ points)


class Flips(NamedTuple):
    """Shares of the first judge's clear pairs: ordered the same by the second, tied, or turned
    round.
    """

    same: Interval
    tied: Interval
    turned: Interval


def pair_flips(gaps: ArrayLike, clusters: Sequence[str], draws: int = 2000, seed: int = 0) -> Flips:
    """From the second judge's gaps over the pairs that the first one orders clearly, better less
    worse by the first.
    """
    signs = np.sign(np.asarray(gaps, dtype=np.float64))
    same, tied, turned = (
        mean_interval((signs == sign).astype(np.float64), clusters, draws, seed, share=True)
        for sign in (1, 0, -1)
    )
    return Flips(same, tied, turned)


def rank_changes(total: Floats) -> Floats:
    """Sums (draws, 3 x models: count, first judge's score, second judge's score) to (draws, models
    + 1).

    By model its rank by the second judge's mean less that by the first one's (1 is best, equal
    means share the mean rank), and last Kendall's tau-b of the two orders (Kendall 1945). NaN where
    a model was not drawn.
    """
    count, *scores = total.reshape(len(total), 3, -1).transpose(1, 0, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        signs = [
            np.sign(np.round(mean[:, None, :] - mean[:, :, None], 9))
            for mean in (one / count for one in scores)
        ]  # models x others: other ahead
        old, new = (1 + (side > 0).sum(2) + ((side == 0).sum(2) - 1) / 2 for side in signs)
        tau = (signs[0] * signs[1]).sum((1, 2)) / np.sqrt(
            (signs[0] ** 2).sum((1, 2)) * (signs[1] ** 2).sum((1, 2))
        )
    lost = (count == 0).any(1)
    return np.where(lost[:, None], np.nan, np.column_stack([new - old, tau]))
