"""What a model says of token sequences: a reward each, or the log-probability of each response."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from psycopref.train.packs import micro_batches, right_padded
from psycopref.train.tokens import Encoded

CHUNK = 1024
KEEP_LOGITS = 2**25
Measure = Callable[[Any, Sequence[Encoded]], Tensor]


def rewards(model: Any, rows: Sequence[Encoded]) -> Tensor:
    """rewards_R of a sequence classifier with one label, float32; rows are padded on the right."""
    ids, mask = right_padded([row.ids for row in rows], model.config.pad_token_id, model.device)
    return model(input_ids=ids, attention_mask=mask).logits[:, 0].float()  # type: ignore[no-any-return]


def logps(model: Any, rows: Sequence[Encoded]) -> Tensor:
    """Summed log-probability of each response given its prompt, logps_R, float32.

    Hidden states go through the output layer at response tokens only, in chunks that are computed again in the backward
    pass where the logits would take much memory. Models that do more to their logits than a linear layer (soft caps,
    scales) are recognised on first sight and read whole.
    """
    ids, mask = right_padded([row.ids for row in rows], 0, model.device)
    where = [(r, t) for r, row in enumerate(rows) for t in range(len(row.prompt) - 1, len(row.prompt) + len(row.response) - 1)]
    row_N, at_N = torch.tensor(where, device=model.device).T
    targets_N = ids[row_N, at_N + 1]
    if plain_head(model):
        hidden_NH = model.base_model(input_ids=ids, attention_mask=mask).last_hidden_state[row_N, at_N]
        token_N = head_logps(model.get_output_embeddings(), hidden_NH, targets_N)
    else:
        token_N = _picked(model(input_ids=ids, attention_mask=mask).logits[row_N, at_N], targets_N)
    return torch.zeros(len(rows), device=model.device).index_add(0, row_N, token_N)


def head_logps(head: Any, hidden_NH: Tensor, targets_N: Tensor) -> Tensor:
    """Log-probabilities of targets under softmax(head(hidden)), in chunks."""
    again = torch.is_grad_enabled() and hidden_NH.shape[0] * head.weight.shape[0] > KEEP_LOGITS
    parts = []
    for hidden, targets in zip(torch.split(hidden_NH, CHUNK), torch.split(targets_N, CHUNK), strict=True):
        parts.append(checkpoint(_head_chunk, head, hidden, targets, use_reentrant=False) if again else _head_chunk(head, hidden, targets))
    return torch.cat(parts)


def _head_chunk(head: Any, hidden_NH: Tensor, targets_N: Tensor) -> Tensor:
    return _picked(head(hidden_NH), targets_N)


def _picked(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    return -torch.nn.functional.cross_entropy(logits_NV.float(), targets_N, reduction="none")


@torch.no_grad()
def plain_head(model: Any) -> bool:
    """Whether a causal model's logits are its output layer on its last hidden state and nothing more (looked at once)."""
    known = getattr(model, "_psycopref_plain_head", None)
    if known is None:
        was = model.training
        model.eval()
        ids = torch.arange(8, device=model.device)[None]
        logits = model(input_ids=ids).logits
        known = torch.allclose(model.get_output_embeddings()(model.base_model(input_ids=ids).last_hidden_state), logits, atol=1e-4, rtol=1e-3)
        model.train(was)
        model._psycopref_plain_head = known  # noqa: SLF001 - remembered on the model it describes
    return bool(known)


@torch.no_grad()
def measure_all(model: Any, measure: Measure, rows: Sequence[Encoded], batch_tokens: int) -> Iterator[tuple[list[int], list[float]]]:
    """Positions and values of all rows, micro-batch by micro-batch within a token budget, with dropout off."""
    was = model.training
    model.eval()
    for group in micro_batches([len(row.ids) for row in rows], batch_tokens):
        yield group, measure(model, [rows[i] for i in group]).tolist()
    model.train(was)
