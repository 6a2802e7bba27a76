"""A policy's weights folder as a model that is asked: samples of one prompt side by side, each with
random numbers that its call id gives.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from psycopref.models.entries import ModelEntry
from psycopref.models.providers.local import MAX_TOKENS, seed_of
from psycopref.models.providers.vllm import Engine, Wanted
from psycopref.nets import device, sampling
from psycopref.nets import weights as folders
from psycopref.nets.tokens import encode
from psycopref.nets.weights import Loaded
from psycopref.store.calls import Ask, Message, Outcome, Reply

# A prompt's token ids, and the asks that want one answer each to it.
Group = tuple[list[int], list[Ask]]


class _StoppedError(Exception):
    """No reply is wanted any more."""


class Weights:
    """Asked through transformers. Loaded with the first ask; `entry.concurrency` answers are
    sampled side by side.

    A reply depends on its ask alone: its random numbers come from its call id
    (`nets.sampling.stream`), whatever is sampled beside it.
    """

    def __init__(self, entry: ModelEntry) -> None:
        self._entry = entry
        self._loaded: Loaded | None = None
        self._stopped = threading.Event()

    def __repr__(self) -> str:
        return f"Weights({self._entry.name!r})"

    def stop(self) -> None:
        """Break off at the next token, and let go of the weights."""
        self._stopped.set()
        self._loaded = None

    def answer(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """Replies chunk by chunk, short prompts first. TrainError where the folder does not load,
        or a prompt and its answer are more than the model has positions for.
        """
        loaded = self._loaded = self._loaded or self._load()
        groups = _grouped(loaded.tokenizer, asks)
        longest = max(len(prompt) + _limit(equal[0]) for prompt, equal in groups)
        folders.fitting(loaded.model, longest, "prompt and answer")
        try:
            for chunk in _chunks(groups, self._entry.concurrency):
                yield from _sampled(loaded, chunk)
        except _StoppedError:
            return

    def _load(self) -> Loaded:
        loaded = folders.load_policy(Path(self._entry.sent_as))
        loaded.model.to(device.device())
        # A chunk may take minutes and there is no other way into `sample`: every token is one pass.
        loaded.model.register_forward_pre_hook(self._go_on)
        return loaded

    def _go_on(self, *_: object) -> None:
        if self._stopped.is_set():
            raise _StoppedError


class VllmWeights:
    """The same through vLLM, which batches by itself and reads a prompt once for all its samples;
    it is handed `entry.concurrency` asks at a time.
    """

    def __init__(self, entry: ModelEntry) -> None:
        self._entry = entry
        self._loaded: tuple[Engine, Any, list[int]] | None = None
        self._stopped = threading.Event()

    def __repr__(self) -> str:
        return f"VllmWeights({self._entry.name!r})"

    def stop(self) -> None:
        """Hand it nothing more; what it has under way is waited for."""
        self._stopped.set()
        self._loaded = None

    def answer(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """Replies in order. ModelError where vLLM is not there, does not load the folder, or holds
        less than a prompt and its answer.
        """
        engine, tokenizer, ends = self._loaded = self._loaded or self._load()
        for start in range(0, len(asks), self._entry.concurrency):
            if self._stopped.is_set():
                return
            part = asks[start : start + self._entry.concurrency]
            began = time.monotonic()
            wanted = [
                Wanted(
                    encode(tokenizer, ask.messages).prompt,
                    _temperature(ask),
                    _limit(ask),
                    seed_of(ask),
                    ends,
                )
                for ask in part
            ]
            engine.fit(max(len(one.prompt) + one.max_tokens for one in wanted))
            samples = engine.sample(wanted)
            seconds = round((time.monotonic() - began) / len(part), 4)
            for ask, one, sample in zip(part, wanted, samples, strict=True):
                yield _reply(ask, tokenizer, sample.ids, sample.ended, len(one.prompt), seconds)

    def _load(self) -> tuple[Engine, Any, list[int]]:
        tokenizer, ends = folders.tokenizer_and_ends(Path(self._entry.sent_as))
        return Engine(self._entry.sent_as, self._entry.context), tokenizer, sorted(ends)


def _grouped(tokenizer: Any, asks: Sequence[Ask]) -> list[Group]:
    """Asks of the same messages and settings together: their prompt is read once."""
    groups: dict[tuple[tuple[Message, ...], float, int], Group] = {}
    for ask in asks:
        key = (ask.messages, _temperature(ask), _limit(ask))
        if key not in groups:
            groups[key] = (encode(tokenizer, ask.messages).prompt, [])
        groups[key][1].append(ask)
    return list(groups.values())


def _chunks(groups: Sequence[Group], rows: int) -> Iterator[list[Group]]:
    """Prompts of like length, settings and number of samples, at most `rows` samples together (or
    one prompt's, where it has more).
    """
    chunk: list[Group] = []
    for group in sorted(groups, key=lambda one: (_alike(one), len(one[0]))):
        full = (len(chunk) + 1) * len(group[1]) > rows
        if chunk and (full or _alike(group) != _alike(chunk[0])):
            yield chunk
            chunk = []
        chunk.append(group)
    if chunk:
        yield chunk


def _alike(group: Group) -> tuple[float, int, int]:
    """What all groups of a chunk have in common."""
    ask = group[1][0]
    return _temperature(ask), _limit(ask), len(group[1])


def _sampled(loaded: Loaded, chunk: Sequence[Group]) -> Iterator[Reply]:
    """One chunk; seconds are shared out evenly among its answers."""
    began = time.monotonic()
    names = [[ask.call_id for ask in equal] for _, equal in chunk]
    first = chunk[0][1][0]
    found = sampling.sample(
        loaded.model,
        [prompt for prompt, _ in chunk],
        names,
        _temperature(first),
        _limit(first),
        folders.stop_ids(loaded),
        loaded.tokenizer.pad_token_id,
    )
    seconds = round((time.monotonic() - began) / sum(map(len, names)), 4)
    for (prompt, equal), samples in zip(chunk, found, strict=True):
        for ask, one in zip(equal, samples, strict=True):
            yield _reply(ask, loaded.tokenizer, one.ids, one.ended, len(prompt), seconds)


def _temperature(ask: Ask) -> float:
    return 1.0 if ask.temperature is None else ask.temperature


def _limit(ask: Ask) -> int:
    return ask.max_tokens or MAX_TOKENS


def _reply(
    ask: Ask, tokenizer: Any, ids: list[int], ended: bool, tokens_in: int, seconds: float
) -> Reply:
    outcome: Outcome = "ok" if ended else "truncated"
    text = tokenizer.decode(ids, skip_special_tokens=True).strip()
    return Reply(ask.call_id, outcome, text, tokens_in, len(ids), seconds, ask.model)
