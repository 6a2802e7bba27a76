"""What a model says of token sequences: a reward each, or the log-probability of each response."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from psycopref.nets import attention, shared_prefix
from psycopref.nets.batches import micro_batches, packed_batches, right_padded
from psycopref.nets.pack import pack
from psycopref.nets.tokens import Encoded
from psycopref.progress import Tick

# logits held at once: 64 MB in float32; the fewer tokens at a time, the slower at a large
# vocabulary
CELLS = 2**24
Measure = Callable[[Any, Sequence[Encoded]], Tensor]


@contextmanager
def packing(model: Any) -> Iterator[bool]:
    """Switch a model over to packed rows for a while, where that gives its own numbers; gives
    whether it did.

    Needs an attention that goes through transformers' AttentionInterface, and an output layer on
    the last hidden state and nothing more.
    """
    if plain_head(model):
        with attention.packed(model) as able:
            yield able
    else:
        yield False


def rewards(model: Any, rows: Sequence[Encoded]) -> Tensor:
    """rewards_R of a sequence classifier with one label, read at each row's last token (never
    looked for by pad id).
    """
    if attention.is_packed(model):
        layout = pack(rows, model.device)
        with shared_prefix.narrowed(model, layout):
            states_RH = attention.hidden(model, layout)[shared_prefix.last_tokens(layout)]
            return _wide(model.score(states_RH)[:, 0])
    ids, mask = right_padded([row.ids for row in rows], model.config.pad_token_id, model.device)
    if not plain_head(model):
        return _wide(model(input_ids=ids, attention_mask=mask).logits[:, 0])
    hidden_BTH = model.base_model(input_ids=ids, attention_mask=mask).last_hidden_state
    rows_B = torch.arange(len(rows), device=model.device)
    return _wide(model.score(hidden_BTH[rows_B, mask.sum(1) - 1])[:, 0])


def logps(model: Any, rows: Sequence[Encoded]) -> Tensor:
    """Summed log-probability of each response given its prompt, logps_R.

    Hidden states go through the output layer at response tokens only (`head_logps`). Models that do
    more to their logits than a linear layer (soft caps, scales) are recognised on first sight and
    read whole.
    """
    logps_N, of = _response_logps(model, rows)
    # the tokens of all rows lie in one list, and each is added to its row's sum: no table of rows x
    # longest response is made, and no row waits for a loop
    sums_U = logps_N.new_zeros(of.unique).index_add(0, of.row_N, logps_N)
    return sums_U[of.which_R]


def token_logps(model: Any, rows: Sequence[Encoded]) -> Tensor:
    """Log-probability of each response token given what stands before it, logps_RT with T the
    longest response; 0 past the end of a shorter one. Its sums are `logps`, made of the same pass.
    """
    logps_N, of = _response_logps(model, rows)
    longest = max((len(row.response) for row in rows), default=0)
    logps_UT = logps_N.new_zeros(of.unique, longest)
    return logps_UT.index_put((of.row_N, of.place_N), logps_N)[of.which_R]


class _Places(NamedTuple):
    """The response tokens of some rows one after another, N of them, those of equal rows once: the
    unique row that each is of (of `unique`), its place in the response, where the hidden state is
    that predicts it (at_N), and where it stands itself (target_N). which_R says for each row asked
    for which unique one it is.
    """

    row_N: Tensor
    place_N: Tensor
    at_N: Tensor
    target_N: Tensor
    which_R: Tensor
    unique: int


def _response_logps(model: Any, rows: Sequence[Encoded]) -> tuple[Tensor, _Places]:
    """The log-probabilities of all response tokens, logps_N, and where they belong."""
    if attention.is_packed(model):
        layout = pack(rows, model.device)
        places = _places(layout.rows, model.device)
        ids_T = layout.ids_1T[0]
        hidden_TH = attention.hidden(model, layout)
    else:
        ids, mask = right_padded([row.ids for row in rows], 0, model.device)
        ends = [_ends(row, at * ids.shape[1]) for at, row in enumerate(rows)]
        places = _places(ends, model.device)
        ids_T = ids.flatten()
        if not plain_head(model):
            logits_TV = model(input_ids=ids, attention_mask=mask).logits.flatten(0, 1)
            return _picked(logits_TV[places.at_N], ids_T[places.target_N]), places
        hidden_BTH = model.base_model(input_ids=ids, attention_mask=mask).last_hidden_state
        hidden_TH = hidden_BTH.flatten(0, 1)
    head = model.get_output_embeddings()
    return head_logps(head, hidden_TH[places.at_N], ids_T[places.target_N]), places


def _ends(row: Encoded, start: int) -> tuple[int, int, int]:
    """Where the prompt of a row that begins at `start` ends, and its response begins and ends, as
    `Pack.rows` has it.
    """
    response = start + len(row.prompt)
    return response - 1, response, response + len(row.response)


def _places(ends: Sequence[tuple[int, int, int]], device: torch.device) -> _Places:
    """The response tokens of rows that end as `ends` says. Lists of numbers, not loops over rows on
    the device: a hundred small kernels would take longer than the layer they feed.
    """
    index = {one: at for at, one in enumerate(dict.fromkeys(ends))}
    row: list[int] = []
    place: list[int] = []
    at: list[int] = []
    target: list[int] = []
    for number, (before, start, end) in enumerate(index):
        many = end - start
        row += [number] * many
        place += range(many)
        # the first token is predicted where the prompt ends, which in a packed row may be far off;
        # each other one where the token before it stands
        at += [before, *range(start, end - 1)][:many]
        target += range(start, end)
    lists = (row, place, at, target, [index[one] for one in ends])
    row_N, place_N, at_N, target_N, which_R = (
        torch.tensor(values, dtype=torch.long, device=device) for values in lists
    )
    return _Places(row_N, place_N, at_N, target_N, which_R, len(index))


def _wide(values: Tensor) -> Tensor:
    """float32 at least: half precision is for the inside."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def head_logps(
    head: torch.nn.Linear, hidden_NH: Tensor, targets_N: Tensor, cells: int = CELLS
) -> Tensor:
    """Log-probabilities of targets under softmax(head(hidden)), float32 at least.

    Tokens x vocabulary never exists, neither here nor in the backward pass: logits are made for
    some tokens at a time (`cells` numbers at most), thrown away, and made again for the gradient.
    """
    chunk = max(16, cells // head.weight.shape[0])
    logps_N: Tensor = _HeadLogps.apply(  # type: ignore[no-untyped-call]
        hidden_NH, head.weight, head.bias, targets_N, chunk
    )
    return logps_N


class _HeadLogps(torch.autograd.Function):
    """d log p(t) / d logits = onehot(t) - softmax: hidden states, weight and one number per token
    are all that is kept.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden_NH: Tensor,
        weight_VH: Tensor,
        bias_V: Tensor | None,
        targets_N: Tensor,
        chunk: int,
    ) -> Tensor:
        if torch.is_autocast_enabled(hidden_NH.device.type):
            hidden_NH = hidden_NH.to(torch.get_autocast_dtype(hidden_NH.device.type))
        logits_of = _Logits(hidden_NH, weight_VH, bias_V, chunk)
        norms, picked = [], []
        pieces = zip(torch.split(hidden_NH, chunk), torch.split(targets_N, chunk), strict=True)
        for hidden, targets in pieces:
            logits = logits_of(hidden)
            picked.append(logits.gather(-1, targets[:, None])[:, 0])
            highest = logits.amax(-1, keepdim=True)
            norms.append((logits.sub_(highest).exp_().sum(-1).log_()).add_(highest[:, 0]))
        norms_N = torch.cat(norms)
        ctx.save_for_backward(hidden_NH, weight_VH, bias_V, targets_N, norms_N)
        ctx.chunk = chunk
        return torch.cat(picked) - norms_N

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden_NH, weight_VH, bias_V, targets_N, norms_N = ctx.saved_tensors
        logits_of = _Logits(hidden_NH, weight_VH, bias_V, ctx.chunk)
        to_hidden_NH = torch.empty_like(hidden_NH)
        to_weight = torch.zeros_like(weight_VH) if ctx.needs_input_grad[1] else None
        to_bias = torch.zeros_like(bias_V) if bias_V is not None else None
        pieces = (
            each.split(ctx.chunk)
            for each in (hidden_NH, targets_N, norms_N, grads[0], to_hidden_NH)
        )
        for hidden, targets, norms, grad, to_hidden in zip(*pieces, strict=True):
            share = logits_of(hidden).sub_(norms[:, None]).exp_().mul_(-grad[:, None])
            share.scatter_add_(1, targets[:, None], grad[:, None].to(share.dtype))
            if to_bias is not None:
                to_bias += share.sum(0)
            share = logits_of.narrowed(share)
            torch.mm(share, logits_of.weight_VH, out=to_hidden)
            if to_weight is not None and to_weight.dtype == share.dtype:
                to_weight.addmm_(share.T, hidden)
            elif to_weight is not None:
                logits_of.spare_VH = torch.mm(share.T, hidden, out=logits_of.spare_VH)
                to_weight += logits_of.spare_VH
        return to_hidden_NH, to_weight, to_bias, None, None


class _Logits:
    """Logits of up to `chunk` tokens, float32 at least, in memory that is taken once: each chunk
    overwrites the one before.

    Taken anew for every chunk, blocks of this size break up the heap of glibc, and a process grows
    to about twice what it holds.
    """

    def __init__(
        self, hidden_NH: Tensor, weight_VH: Tensor, bias_V: Tensor | None, chunk: int
    ) -> None:
        self.weight_VH, self.bias_V = weight_VH.to(hidden_NH.dtype), bias_V
        self.made_CV = hidden_NH.new_empty(min(chunk, len(hidden_NH)), len(weight_VH))
        wide = torch.promote_types(hidden_NH.dtype, torch.float32)
        self.wide_CV = (
            self.made_CV if wide == hidden_NH.dtype else torch.empty_like(self.made_CV, dtype=wide)
        )
        # a chunk's part of the weight's gradient, where it cannot be added in one go
        self.spare_VH: Tensor | None = None

    def __call__(self, hidden_NH: Tensor) -> Tensor:
        """The logits of some tokens, to be used up before the next call."""
        made_NV, wide_NV = self.made_CV[: len(hidden_NH)], self.wide_CV[: len(hidden_NH)]
        torch.mm(hidden_NH, self.weight_VH.T, out=made_NV)
        if self.wide_CV is not self.made_CV:
            wide_NV.copy_(made_NV)
        return wide_NV if self.bias_V is None else wide_NV.add_(self.bias_V)

    def narrowed(self, wide_NV: Tensor) -> Tensor:
        """What was made in the place of the logits, in the precision of the hidden states."""
        if self.wide_CV is self.made_CV:
            return wide_NV
        return self.made_CV[: len(wide_NV)].copy_(wide_NV)


def _picked(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    return -torch.nn.functional.cross_entropy(_wide(logits_NV), targets_N, reduction="none")


@torch.no_grad()
def plain_head(model: Any) -> bool:
    """Whether a model's logits are its output layer (`score` of a classifier) on its last hidden
    state and nothing more; looked at once.
    """
    known = getattr(model, "_psycopref_plain_head", None)
    if known is None:
        was = model.training
        model.eval()
        with torch.autocast(model.device.type, enabled=False):
            known = _plain(model, torch.arange(3, 11, device=model.device)[None])
        model.train(was)
        model._psycopref_plain_head = known
    return bool(known)


def _plain(model: Any, ids: Tensor) -> bool:
    head = getattr(model, "score", None) or model.get_output_embeddings()
    if not isinstance(head, torch.nn.Linear):
        return False
    states = head(model.base_model(input_ids=ids).last_hidden_state)
    logits = model(input_ids=ids).logits
    return torch.allclose(
        states if states.shape == logits.shape else states[:, -1], logits, atol=1e-4, rtol=1e-3
    )


@torch.no_grad()
def measure_all(
    model: Any, measure: Measure, rows: Sequence[Encoded], batch_tokens: int
) -> Iterator[tuple[list[int], list[float]]]:
    """Positions and values of all rows, micro-batch by micro-batch within a token budget, with
    dropout off.
    """
    was = model.training
    model.eval()
    with packing(model) as able:
        if able:
            groups = packed_batches([(row,) for row in rows], batch_tokens)
        else:
            groups = micro_batches([len(row.ids) for row in rows], batch_tokens)
        for group in groups:
            yield group, measure(model, [rows[i] for i in group]).tolist()
    model.train(was)


def measured(
    model: Any, measure: Measure, rows: Sequence[Encoded], batch_tokens: int, tick: Tick
) -> list[float]:
    """The values of all rows in order."""
    values = [0.0] * len(rows)
    for group, got in measure_all(model, measure, rows, batch_tokens):
        for index, value in zip(group, got, strict=True):
            values[index] = value
        tick(len(group))
    return values
