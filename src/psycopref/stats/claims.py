"""Tests behind a claim: the exact sign test, McNemar's, and Holm's correction for a family of
claims.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from psycopref.stats.intervals import Interval, paired_difference


class Signs(NamedTuple):
    """How many values lie above, below and at the null value, and the two-sided exact p-value (1
    where all are at it).
    """

    above: int
    below: int
    level: int
    p: float


def sign_test(values: ArrayLike, null: float = 0.0) -> Signs:
    """The exact sign test (Dixon and Mood 1946): values at the null say nothing and are left out;
    no assumption on their sizes.
    """
    data = np.asarray(values, dtype=np.float64)
    above, below = int((data > null).sum()), int((data < null).sum())
    p = float(binomtest(above, above + below).pvalue) if above + below else 1.0
    return Signs(above, below, int(data.size) - above - below, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values in the order given (Holm 1979): a claim below 0.05 holds
    for the whole family at 5 %.
    """
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    out, reached = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(order):
        reached = max(reached, min(1.0, (len(p_values) - rank) * p_values[at]))
        out[at] = reached
    return out


class PairedSystems(NamedTuple):
    """Two systems that met the same opponent on the same prompts.

    `difference`: the first's win rate less the second's. `signs`: prompts on which the first scored
    higher, lower, the same, with the sign test. `mcnemar`: exact p-value of McNemar's test on won
    (a score above 0.5) against not won. `unpaired`: prompts that only one has a score for.
    """

    difference: Interval
    signs: Signs
    mcnemar: float
    unpaired: int


def paired_systems(
    first: ArrayLike, second: ArrayLike, clusters: Sequence[str], draws: int = 2000, seed: int = 0
) -> PairedSystems:
    """Prompt scores (n,) of two systems against one opponent, NaN where an order failed; `clusters`
    are the prompts.

    What the prompts share cancels in the difference, so its interval is narrower than two separate
    ones would suggest.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    both = np.isfinite(a) & np.isfinite(b)
    names = [name for name, kept in zip(clusters, both, strict=True) if kept]
    unpaired = int((np.isfinite(a) ^ np.isfinite(b)).sum())
    a, b = a[both], b[both]
    won = (a > 0.5).astype(np.float64) - (b > 0.5)
    return PairedSystems(
        paired_difference(a, b, names, draws, seed, (-1.0, 1.0)),
        sign_test(a - b),
        sign_test(won).p,
        unpaired,
    )
