"""Several systems at once: Bradley-Terry strengths from comparisons of any two, with intervals by
prompt, and sets of ranks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from psycopref.stats.intervals import Floats, Interval, bootstrap_sums, codes, percentile

_LEVEL = 0.05


class Rank(NamedTuple):
    """A system's place by strength (1 is best), and the best and worst places that the data leave
    open.
    """

    place: int
    best: int
    worst: int


class Ranked(NamedTuple):
    """`systems` in order of name; `strength` in log-odds, 0 in the middle: the difference of two is
    the log-odds that the one beats the other.

    `ranks` are sets that hold for all systems at once at 95 %. `apart` is empty, or the groups
    between which nothing was won or nothing lost: then no strength is finite and the other two are
    empty.
    """

    systems: list[str]
    strength: list[Interval]
    ranks: list[Rank]
    apart: list[list[str]]


def bradley_terry(
    first: Sequence[str],
    second: Sequence[str],
    scores: ArrayLike,
    clusters: Sequence[str],
    draws: int = 1000,
    seed: int = 0,
) -> Ranked:
    """Comparisons (n,) of two systems to their strengths (Bradley and Terry 1952). Scores are the
    first system's, 0 to 1; `clusters` the prompts.

    A tie, or a win in one order only, counts half a win for each side. The order of the comparisons
    does not matter, unlike for Elo. Rank sets are those of Mogstad, Romano, Shaikh and Wilhelm
    (2024): a system is ranked under another where the interval of their difference, made for all
    pairs at once by the largest studentised deviation over the draws, leaves out 0. Needs evalica
    (`pip install evalica`, in the extra `train`).
    """
    score = np.asarray(scores, dtype=np.float64)
    names = sorted({*first, *second})
    at = {name: number for number, name in enumerate(names)}
    one, two = (np.array([at[name] for name in side]) for side in (first, second))
    code, many = codes(clusters)
    sums = np.zeros((many, len(names), len(names)))
    np.add.at(sums, (code, one, two), score)
    np.add.at(sums, (code, two, one), 1 - score)
    if apart := _groups(sums.sum(0), names):
        return Ranked(names, [], [], apart)
    flat = sums.reshape(many, -1)
    value = strengths(flat.sum(0, keepdims=True))[0]
    places = range(len(names))
    drawn = bootstrap_sums(flat, strengths, draws, seed)
    met = [int(((one == place) | (two == place)).sum()) for place in places]
    found = [percentile(float(value[place]), drawn[:, place], met[place]) for place in places]
    return Ranked(names, found, _rank_sets(value, drawn), [])


def strengths(wins: Floats) -> Floats:
    """Win matrices (d, k * k), row beats column, to strengths (d, k) in log-odds around 0; NaN
    where a matrix falls apart.
    """
    import evalica  # brings pandas, which nothing else here needs

    size = round(wins.shape[1] ** 0.5)
    one, two = np.nonzero(~np.eye(size, dtype=bool))
    sides = [[str(place) for place in places] for places in (one, two)]
    won, out = [evalica.Winner.X] * len(one), np.full((len(wins), size), np.nan)
    for row, matrix in zip(out, wins.reshape(-1, size, size), strict=True):
        if _groups(matrix, [""] * size):
            continue
        found = evalica.bradley_terry(
            *sides, won, weights=matrix[one, two].tolist(), tolerance=1e-8, limit=10_000
        ).scores
        logs = np.log([found[str(place)] for place in range(size)])
        row[:] = logs - logs.mean()
    return out


def _groups(wins: Floats, names: Sequence[str]) -> list[list[str]]:
    """The groups that a chain of wins does not join in both directions (Ford 1957); none where all
    are joined.
    """
    if (wins + np.eye(len(wins)) > 0).all():
        return []
    count, label = connected_components(
        csr_array((wins > 0).astype(np.int64)), directed=True, connection="strong"
    )
    return (
        [
            [name for name, own in zip(names, label, strict=True) if own == group]
            for group in range(count)
        ]
        if count > 1
        else []
    )


def _rank_sets(value: Floats, drawn: Floats) -> list[Rank]:
    """Places with their sets; every place is open to all where over 5 % of the draws fall apart."""
    size, gaps = len(value), value[:, None] - value[None, :]
    places = [int(one) + 1 for one in (gaps < 0).sum(1)]
    whole = drawn[np.isfinite(drawn).all(1)]
    if len(whole) < (1 - _LEVEL) * len(drawn):
        return [Rank(place, 1, size) for place in places]
    spread = whole[:, :, None] - whole[:, None, :]
    error = spread.std(0)
    varies = (
        error > 1e-9
    )  # a difference that no draw changes is not known to be certain: too few prompts to tell
    studentised = np.divide(spread - gaps, error, out=np.zeros_like(spread), where=varies)
    reach = np.quantile(np.abs(studentised).max((1, 2)), 1 - _LEVEL)
    under, over = varies & (gaps + reach * error < 0), varies & (gaps - reach * error > 0)
    return [
        Rank(place, int(under[at].sum()) + 1, size - int(over[at].sum()))
        for at, place in enumerate(places)
    ]
