"""Rows laid out in one row, in which what stands several times in them stands once."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from psycopref.nets.tokens import Encoded


class Segment(NamedTuple):
    """A prompt and one response, as numbers of pieces of a packed row; `own`: the prompt's own
    output is taken from this segment.
    """

    prompt: int
    response: int
    own: bool


class Pack(NamedTuple):
    """Rows laid out in one row of T tokens, made of pieces: each prompt, followed by its responses.

    `pieces` are their lengths in order. `rows` says for each row where its prompt ends (the hidden
    state there predicts the first response token), and where its response begins and ends. groups_T
    numbers the prompts, parts_T the responses of each (0: the prompt).
    """

    ids_1T: Tensor
    positions_1T: Tensor
    pieces: tuple[int, ...]
    segments: tuple[Segment, ...]
    rows: tuple[tuple[int, int, int], ...]
    groups_T: Tensor
    parts_T: Tensor

    @property
    def tokens(self) -> int:
        """Tokens that go through the model."""
        return self.ids_1T.shape[1]


def pack(rows: Sequence[Encoded], device: torch.device) -> Pack:
    """Lay rows out so that equal prompts stand once, and equal rows too; the order of the rows is
    kept in `Pack.rows`.
    """
    by_prompt: dict[tuple[int, ...], dict[tuple[int, ...], list[int]]] = {}
    for index, row in enumerate(rows):
        by_prompt.setdefault(tuple(row.prompt), {}).setdefault(tuple(row.response), []).append(
            index
        )
    ids: list[int] = []
    positions: list[int] = []
    groups: list[int] = []
    parts: list[int] = []
    pieces: list[int] = []
    segments: list[Segment] = []
    found: list[tuple[int, int, int]] = [(0, 0, 0)] * len(rows)
    for group, (prompt, responses) in enumerate(by_prompt.items()):
        start, many, place = len(ids), len(prompt), len(pieces)
        pieces.append(many)
        ids += prompt
        positions += range(many)
        groups += [group] * (many + sum(map(len, responses)))
        parts += [0] * many
        for part, (response, indexes) in enumerate(responses.items(), 1):
            at = len(ids)
            ids += response
            positions += range(many, many + len(response))
            parts += [part] * len(response)
            pieces.append(len(response))
            segments.append(Segment(place, place + part, part == 1))
            for index in indexes:
                found[index] = (start + many - 1, at, len(ids))
    lists = (torch.tensor(values, device=device) for values in (ids, positions, groups, parts))
    ids_T, positions_T, groups_T, parts_T = lists
    return Pack(
        ids_T[None],
        positions_T[None],
        tuple(pieces),
        tuple(segments),
        tuple(found),
        groups_T,
        parts_T,
    )
