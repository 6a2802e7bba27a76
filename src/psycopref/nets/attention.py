"""Attention over groups packed into one row: a prompt is computed once, each of its responses
attends to it and to itself.

Registered through transformers' AttentionInterface, so no model is forked; `packed(model)` switches
a model over and back. The layout travels as a keyword argument of the model's forward. Shared
prefixes: arXiv 2410.20305.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from psycopref.nets.flex import flex
from psycopref.nets.pack import Pack, Segment, pack
from psycopref.nets.tokens import Encoded

NAME = "psycopref_groups"
# set on an attention module whose output is read at the last token of each response and nowhere
# else
LAST = "_psycopref_last_token_only"
_KNOWN = {
    "sliding_window",
    "softcap",
    "is_causal",
    "position_ids",
    "use_cache",
    "past_key_values",
    "position_embeddings",
    "cache_position",
    "output_attentions",
}
# two responses to one prompt and one to another: what models are tried on
TRIAL = (
    Encoded([3, 4, 5, 6, 7], [8, 9, 10]),
    Encoded([3, 4, 5, 6, 7], [11, 12, 13, 14]),
    Encoded([5, 9], [4, 3, 12]),
)


def hidden(model: Any, layout: Pack, **more: Any) -> Tensor:
    """Last hidden states of a packed row, hidden_TH; the model must be inside `packed`. `more`
    reaches `group_attention` in every layer.
    """
    output = model.base_model(
        input_ids=layout.ids_1T,
        position_ids=layout.positions_1T,
        use_cache=False,
        groups=layout,
        **more,
    )
    hidden_1TH: Tensor = output.last_hidden_state
    return hidden_1TH[0]


def group_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Any,
    dropout: float = 0.0,
    scaling: float | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Attention of one layer over a packed row; query is 1 x heads x T x width. Anything it does
    not know is refused by name. The layer's window is noted in the list `windows` where one is
    given.
    """
    layout: Pack | None = more.pop("groups", None)
    asked: list[int | None] | None = more.pop("windows", None)
    if layout is None:
        raise NotImplementedError("packed attention: no layout was given")
    strange = {name for name, given in more.items() if given is not None and name not in _KNOWN}
    if strange:
        raise NotImplementedError(f"packed attention: {sorted(strange)}")
    window, cap = more.get("sliding_window"), more.get("softcap")
    if asked is not None:
        asked.append(window)
    if query.is_cuda and not dropout:
        times = query.shape[1] // key.shape[1]
        key = key.repeat_interleave(times, 1)
        value = value.repeat_interleave(times, 1)
        return flex(query, key, value, layout, scaling, window, cap), None
    # split, not slices: the gradient of a split is one concatenation, that of every slice a whole
    # row of zeros
    split = [torch.split(each, list(layout.pieces), 2) for each in (query, key, value)]
    ends = LAST in vars(module)
    out = [_segment(split, one, dropout, scaling, window, cap, ends) for one in layout.segments]
    return torch.cat(out, 2).transpose(1, 2), None


def _segment(
    split: list[Any],
    one: Segment,
    dropout: float,
    scaling: float | None,
    window: int | None,
    cap: float | None,
    ends: bool,
) -> Tensor:
    """What prompt and response (or the response alone) get: plain causal attention over the two,
    side by side.

    With `ends` it is made for the response's last token alone, and zeros stand for the others.
    """
    q, k, v = (torch.cat([pieces[one.prompt], pieces[one.response]], 2) for pieces in split)
    tokens = q.shape[2]
    q = q[:, :, -1:] if ends else q
    if cap is not None or (window is not None and window < tokens):
        out = _masked(q, k, v, dropout, scaling, window, cap)
    else:
        out = F.scaled_dot_product_attention(
            q, k, v, dropout_p=dropout, is_causal=not ends, scale=scaling, enable_gqa=True
        )
    out = F.pad(out, (0, 0, tokens - 1, 0)) if ends else out
    return out if one.own else out[:, :, split[0][one.prompt].shape[2] :]


def _masked(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout: float,
    scaling: float | None,
    window: int | None,
    cap: float | None,
) -> Tensor:
    """Causal attention with a sliding window or soft-capped scores, written out; queries are those
    of the last tokens.
    """
    at = torch.arange(key.shape[2], device=query.device)
    asks = at[-query.shape[2] :, None]
    seen = asks >= at[None]
    if window is not None:
        seen &= asks - at[None] < window
    if cap is None:
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask=seen, dropout_p=dropout, scale=scaling, enable_gqa=True
        )
    times = query.shape[1] // key.shape[1]
    key = key.repeat_interleave(times, 1)
    value = value.repeat_interleave(times, 1)
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    scores = query @ key.transpose(-1, -2) * scale
    scores = (torch.tanh(scores / cap) * cap).masked_fill(~seen, torch.finfo(scores.dtype).min)
    # as transformers does it: the softmax in float32 at least
    wide = torch.promote_types(scores.dtype, torch.float32)
    shares = torch.softmax(scores, -1, dtype=wide).to(scores.dtype)
    return F.dropout(shares, dropout, dropout > 0) @ value


def is_packed(model: Any) -> bool:
    """Whether a model has been switched over."""
    return bool(model.config._attn_implementation == NAME)  # the name transformers itself reads


@contextmanager
def packed(model: Any) -> Iterator[bool]:
    """Switch a model to packed attention, where it can; gives whether it did. What it was before
    comes back at the end.
    """
    was = model.config._attn_implementation
    able = works(model)
    if able:
        model.set_attn_implementation(NAME)
    try:
        yield able
    finally:
        if able:
            model.set_attn_implementation(was)


def works(model: Any) -> bool:
    """Whether packed attention gives a model's own hidden states, tried once on a few tokens and
    remembered on the model.
    """
    known = getattr(model, "_psycopref_packs", None)
    if known is None:
        known = _tried(model)
        model._psycopref_packs = known
    return bool(known)


@torch.no_grad()
def _tried(model: Any) -> bool:
    _register()
    if not getattr(model, "_supports_attention_backend", False):
        return False
    windows: list[int | None] = []
    with torch.autocast(model.device.type, enabled=False):
        return _same(model, windows) and not (_windowed(model.config) and not any(windows))


def _windowed(config: Any) -> bool:
    """Whether a model looks back over a window only; where its layers do not say so to their
    attention, it would be lost.
    """
    on = getattr(config, "use_sliding_window", True) is not False
    window = getattr(config, "sliding_window", None) if on else None
    return window is not None or getattr(config, "attention_chunk_size", None) is not None


def _same(model: Any, windows: list[int | None]) -> bool:
    """Whether packed rows give the hidden states that single sequences have; `windows` gets those
    that the layers asked for.
    """
    was = model.config._attn_implementation
    training = model.training
    device = model.device
    model.eval()
    alone = [
        model.base_model(input_ids=torch.tensor([row.ids], device=device)).last_hidden_state[0, -1]
        for row in TRIAL
    ]
    try:
        model.set_attn_implementation(NAME)
        layout = pack(TRIAL, device)
        ends = [end - 1 for _, _, end in layout.rows]
        together = hidden(model, layout, windows=windows)[ends]
    except (NotImplementedError, TypeError, ValueError, RuntimeError):
        return False  # the last from compilers, where a shape is none of theirs
    finally:
        model.set_attn_implementation(was)
        model.train(training)
    low = together.dtype in (torch.bfloat16, torch.float16)
    near = 5e-2 if low else 1e-3
    return torch.allclose(torch.stack(alone).float(), together.float(), atol=near, rtol=near)


def _register() -> None:
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, group_attention)
