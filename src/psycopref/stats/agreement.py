"""Agreement between raters beyond chance: Cohen, Fleiss, Krippendorff and Gwet, on units x raters
with gaps.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from psycopref.stats.intervals import Floats, Interval, codes, percentile, weights

Weighting = Literal["none", "linear", "quadratic"]
Level = Literal["nominal", "ordinal"]


def weighting(kind: Weighting, categories: Floats) -> Floats:
    """Agreement weights (q, q): identity, or 1 - distance / range, plain or squared (Cohen 1968;
    Gwet 2014, section 3.5).
    """
    if kind == "none" or len(categories) < 2:
        return np.eye(len(categories))
    distance = np.abs(categories[:, None] - categories[None, :]) / (
        categories.max() - categories.min()
    )
    return np.asarray(1 - (distance if kind == "linear" else distance**2), dtype=np.float64)


def tabulate(ratings: ArrayLike, categories: ArrayLike | None = None) -> tuple[Floats, Floats]:
    """(units, raters) ratings with NaN where a rater was silent, as counts (units, categories) and
    the sorted categories.
    """
    data = np.asarray(ratings, dtype=np.float64)
    known = (
        np.unique(data[np.isfinite(data)])
        if categories is None
        else np.sort(np.asarray(categories, dtype=np.float64))
    )
    return (data[:, :, None] == known[None, None, :]).sum(axis=1).astype(np.float64), known


def cohen_kappa(
    first: ArrayLike,
    second: ArrayLike,
    kind: Weighting = "none",
    categories: ArrayLike | None = None,
) -> float:
    """Cohen's kappa of two raters who rated every unit (Cohen 1960; weighted: Cohen 1968). NaN
    where chance explains all.
    """
    pair = np.column_stack(
        [np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)]
    )
    _, known = tabulate(pair, categories)
    hit = [(pair[:, rater, None] == known[None, :]).astype(np.float64) for rater in (0, 1)]
    joint = hit[0].T @ hit[1] / len(pair)
    weight = weighting(kind, known)
    seen, chance = (
        float((weight * joint).sum()),
        float((weight * np.outer(joint.sum(1), joint.sum(0))).sum()),
    )
    return _beyond(seen, chance)


def fleiss_kappa(ratings: ArrayLike, categories: ArrayLike | None = None) -> float:
    """Fleiss' kappa (Fleiss 1971), with Gwet's treatment of gaps (2014, section 2.4): units with
    one rating count for chance only.
    """
    counts, known = tabulate(ratings, categories)
    return _beyond(_seen(counts, np.eye(len(known))), float((_prevalence(counts) ** 2).sum()))


def krippendorff_alpha(
    ratings: ArrayLike, level: Level = "nominal", categories: ArrayLike | None = None
) -> float:
    """Krippendorff's alpha from the coincidence matrix (Krippendorff 2011, 'Computing
    Krippendorff's alpha-reliability').
    """
    counts, known = tabulate(ratings, categories)
    counts = counts[counts.sum(1) >= 2]
    if not len(counts):
        return float("nan")
    size = counts.sum(1)[:, None, None]
    pairs = counts[:, :, None] * counts[:, None, :] - np.eye(len(known)) * counts[:, :, None]
    together = (pairs / (size - 1)).sum(0)
    marginal = together.sum(1)
    distance = _ordinal(marginal) if level == "ordinal" else 1 - np.eye(len(known))
    expected = float((np.outer(marginal, marginal) * distance).sum()) / (marginal.sum() - 1)
    return float("nan") if expected == 0 else 1 - float((together * distance).sum()) / expected


def gwet_ac(
    ratings: ArrayLike, kind: Weighting = "none", categories: ArrayLike | None = None
) -> float:
    """Gwet's AC1 (`kind='none'`) or AC2 (weighted), with gaps (Gwet 2014, equations 4.6 and 5.8).
    Steady where one answer prevails.
    """
    counts, known = tabulate(ratings, categories)
    if len(known) < 2:
        return float("nan")
    weight, share = weighting(kind, known), _prevalence(counts)
    chance = (
        float(weight.sum()) / (len(known) * (len(known) - 1)) * float((share * (1 - share)).sum())
    )
    return _beyond(_seen(counts, weight), chance)


def coefficient_interval(
    ratings: ArrayLike,
    coefficient: Callable[[Floats], float],
    draws: int = 2000,
    seed: int = 0,
    clusters: Sequence[str] | None = None,
) -> Interval:
    """A coefficient of a (units, raters) matrix with a percentile interval; whole clusters of units
    are drawn (units where none are given).
    """
    data = np.asarray(ratings, dtype=np.float64)
    code, many = (np.arange(len(data)), len(data)) if clusters is None else codes(clusters)
    drawn = [
        coefficient(np.repeat(data, row[code].astype(np.int64), axis=0))
        for block in weights(many, draws, seed)
        for row in block
    ]
    return percentile(coefficient(data), np.asarray(drawn), len(data), (-1.0, 1.0), many)


def _beyond(seen: float, chance: float) -> float:
    return float("nan") if np.isclose(chance, 1.0) else (seen - chance) / (1 - chance)


def _seen(counts: Floats, weight: Floats) -> float:
    """Weighted agreement of two ratings of one unit, over units with at least two (Gwet 2014,
    equation 5.2).
    """
    rated = counts[counts.sum(1) >= 2]
    size = rated.sum(1)
    return (
        float(((rated * (rated @ weight - 1)).sum(1) / (size * (size - 1))).mean())
        if len(rated)
        else float("nan")
    )


def _prevalence(counts: Floats) -> Floats:
    """The share of each category, every rated unit weighing the same (Gwet 2014, equation 2.10)."""
    rated = counts[counts.sum(1) >= 1]
    return np.asarray((rated / rated.sum(1, keepdims=True)).mean(0))


def _ordinal(marginal: Floats) -> Floats:
    """Krippendorff's ordinal distance: squared number of ratings from one category to the other,
    the ends counting half.
    """
    upto = np.cumsum(marginal) - marginal / 2
    return np.asarray((upto[:, None] - upto[None, :]) ** 2)
