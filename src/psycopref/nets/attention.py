"""Attention over groups packed into one row: a prompt is computed once, each of its responses
attends to it and to itself.

Registered through transformers' AttentionInterface, so no model is forked; `packed(model)` switches
a model over and back. The layout travels as a keyword argument of the model's forward. Shared
prefixes: arXiv 2410.20305.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

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


def hidden(model: Any, layout: Pack) -> Tensor:
    """Last hidden states of a packed row, hidden_TH; the model must be inside `packed`."""
    backbone = model.base_model
    output = backbone(
        input_ids=layout.ids_1T, position_ids=layout.positions_1T, use_cache=False, groups=layout
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
    not know is refused by name.
    """
    layout: Pack | None = more.pop("groups", None)
    strange = {name for name, given in more.items() if given is not None and name not in _KNOWN}
    if layout is None or strange:
        raise NotImplementedError(
            f"packed attention: {'no layout was given' if layout is None else sorted(strange)}"
        )
    window, cap = more.get("sliding_window"), more.get("softcap")
    if _PROBE is not None:
        _PROBE.append(window)
    if query.is_cuda and not dropout:
        key, value = (
            each.repeat_interleave(query.shape[1] // key.shape[1], 1) for each in (key, value)
        )
        return _flex(query, key, value, layout, scaling, window, cap), None
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
    key, value = (
        each.repeat_interleave(query.shape[1] // key.shape[1], 1) for each in (key, value)
    )
    scores = (
        query
        @ key.transpose(-1, -2)
        * (scaling if scaling is not None else query.shape[-1] ** -0.5)
    )
    scores = (torch.tanh(scores / cap) * cap).masked_fill(~seen, torch.finfo(scores.dtype).min)
    shares = F.dropout(
        torch.softmax(scores, -1, dtype=torch.promote_types(scores.dtype, torch.float32)).to(
            scores.dtype
        ),
        dropout,
        dropout > 0,
    )
    return shares @ value


def _flex(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    layout: Pack,
    scaling: float | None,
    window: int | None,
    cap: float | None,
) -> Tensor:
    """The same through FlexAttention's block masks, compiled once; queries and keys of other groups
    are never read.
    """
    query, key = (
        query.to(value.dtype),
        key.to(value.dtype),
    )  # under autocast rotated states stay in float32
    capped = None if cap is None else partial(_capped, cap=cap)
    out = _compiled()(
        query, key, value, score_mod=capped, block_mask=block_mask(layout, window), scale=scaling
    )
    return out.transpose(1, 2)  # type: ignore[no-any-return]


def _capped(score: Tensor, *_: Tensor, cap: float) -> Tensor:
    return torch.tanh(score / cap) * cap


_PROBE: list[int | None] | None = None  # the windows that a trial's layers asked for
_MASKS: dict[tuple[int, int | None], Any] = {}
_FLEX: list[Any] = []


def _compiled() -> Any:
    if not _FLEX:
        from torch.nn.attention.flex_attention import flex_attention

        _FLEX.append(torch.compile(flex_attention, dynamic=True))
    return _FLEX[0]


def block_mask(layout: Pack, window: int | None) -> Any:
    """FlexAttention's mask of a layout, kept for the layers of one pass."""
    from torch.nn.attention.flex_attention import create_block_mask

    name = (id(layout.groups_T), window)
    if name not in _MASKS:
        if any(layout_id != name[0] for layout_id, _ in _MASKS):
            _MASKS.clear()
        _MASKS[name] = create_block_mask(
            _rule(layout, window),
            None,
            None,
            layout.tokens,
            layout.tokens,
            device=str(layout.groups_T.device),
        )
    return _MASKS[name]


def seen_TT(layout: Pack, window: int | None) -> Tensor:  # noqa: N802 - the name carries the shape
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


def is_packed(model: Any) -> bool:
    """Whether a model has been switched over."""
    # the name transformers itself reads
    return bool(model.config._attn_implementation == NAME)


@contextmanager
def packed(model: Any) -> Iterator[bool]:
    """Switch a model to packed attention, where it can; gives whether it did. What it was before
    comes back at the end.
    """
    was = model.config._attn_implementation  # noqa: SLF001
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
        model._psycopref_packs = known  # noqa: SLF001 - remembered on the model it describes
    return bool(known)


@torch.no_grad()
def _tried(model: Any) -> bool:
    global _PROBE
    _register()
    if not getattr(model, "_supports_attention_backend", False):
        return False
    with torch.autocast(model.device.type, enabled=False):
        _PROBE = []
        try:
            return _same(model) and not (_windowed(model.config) and not any(_PROBE))
        finally:
            _PROBE = None


def _windowed(config: Any) -> bool:
    """Whether a model looks back over a window only; where its layers do not say so to their
    attention, it would be lost.
    """
    window = (
        getattr(config, "sliding_window", None)
        if getattr(config, "use_sliding_window", True) is not False
        else None
    )
    return window is not None or getattr(config, "attention_chunk_size", None) is not None


def _same(model: Any) -> bool:
    """Whether packed rows give the hidden states that single sequences have."""
    was, training, device = (
        model.config._attn_implementation,
        model.training,
        model.device,
    )  # noqa: SLF001
    model.eval()
    rows = [
        Encoded([3, 4, 5, 6, 7], [8, 9, 10]),
        Encoded([3, 4, 5, 6, 7], [11, 12, 13, 14]),
        Encoded([5, 9], [4, 3, 12]),
    ]
    alone = [
        model.base_model(input_ids=torch.tensor([row.ids], device=device)).last_hidden_state[0, -1]
        for row in rows
    ]
    try:
        model.set_attn_implementation(NAME)
        layout = pack(rows, device)
        together = hidden(model, layout)[[end - 1 for _, _, end in layout.rows]]
    except (
        NotImplementedError,
        TypeError,
        ValueError,
        RuntimeError,
    ):  # the last from compilers, where a shape is none of theirs
        return False
    finally:
        model.set_attn_implementation(was)
        model.train(training)
    low = together.dtype in (torch.bfloat16, torch.float16)
    return torch.allclose(
        torch.stack(alone).float(),
        together.float(),
        atol=5e-2 if low else 1e-3,
        rtol=5e-2 if low else 1e-3,
    )


def _register() -> None:
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, group_attention)
