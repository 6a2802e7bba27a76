"""From items and what a model says of their rows to the tensors that an objective is given."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from psycopref.train.losses import Values
from psycopref.train.packs import Item


def values_of(items: Sequence[Item], measured: Tensor, shift: Tensor | None = None) -> Values:
    """The values of B items whose rows were measured one after another: a number for each row, or
    one for each response token (`forward.token_logps`), in which case their sums are `values_BR`.

    Items may have unequal numbers of rows: R is the most, and a row that is not there has 0 tokens,
    0 in every other tensor, and no gradient.
    """
    # lengths from Python's lists, not from tensors: asking a GPU for a number waits for it
    split = torch.split(measured, [len(item.rows) for item in items])
    padded = pad_sequence(list(split), batch_first=True)
    tokens = [[len(row.response) for row in item.rows] for item in items]
    known = [(item.reference or (0.0,) * len(item.rows))[: len(item.rows)] for item in items]
    gaps = [item.gap for item in items]
    values = Values(
        padded,
        measured.new_tensor(_filled(known)),
        torch.tensor(_filled(tokens), device=measured.device),
        measured.new_tensor(gaps),
        shift,
        advantages_BR=_advantages(items, measured),
    )
    if measured.ndim == 1:
        return values
    mask_BRT = torch.arange(padded.shape[2], device=measured.device) < values.tokens_BR[..., None]
    return values._replace(
        values_BR=padded.sum(-1),
        logps_BRT=padded,
        old_logps_BRT=_old_logps(items, mask_BRT, padded),
        mask_BRT=mask_BRT,
    )


def _advantages(items: Sequence[Item], like: Tensor) -> Tensor | None:
    """advantages_BR; None where no item has any, ValueError where an item has them for some of its
    rows.
    """
    if not any(item.advantages for item in items):
        return None
    each = [[one for _, one in zip(item.rows, item.advantages, strict=True)] for item in items]
    return like.new_tensor(_filled(each))


def _old_logps(items: Sequence[Item], mask_BRT: Tensor, like_BRT: Tensor) -> Tensor | None:
    """old_logps_BRT; None where no item has any, ValueError where an item has them for some of its
    tokens.
    """
    if not any(item.old_logps for item in items):
        return None
    each = [
        one
        for item in items
        for row, logps in zip(item.rows, item.old_logps, strict=True)
        for _, one in zip(row.response, logps, strict=True)
    ]
    old_BRT = torch.zeros_like(like_BRT, requires_grad=False)
    # the mask is true in the order of items, rows and tokens, as the list is
    old_BRT[mask_BRT] = like_BRT.new_tensor(each)
    return old_BRT


def _filled(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    """Rows of unequal length, with 0 past the end of a shorter one."""
    longest = max(map(len, rows))
    return [[*row, *[0] * (longest - len(row))] for row in rows]
