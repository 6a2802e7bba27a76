"""A model on this machine: a Hugging Face id or folder, asked in left-padded batches through plain
transformers.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
)

from psycopref.errors import ModelError
from psycopref.models.entries import ModelEntry
from psycopref.nets.no_code import NO_CODE, why
from psycopref.nets.templates import Unwritable, inert, written
from psycopref.store.calls import Ask, Reply

MAX_TOKENS = 512  # new tokens where an entry sets none


class _Gumbel(LogitsProcessor):  # type: ignore[misc]
    """Sampling by noise: the likeliest token after adding Gumbel noise is a sample from the softmax
    at that temperature.

    Each row draws from a generator of its own, seeded by its call id, so that an answer does not
    depend on its batch.
    """

    def __init__(
        self, seeds: Sequence[int], temperatures: Sequence[float], device: torch.device
    ) -> None:
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        self._temperature_B1 = torch.tensor(temperatures, device=device).unsqueeze(1)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        uniform = [
            torch.rand(scores.shape[1], generator=one, device=scores.device)
            for one in self._generators
        ]
        noise_BV = -torch.log(-torch.log(torch.stack(uniform).clamp_(1e-20, 1 - 1e-7)))
        return scores.float() + self._temperature_B1 * noise_BV


class Local:
    """Loaded with the first ask. `entry.concurrency` rows make a batch; temperature 0 is greedy,
    none is 1.
    """

    def __init__(self, entry: ModelEntry) -> None:
        self._entry = entry
        self._loaded: tuple[Any, Any] | None = None

    def __repr__(self) -> str:
        return f"Local({self._entry.name!r})"

    def stop(self) -> None:
        """Nothing to do: a batch under way is short."""

    def answer(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """Replies batch by batch, long prompts first; ModelError at the end where some prompts do
        not fit the model.
        """
        tokenizer, model = self._loaded = self._loaded or self._load()
        prompts = [(ask, tokens_of(self._entry, tokenizer, ask)) for ask in asks]
        room = self._entry.context or getattr(model.config, "max_position_embeddings", 0) or 1 << 30
        fitting = [(ask, tokens) for ask, tokens in prompts if len(tokens) + _limit(ask) <= room]
        fitting.sort(key=lambda one: (_limit(one[0]), len(one[1]), one[0].call_id), reverse=True)
        start = 0
        while start < len(fitting):
            batch = [
                one
                for one in fitting[start : start + self._entry.concurrency]
                if _limit(one[0]) == _limit(fitting[start][0])
            ]
            yield from self._generate(tokenizer, model, batch)
            start += len(batch)
        if len(fitting) < len(asks):
            longest = max(len(tokens) + _limit(ask) for ask, tokens in prompts)
            raise ModelError(
                f"prompt and answer need up to {longest} tokens and the model holds {room}; lower"
                " max_tokens or choose another model"
            )

    def _load(self) -> tuple[Any, Any]:
        place = self._entry.sent_as
        device = "cuda" if torch.cuda.is_available() else "cpu"
        tokenizer = tokenizer_of(place)
        try:
            model = AutoModelForCausalLM.from_pretrained(place, dtype="auto", **NO_CODE)
            model = model.to(device).eval()
        except (OSError, ValueError) as error:
            raise _unloadable(place, error) from error
        return tokenizer, model

    def _generate(
        self, tokenizer: Any, model: Any, batch: Sequence[tuple[Ask, list[int]]]
    ) -> list[Reply]:
        """One batch; seconds are shared out evenly among its rows."""
        began = time.monotonic()
        padded = tokenizer.pad(
            {"input_ids": [tokens for _, tokens in batch]}, return_tensors="pt"
        ).to(model.device)
        stops = _stops(tokenizer, model)
        config = GenerationConfig(
            do_sample=False,
            max_new_tokens=_limit(batch[0][0]),
            eos_token_id=stops,
            pad_token_id=tokenizer.pad_token_id,
        )
        noise = _Gumbel(
            [seed_of(ask) for ask, _ in batch],
            [1.0 if ask.temperature is None else ask.temperature for ask, _ in batch],
            model.device,
        )
        with torch.inference_mode():
            tokens_BT = model.generate(
                **padded, generation_config=config, logits_processor=LogitsProcessorList([noise])
            )
        width = padded["input_ids"].shape[1]
        seconds = round((time.monotonic() - began) / len(batch), 3)
        version = str(getattr(model.config, "_commit_hash", None) or "")
        rows = zip(batch, tokens_BT, strict=True)
        return [
            self._reply(tokenizer, ask, len(tokens), row[width:].tolist(), stops, seconds, version)
            for (ask, tokens), row in rows
        ]

    def _reply(
        self,
        tokenizer: Any,
        ask: Ask,
        tokens_in: int,
        row: list[int],
        stops: list[int],
        seconds: float,
        version: str,
    ) -> Reply:
        end = next((at for at, token in enumerate(row) if token in stops), None)
        text = tokenizer.decode(row[:end], skip_special_tokens=True).strip()
        return Reply(
            ask.call_id,
            "truncated" if end is None else "ok",
            text,
            tokens_in,
            len(row) if end is None else end + 1,
            seconds,
            version,
        )


def leave_gpu() -> None:
    """Give back what torch keeps of a GPU's memory for itself, before another engine looks at how
    much is free.
    """
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def tokenizer_of(place: str) -> Any:
    """The tokenizer of a model that is asked here, padding on the left; ModelError where it does
    not load or has no chat template.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, padding_side="left", **NO_CODE)
    except (OSError, ValueError) as error:
        raise _unloadable(place, error) from error
    if not tokenizer.chat_template:
        raise ModelError(
            f"the tokenizer of {place!r} has no chat template, so it cannot be asked; choose an"
            " instruct model"
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = (
            tokenizer.eos_token
        )  # masked out; decoding stops at EOS before any padding
    return tokenizer


def _unloadable(place: str, error: Exception) -> ModelError:
    return ModelError(
        f"{place!r} does not load as a causal language model ({why(error)}); give a Hugging Face id"
        " or a folder with weights and tokenizer"
    )


def tokens_of(entry: ModelEntry, tokenizer: Any, ask: Ask) -> list[int]:
    """The prompt of an ask as token ids; ModelError where the chat template does not take its
    roles.
    """
    turns = [{**one, "content": inert(tokenizer, one["content"])} for one in entry.messages(ask)]
    text = None
    with suppress(Unwritable):
        text = written(tokenizer, turns, True)
    if text is None:  # raised outside the `suppress`: what is behind it may hold the request's text
        raise ModelError(
            f"the chat template of {entry.sent_as!r} does not take these roles, or leaves out what"
            " one says; try system_role = false in its pool entry"
        )
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _limit(ask: Ask) -> int:
    return ask.max_tokens or MAX_TOKENS


def seed_of(ask: Ask) -> int:
    """A seed that depends on the call id only."""
    return int(ask.call_id.removeprefix("call-")[:15], 16)


def _stops(tokenizer: Any, model: Any) -> list[int]:
    """Every token that ends an answer: the tokenizer's and those of the model's generation
    settings.
    """
    named = model.generation_config.eos_token_id
    found = {tokenizer.eos_token_id, *(named if isinstance(named, list) else [named])}
    return sorted(token for token in found if token is not None)
