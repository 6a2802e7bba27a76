"""Win rate by topic without over-reading small groups: partial pooling, a test that topics differ
at all, and claims that hold for the family.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from psycopref.stats.claims import holm, sign_test
from psycopref.stats.intervals import Floats, Interval, codes

FEW = 30  # prompts below which a topic's own rate is shown greyed and no claim is made
_LEVEL = 0.05


class TopicRates(NamedTuple):
    """`names` in order; `pooled` a shrunken rate for each (none where scores never vary within a
    topic); `interaction` the p-value of the test that all topics have one rate (NaN with fewer than
    two topics); `claims` Holm-adjusted p-values by topic, only where that test says that topics
    differ, over the topics of at least `FEW` prompts.
    """

    names: list[str]
    counts: list[int]
    pooled: list[Interval]
    interaction: float
    claims: dict[str, float]


def topic_rates(
    scores: ArrayLike, topics: Sequence[str], draws: int = 10_000, seed: int = 0
) -> TopicRates:
    """Prompt scores (n,) in 0..1, one a prompt, and their topics. Prompts are the units of every
    test and interval here.
    """
    y = np.asarray(scores, dtype=np.float64)
    code, many = codes(topics)
    names = [str(name) for name in np.unique(np.asarray(topics, dtype=object).astype(str))]
    counts = np.bincount(code, minlength=many)
    means = np.bincount(code, weights=y, minlength=many) / np.maximum(counts, 1)
    interaction = permutation_f(y, topics, draws, seed)[1]
    claims: dict[str, float] = {}
    if interaction < _LEVEL:
        wide = [at for at in range(many) if counts[at] >= FEW]
        found = [sign_test(y[code == at], 0.5).p for at in wide]
        claims = {names[at]: p for at, p in zip(wide, holm(found), strict=True)}
    pooled: list[Interval] = []
    within = float(((y - means[code]) ** 2).sum()) / max(1, y.size - many)
    if within > 0 and y.size > many:
        rows = partial_pooling(means, np.sqrt(within / counts))
        ends = [np.clip(row, 0.0, 1.0).tolist() for row in rows]
        pooled = [
            Interval(value, low, high, int(count))
            for (value, low, high), count in zip(ends, counts, strict=True)
        ]
    return TopicRates(names, [int(count) for count in counts], pooled, interaction, claims)


def partial_pooling(
    means: ArrayLike, errors: ArrayLike, widest: float = 0.5, points: int = 400
) -> Floats:
    """Group means (k,) with their standard errors (k,) to (k, 3) posterior mean, 2.5 % and 97.5 %
    of each group's true mean.

    True means are normal around one mean with standard deviation tau; flat priors on that mean and
    on tau in 0..`widest` (0.5 is the largest that groups of scores in 0..1 can have). Nothing is
    plugged in: the posterior is a mixture over `points` values of tau, so an estimate of tau near 0
    does not make intervals too narrow (Gelman et al. 2013, Bayesian Data Analysis, section 5.4 with
    flat tau).
    """
    y, se = np.asarray(means, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    tau = (np.arange(points) + 0.5) / points * widest
    total = se**2 + tau[:, None] ** 2
    centre_var = 1 / (1 / total).sum(1)
    centre = (y / total).sum(1) * centre_var
    logs = (
        0.5 * np.log(centre_var)
        - 0.5 * np.log(total).sum(1)
        - 0.5 * ((y - centre[:, None]) ** 2 / total).sum(1)
    )
    share = np.exp(logs - logs.max())
    share /= share.sum()
    pull = se**2 / total  # of the group's mean towards the centre
    middle = pull * centre[:, None] + (1 - pull) * y
    spread = np.sqrt((1 - pull) * se**2 + pull**2 * centre_var[:, None])
    ends = [_quantile(share, middle, spread, at) for at in (0.025, 0.975)]
    return np.column_stack([share @ middle, *ends])


def _quantile(share: Floats, middle: Floats, spread: Floats, at: float) -> Floats:
    """The quantile of each column's mixture of normals, by bisection."""
    low, high = (middle - 9 * spread).min(0), (middle + 9 * spread).max(0)
    for _ in range(60):
        half = (low + high) / 2
        under = share @ ndtr((half - middle) / spread) < at
        low, high = np.where(under, half, low), np.where(under, high, half)
    return np.asarray((low + high) / 2)


def permutation_f(
    values: ArrayLike, groups: Sequence[str], draws: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """The F statistic of one-way analysis of variance and its permutation p-value, labels dealt out
    anew `draws` times.

    p is (1 + draws at least as large) / (1 + draws) (Phipson and Smyth 2010); NaN with fewer than
    two groups or without variation.
    """
    y = np.asarray(values, dtype=np.float64)
    code, many = codes(groups)
    if many < 2 or y.size <= many or np.ptp(y) == 0:
        return float("nan"), float("nan")
    counts = np.bincount(code, minlength=many)
    onto = np.eye(many)[code] / np.sqrt(counts)[code][:, None]
    centred = y - y.mean()

    def between(rows: Floats) -> Floats:
        return np.asarray(
            ((rows @ onto) ** 2).sum(1)
        )  # F rises with it, the total being the same in every deal

    seen, rng, reached = float(between(centred[None])[0]), np.random.default_rng(seed), 0
    step = max(1, 2_000_000 // y.size)
    for start in range(0, draws, step):
        dealt = rng.permuted(np.broadcast_to(centred, (min(step, draws - start), y.size)), axis=1)
        reached += int((between(dealt) >= seen * (1 - 1e-12)).sum())
    inner = float((centred**2).sum()) - seen
    f = float("inf") if inner <= 1e-12 else (seen / (many - 1)) / (inner / (y.size - many))
    return f, (1 + reached) / (1 + draws)
