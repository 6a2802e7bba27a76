"""What a judge's verdicts say of the judge: the pull of the first place, whether a swap changes the
verdict, whether a repeat does.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from psycopref.stats.agreement import coefficient_interval, cohen_kappa
from psycopref.stats.intervals import Floats, Interval, mean_interval


class Swaps(NamedTuple):
    """`first`: the share of decided verdicts that named the answer shown first (0.5 without a
    bias); `consistent`: the share of prompts on which both orders named the same winner, or both
    none.
    """

    first: Interval
    consistent: Interval


def swaps(outcomes: ArrayLike, prompts: Sequence[str], draws: int = 2000, seed: int = 0) -> Swaps:
    """From outcomes (prompts, 2), our side's points with our answer shown first and shown second: 1
    won, 0.5 tie, 0 lost, NaN failed.

    Both orders of a prompt are drawn together; a prompt with a failed order is in neither figure.
    """
    data = np.asarray(outcomes, dtype=np.float64).reshape(-1, 2)
    both = np.asarray(np.isfinite(data).all(1))
    data, names = data[both], [name for name, there in zip(prompts, both, strict=True) if there]
    picked_first = np.column_stack([data[:, 0], 1 - data[:, 1]])
    decided = picked_first != 0.5
    named = [name for name, row in zip(names, decided, strict=True) for one in row if one]
    first = mean_interval(picked_first[decided], named, draws, seed, share=True)
    return Swaps(
        first,
        mean_interval(
            (data[:, 0] == data[:, 1]).astype(np.float64), names, draws, seed, share=True
        ),
    )


class Repeats(NamedTuple):
    """The same question asked twice: the share of equal verdicts, and Cohen's kappa of first, tie
    and second (NaN where it cannot be had).
    """

    agreement: Interval
    kappa: Interval


def repeats(
    first: Floats, again: Floats, prompts: Sequence[str], draws: int = 2000, seed: int = 0
) -> Repeats:
    """From the points (n,) of two askings of the same questions, NaN for none; intervals by
    prompt.
    """
    both = np.isfinite(first) & np.isfinite(again)
    units, names = (
        np.column_stack([first, again])[both],
        [name for name, there in zip(prompts, both, strict=True) if there],
    )
    agreement = mean_interval(
        (units[:, 0] == units[:, 1]).astype(np.float64), names, draws, seed, share=True
    )
    if len(units) < 2:
        return Repeats(agreement, Interval(float("nan"), None, None, len(units)))
    kappa = coefficient_interval(
        units, lambda u: cohen_kappa(u[:, 0], u[:, 1], "none", [0.0, 0.5, 1.0]), draws, seed, names
    )
    return Repeats(agreement, kappa)
