"""Sampling from a causal model: K answers to each prompt, the prompt read once, every answer with
its own random stream.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from psycopref.nets.batches import left_padded

SHRINK = 0.85


class Sample(NamedTuple):
    """Token ids of one answer without its EOS, and whether it came to an end within the limit."""

    ids: list[int]
    ended: bool


def stream(name: str, length: int) -> Tensor:
    """Numbers in [0, 1) that depend on a name only, float32, shape (length,)."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1
    return torch.rand(length, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def sample(
    model: Any,
    prompts: Sequence[Sequence[int]],
    names: Sequence[Sequence[str]],
    temperature: float,
    max_tokens: int,
    stops: set[int],
    pad: int,
) -> list[list[Sample]]:
    """For each prompt one answer per name in `names` (as many for every prompt), in the same order.

    Each answer draws from `stream(name)` by inverting the cumulative distribution, so that it does
    not depend on the answers sampled beside it; temperature 0 takes the likeliest token. Rows that
    have ended leave the batch.
    """
    per_prompt = len(names[0])
    noise_RT = torch.stack([stream(name, max_tokens) for each in names for name in each]).to(
        model.device
    )
    ids, mask = left_padded(prompts, pad, model.device)
    first = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=_positions(mask),
        use_cache=True,
        logits_to_keep=1,
    )
    cache = first.past_key_values
    cache.batch_repeat_interleave(per_prompt)
    logits_RV = first.logits[:, -1].repeat_interleave(per_prompt, 0)
    out_RT = torch.full((len(prompts) * per_prompt, max_tokens), -1, device=model.device)
    for rows, step, token_R in _decode(
        model, cache, mask.repeat_interleave(per_prompt, 0), logits_RV, noise_RT, temperature, stops
    ):
        out_RT[rows, step] = token_R
    samples = [_cut(row, stops) for row in out_RT.tolist()]
    return [samples[i : i + per_prompt] for i in range(0, len(samples), per_prompt)]


def _decode(
    model: Any,
    cache: Any,
    mask_RT: Tensor,
    logits_RV: Tensor,
    noise_RT: Tensor,
    temperature: float,
    stops: set[int],
) -> Iterator[tuple[Tensor, int, Tensor]]:
    """The rows still in the batch, the step, and the token each of them takes."""
    rows = torch.arange(len(noise_RT), device=model.device)
    ends = torch.tensor(sorted(stops), device=model.device)
    going = torch.ones_like(rows, dtype=torch.bool)
    for step in range(noise_RT.shape[1]):
        token_R = pick(logits_RV, noise_RT[rows, step], temperature)
        yield rows, step, token_R
        going = going & ~torch.isin(token_R, ends)
        if not going.any() or step + 1 == noise_RT.shape[1]:
            return
        if int(going.sum()) <= SHRINK * len(rows):
            cache.batch_select_indices(going.nonzero()[:, 0])
            rows, token_R, mask_RT, going = (
                rows[going],
                token_R[going],
                mask_RT[going],
                going[going],
            )
        mask_RT = torch.cat([mask_RT, torch.ones_like(mask_RT[:, :1])], 1)
        last = mask_RT.sum(1, keepdim=True) - 1
        logits_RV = model(
            input_ids=token_R[:, None],
            attention_mask=mask_RT,
            position_ids=last,
            past_key_values=cache,
            use_cache=True,
        ).logits[:, -1]


def pick(logits_RV: Tensor, noise_R: Tensor, temperature: float) -> Tensor:
    """Token ids drawn from softmax(logits / temperature) at the given points of the cumulative
    distribution.
    """
    if temperature == 0:
        return logits_RV.argmax(-1)
    reach_RV = torch.softmax(logits_RV.float() / temperature, -1).cumsum(-1)
    return torch.searchsorted(reach_RV, (noise_R * reach_RV[:, -1])[:, None], right=True)[
        :, 0
    ].clamp_max(logits_RV.shape[1] - 1)


def _positions(mask: Tensor) -> Tensor:
    return (mask.cumsum(1) - 1).clamp_min(0)


def _cut(row: list[int], stops: set[int]) -> Sample:
    for at, token in enumerate(row):
        if token in stops:
            return Sample(row[:at], True)
    return Sample([token for token in row if token >= 0], False)
