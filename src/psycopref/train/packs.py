"""What goes into an optimiser step and into a micro-batch: which items, in which order, within
which token budget.
"""

import random
from math import ceil
from typing import NamedTuple

from psycopref.nets.tokens import Encoded


class Item(NamedTuple):
    """One thing to learn from: one response (supervised), chosen and rejected in this order
    (preferences), or a group of responses of any number.
    """

    rows: tuple[Encoded, ...]
    weight: float = 1.0
    """Its share in the mean of a batch."""
    reference: tuple[float, ...] = ()
    """The reference model's log-probability of each row, then of each row beside."""
    gap: float = 0.0
    """The difference of the ratings."""
    beside: tuple[Encoded, ...] = ()
    """A response set beside another prompt, where an objective asks for one (KTO)."""
    old_logps: tuple[tuple[float, ...], ...] = ()
    """For each row the log-probability of each response token under the policy that sampled it."""
    advantages: tuple[float, ...] = ()
    """For each row by how much it was better than expected."""

    @property
    def length(self) -> int:
        """Tokens of the longest row."""
        return max(len(row.prompt) + len(row.response) for row in self.rows)


def count_steps(items: int, batch_size: int, epochs: float) -> int:
    """Optimiser steps of `epochs` passes over the items; at least one."""
    return max(1, ceil(items * epochs / batch_size - 1e-9))


def order(items: int, seed: int, epoch: int) -> list[int]:
    """The order of the items in an epoch: a permutation that depends on seed and epoch only."""
    indexes = list(range(items))
    random.Random(f"{seed}/{epoch}").shuffle(indexes)
    return indexes


def batch(step: int, items: int, batch_size: int, seed: int) -> list[int]:
    """The items of optimiser step `step` (from 0): exactly `batch_size`, epochs following one
    another without a gap.
    """
    epoch, at = divmod(step * batch_size, items)
    picked = order(items, seed, epoch)[at : at + batch_size]
    while len(picked) < batch_size:
        epoch += 1
        picked += order(items, seed, epoch)[: batch_size - len(picked)]
    return picked
