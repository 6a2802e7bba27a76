"""All agreement coefficients of one matrix of ratings at once, with intervals by cluster: each is a
function of sums over units.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from psycopref.stats.agreement import Weighting, tabulate, weighting
from psycopref.stats.intervals import (
    Floats,
    Interval,
    bootstrap_sums,
    cluster_sums,
    codes,
    mean_interval,
    percentile,
    wilson,
)


class _Sums(NamedTuple):
    """Sums over the units of a draw; the first axis is the draw, q the number of categories."""

    two: Floats  # (d,) units with two ratings or more
    same: Floats  # (d,) of these, the units on which all agree
    seen: Floats  # (d,) their shares of agreeing pairs of ratings
    near: Floats  # (d,) the same, weighted
    rated: Floats  # (d,) units with a rating
    share: Floats  # (d, q) their shares of ratings by category
    together: Floats  # (d, q, q) coincidences (Krippendorff)
    joint: Floats  # (d, q, q) the first rater's category by the second's, where both rated


Statistic = Callable[
    [_Sums], tuple[Floats, Floats]
]  # what was seen and what chance gives, each (d,), so that seen = 1 is perfect


def coefficients(
    ratings: ArrayLike,
    clusters: Sequence[str],
    categories: ArrayLike,
    kind: Weighting = "none",
    mirror: bool = False,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Agreement of (units, raters) ratings, NaN where a rater was silent, with 95 % intervals that
    draw whole clusters of units.

    `raw` (share of units with two ratings or more on which all agree), `fleiss`, `alpha`
    (Krippendorff, nominal), `alpha_ordinal`, `ac1`, `ac2` (Gwet, with weights of `kind`), and for
    two raters `kappa` (Cohen, weights of `kind`). They are those of `stats.agreement`, for all
    draws at once. `mirror` says that a category and its mirror image (first and last, ...) were
    named at random, as the two sides of a comparison are: every unit then counts half as it is and
    half turned round, so no coefficient depends on the naming. Where all agree, the bootstrap never
    varies and would claim certainty: the lower bound is then the one that Wilson's bound of `raw`
    (one observation a cluster) gives at the same agreement by chance. Where another value never
    varies (no pair agrees, one speech), the interval is that of `intervals.steady` between -1
    (`raw`: 0) and 1. A coefficient that is not defined is left out; n is the number of units with
    two ratings or more.
    """
    counts, known = tabulate(ratings, categories)
    data, q = np.asarray(ratings, dtype=np.float64), len(known)
    code, many = codes(clusters)
    sums = cluster_sums(_columns(data, counts, known, weighting(kind, known)), code, many)
    units = int((counts.sum(1) >= 2).sum())
    if not units:
        return {}
    groups = len(np.unique(code[counts.sum(1) >= 2]))
    out = {}
    for name, statistic in _statistics(known, kind, two=data.shape[1] == 2).items():
        seen, chance = (
            float(part[0]) for part in statistic(_read(sums.sum(0, keepdims=True), q, mirror))
        )
        value = float(_beyond(np.array([seen]), np.array([chance]))[0])
        if not np.isfinite(value):
            continue
        if np.isclose(seen, 1.0):
            out[name] = Interval(
                value, max(-1.0, (wilson(1.0, groups)[0] - chance) / (1 - chance)), 1.0, units
            )
        else:

            def beyond(total: Floats, one: Statistic = statistic) -> Floats:
                return _beyond(*one(_read(total, q, mirror)))

            drawn = bootstrap_sums(sums, beyond, draws, seed)
            least = 0.0 if name == "raw" else -1.0
            out[name] = percentile(value, drawn, units, (least, 1.0), groups)
    return out


def _columns(data: Floats, counts: Floats, known: Floats, weight: Floats) -> Floats:
    """What is summed, for each unit: (units, 5 + q + 2 q^2)."""
    size = counts.sum(1)
    two, some = size >= 2, np.maximum(size, 1)
    pairs = np.maximum(size * (size - 1), 1)
    agree = (
        (counts * (counts - 1)).sum(1) / pairs,
        (counts * (counts @ weight - 1)).sum(1) / pairs,
    )
    together = (
        counts[:, :, None] * counts[:, None, :] - np.eye(len(known)) * counts[:, :, None]
    ) / np.maximum(size - 1, 1)[:, None, None]
    hit = data[:, :, None] == known[None, None, :]
    joint = (
        hit[:, 0, :, None] * hit[:, 1, None, :] if data.shape[1] == 2 else np.zeros_like(together)
    )
    parts = [two, two * (counts.max(1) == size), two * agree[0], two * agree[1], size >= 1]
    wide = [
        counts / some[:, None],
        (two[:, None, None] * together).reshape(len(data), -1),
        joint.reshape(len(data), -1),
    ]
    return np.column_stack([*parts, *wide]).astype(np.float64)


