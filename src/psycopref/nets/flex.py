"""Attention over a packed row by FlexAttention's block masks: what runs on CUDA."""

from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor

from psycopref.nets.pack import Pack


def flex(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    layout: Pack,
    scaling: float | None,
    window: int | None,
    cap: float | None,
) -> Tensor:
    """Attention of one layer, all of 1 x heads x T x width (keys and values repeated for their
    heads), to 1 x T x heads x width; blocks of queries and keys of other groups are never read.
    """
    # under autocast rotated states stay in float32
    query = query.to(value.dtype)
    key = key.to(value.dtype)
    capped = None if cap is None else partial(_capped, cap=cap)
    out: Tensor = _compiled()(
        query, key, value, score_mod=capped, block_mask=block_mask(layout, window), scale=scaling
    )
    return out.transpose(1, 2)


def _capped(score: Tensor, *_: Tensor, cap: float) -> Tensor:
    return torch.tanh(score / cap) * cap


@lru_cache(maxsize=1)
def _compiled() -> Any:
    """FlexAttention compiled for any length: compiling takes seconds, so it is done at the first
    row and not at import, and once for all models of the process.
    """
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=True)


class _Kept:
    """The block masks of the last layout by window. Making one costs as much as a layer, and all
    layers of a pass ask for the same one or two.

    They are known by the layout's own tensor, which is held here: an id or a hash of it could be
    that of a later layout once the tensor is gone, and a mask of another layout is no error that
    anything would notice.
    """

    groups_T: Tensor | None = None
    by_window: dict[int | None, Any] = {}


def block_mask(layout: Pack, window: int | None) -> Any:
    """FlexAttention's mask of a layout, kept for the layers of one pass."""
    from torch.nn.attention.flex_attention import create_block_mask

    if _Kept.groups_T is not layout.groups_T:
        _Kept.groups_T = layout.groups_T
        _Kept.by_window = {}
    if window not in _Kept.by_window:
        _Kept.by_window[window] = create_block_mask(
            _rule(layout, window),
            None,
            None,
            layout.tokens,
            layout.tokens,
            device=str(layout.groups_T.device),
        )
    return _Kept.by_window[window]


def seen_TT(layout: Pack, window: int | None) -> Tensor:
    """Which token (column) each token (row) attends to: the rule that the block mask is made of,
    written out.
    """
    at = torch.arange(layout.tokens, device=layout.groups_T.device)
    rule: Tensor = _rule(layout, window)(at, at, at[:, None], at[None])
    return rule


def _rule(layout: Pack, window: int | None) -> Any:
    """Same group, not later, and the prompt or the same response; within the window where there is
    one.
    """
    groups, parts, positions = layout.groups_T, layout.parts_T, layout.positions_1T[0]

    def seen(_b: Tensor, _h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        same = (
            (groups[q] == groups[k])
            & ((parts[k] == 0) | (parts[q] == parts[k]))
            & (positions[k] <= positions[q])
        )
        return same if window is None else same & (positions[q] - positions[k] < window)

    return seen
