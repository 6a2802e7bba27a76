"""Rows grouped within a budget of tokens, and padded."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from psycopref.nets.tokens import Encoded


def micro_batches(
    lengths: Sequence[int], budget: int, rows: Sequence[int] | None = None
) -> Iterator[list[int]]:
    """Positions grouped from long to short so that no group has more than `budget` padded tokens; a
    longer one stands alone. `rows` says how many rows each is, all as long as its length; 1 where
    it is not given.
    """
    many = rows if rows is not None else [1] * len(lengths)
    group: list[int] = []
    longest = 0
    held = 0
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if group and (held + many[index]) * longest > budget:
            yield group
            group = []
            held = 0
        longest = lengths[index] if not group else longest
        group.append(index)
        held += many[index]
    if group:
        yield group


def packed_batches(items: Sequence[tuple[Encoded, ...]], budget: int) -> Iterator[list[int]]:
    """Positions grouped so that equal prompts come together and no group packs into more than
    `budget` tokens.

    Equal prompts and equal rows count once, as `pack` lays them out; an item that is
    longer stands alone.
    """
    first: dict[tuple[int, ...], int] = {}
    for index, rows in enumerate(items):
        first.setdefault(tuple(rows[0].prompt), index)
    group: list[int] = []
    seen: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
    tokens = 0
    for index in sorted(range(len(items)), key=lambda i: (first[tuple(items[i][0].prompt)], i)):
        more = _new(items[index], seen)
        if group and tokens + sum(len(one) for _, one in more) > budget:
            yield group
            group, seen, tokens = [], set(), 0
            more = _new(items[index], seen)
        group.append(index)
        seen |= more
        tokens += sum(len(one) for _, one in more)
    if group:
        yield group


def _new(
    rows: tuple[Encoded, ...], seen: set[tuple[tuple[int, ...], tuple[int, ...]]]
) -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
    """What rows add to a pack: their prompts, as ((), prompt), and their responses, as (prompt,
    response).
    """
    parts = {((), tuple(row.prompt)) for row in rows} | {
        (tuple(row.prompt), tuple(row.response)) for row in rows
    }
    return parts - seen


def right_padded(
    rows: Sequence[Sequence[int]], pad: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """ids_BT padded on the right with `pad`, and mask_BT (1 where a token is)."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], device=device)
    mask = torch.tensor(
        [[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=device
    )
    return ids, mask


def left_padded(
    rows: Sequence[Sequence[int]], pad: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """ids_BT padded on the left with `pad`, and mask_BT (1 where a token is)."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*[pad] * (longest - len(row)), *row] for row in rows], device=device)
    mask = torch.tensor(
        [[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=device
    )
    return ids, mask