def _read(total: Floats, q: int, mirror: bool) -> _Sums:
    """(d, k) sums by name, turned round and averaged where sides were named at random."""
    share = total[:, 5 : 5 + q]
    together, joint = (
        total[:, 5 + q + at * q * q : 5 + q + (at + 1) * q * q].reshape(-1, q, q) for at in (0, 1)
    )
    if mirror:
        share = (share + share[:, ::-1]) / 2
        together, joint = ((part + part[:, ::-1, ::-1]) / 2 for part in (together, joint))
    two, same, seen, near, rated = (total[:, at] for at in range(5))
    return _Sums(two, same, seen, near, rated, share, together, joint)


def _statistics(known: Floats, kind: Weighting, two: bool) -> dict[str, Statistic]:
    weight = weighting(kind, known)
    made: dict[str, Statistic] = {
        "raw": lambda s: (_over(s.same, s.two), np.zeros(len(s.two))),
        "fleiss": lambda s: (_over(s.seen, s.two), (_prevalence(s) ** 2).sum(1)),
        "alpha": lambda s: _alpha(s, 1 - np.eye(len(known)), ordinal=False),
        "alpha_ordinal": lambda s: _alpha(s, np.ones((len(known), len(known))), ordinal=True),
        "ac1": lambda s: (_over(s.seen, s.two), _gwet(s, np.eye(len(known)))),
        "ac2": lambda s: (_over(s.near, s.two), _gwet(s, weight)),
    }
    return {"kappa": lambda s: _cohen(s, weight), **made} if two else made


def _beyond(seen: Floats, chance: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.isclose(chance, 1.0), np.nan, (seen - chance) / (1 - chance))


def _over(part: Floats, whole: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part / whole)


def _prevalence(s: _Sums) -> Floats:
    return _over(s.share, s.rated[:, None])


def _gwet(s: _Sums, weight: Floats) -> Floats:
    q, share = len(weight), _prevalence(s)
    return np.asarray(weight.sum() / (q * (q - 1)) * (share * (1 - share)).sum(1))


def _cohen(s: _Sums, weight: Floats) -> tuple[Floats, Floats]:
    share = _over(s.joint, s.joint.sum((1, 2))[:, None, None])
    return (weight * share).sum((1, 2)), np.einsum(
        "di,dj,ij->d", share.sum(2), share.sum(1), weight
    )


def _alpha(s: _Sums, distance: Floats, ordinal: bool) -> tuple[Floats, Floats]:
    """Krippendorff's observed and expected disagreement over the largest distance, each taken from
    one.
    """
    marginal = s.together.sum(2)
    d = np.broadcast_to(distance, s.together.shape)
    if ordinal:
        upto = np.cumsum(marginal, 1) - marginal / 2
        d = (upto[:, :, None] - upto[:, None, :]) ** 2
    size, widest = marginal.sum(1), np.maximum(d.max((1, 2)), 1e-300)
    seen = (s.together * d).sum((1, 2)) / (size * widest)
    expected = np.einsum("di,dj,dij->d", marginal, marginal, d) / (
        np.maximum(size * (size - 1), 1e-300) * widest
    )
    return 1 - seen, 1 - expected


def share_of(
    hits: ArrayLike, clusters: Sequence[str], draws: int = 2000, seed: int = 0
) -> Interval:
    """A share with its interval by clusters; Wilson's with one observation a cluster where the
    bootstrap never varies.
    """
    found = mean_interval(hits, clusters, draws, seed, share=True)
    return (
        found
        if found.low is not None or not found.n
        else Interval(found.value, *wilson(found.value, codes(clusters)[1]), found.n)
    )


def bounded_mean(
    values: ArrayLike, clusters: Sequence[str], reach: float, draws: int = 2000, seed: int = 0
) -> Interval:
    """A mean with its interval by clusters, where a value lies within `reach` points.

    Where no cluster differs from another the bootstrap would claim certainty; the share of others
    that Wilson's bound allows (one observation a cluster), each off by the whole reach, bounds the
    mean instead.
    """
    data = np.asarray(values, dtype=np.float64)
    code, many = codes(clusters)
    sums = cluster_sums(np.column_stack([data, np.ones_like(data)]), code, many)
    with np.errstate(invalid="ignore"):
        found = percentile(
            float(data.mean()),
            bootstrap_sums(sums, lambda total: total[:, 0] / total[:, 1], draws, seed),
            data.size,
        )
    if found.low is not None:
        return found
    off = (1 - wilson(1.0, many)[0]) * reach
    return found._replace(low=found.value - off, high=found.value + off)
