"""Speeches to a policy's own responses: K samples each, kept in the ledger like any model's
answers.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field

from psycopref.lab import Lab
from psycopref.needs import ANSWER, Need, written
from psycopref.progress import Tick
from psycopref.settings import Stage
from psycopref.stats.length import words as count_words
from psycopref.store.calls import Ask, Message, Outcome, Reply
from psycopref.store.keys import digest
from psycopref.tables import Failure, Response, Speech, Split, content_id

if TYPE_CHECKING:
    from psycopref.nets.weights import Loaded

Todo = list[tuple[list[int], list[Ask]]]


class Drafted(NamedTuple):
    """One row for every sample: a response, or a failure where it did not come to an end or was
    empty.
    """

    responses: Sequence[Response]
    failures: Sequence[Failure]


class Draft(Stage):
    """`samples` answers per speech of `split` ('' for all) at `temperature`, each of at most
    `max_tokens` tokens.

    Every draft is a call of the model `weights:<digest>`; its random numbers come from its call id.
    `words` asks for a length; with targets given, only speeches that have a target are answered,
    each asked for its target's length in words. `rows` answers are sampled side by side; `engine =
    "vllm"` (on a GPU, `pip install vllm`) takes `rows` at a time too: give it thousands; `context`
    is the longest prompt and answer it holds.
    """

    samples: int = Field(default=8, ge=1)
    temperature: float = Field(default=1.0, ge=0)
    max_tokens: int = Field(default=512, ge=1)
    words: int | None = Field(default=None, ge=1)
    split: Split = ""
    engine: Literal["transformers", "vllm"] = Field(default="transformers", exclude=True)
    context: int | None = Field(default=None, ge=1, exclude=True)
    rows: int = Field(default=128, ge=1, exclude=True)

    def run(
        self, lab: Lab, speeches: Sequence[Speech], weights: Path, targets: Sequence[Response]
    ) -> Drafted:
        """Sample what the ledger does not hold yet, chunk by chunk; `rows` answers are sampled side
        by side.
        """
        from psycopref.nets import weights as folders

        asks = self._asks(speeches, targets, folders.name_of(weights))
        known = lab.ledger.get([ask.call_id for _, ask in asks])
        with lab.progress.track("draft", len(asks)) as tick:
            tick(len(known))
            missing = [ask for _, ask in asks if ask.call_id not in known]
            if missing:
                known |= (
                    self._vllm(lab, weights, missing, tick)
                    if self.engine == "vllm"
                    else self._sampled(lab, folders.load_policy(weights), missing, tick)
                )
        made = [_row(speech_id, ask, known[ask.call_id]) for speech_id, ask in asks]
        return Drafted(
            [row for row in made if isinstance(row, Response)],
            [row for row in made if isinstance(row, Failure)],
        )

    def _asks(
        self, speeches: Sequence[Speech], targets: Sequence[Response], model: str
    ) -> list[tuple[str, Ask]]:
        from psycopref.nets.tokens import messages, word_target

        lengths = {row.speech_id: word_target(count_words(row.text)) for row in reversed(targets)}
        asks = []
        for speech in speeches:
            if (self.split and speech.split != self.split) or (
                targets and speech.speech_id not in lengths
            ):
                continue
            said = messages(speech, lengths.get(speech.speech_id, self.words or 0))
            chat = tuple(Message(turn.role, turn.content) for turn in said)
            asks += [
                (speech.speech_id, Ask(model, chat, self.temperature, self.max_tokens, draw=draw))
                for draw in range(self.samples)
            ]
        return asks

    def _sampled(
        self, lab: Lab, loaded: "Loaded", asks: Sequence[Ask], tick: Tick
    ) -> dict[str, Reply]:
        """Replies to the asks by call id, put in the ledger chunk by chunk."""
        from psycopref.nets import device
        from psycopref.nets import weights as folders
        from psycopref.nets.tokens import encode

        loaded.model.to(device.device())
        prompts: dict[tuple[Message, ...], tuple[list[int], list[Ask]]] = {}
        for ask in asks:
            if ask.messages not in prompts:
                prompts[ask.messages] = (encode(loaded.tokenizer, ask.messages).prompt, [])
            prompts[ask.messages][1].append(ask)
        folders.fitting(
            loaded.model,
            self.max_tokens + max(len(prompt) for prompt, _ in prompts.values()),
            "draft: prompt and answer",
        )
        replies: dict[str, Reply] = {}
        for chunk in self._chunks(list(prompts.values())):
            rows = self._answered(loaded, chunk)
            lab.count(lab.ledger.add(rows, "draft"))
            replies |= {reply.call_id: reply for _, reply in rows}
            tick(len(rows))
        return replies

    def _vllm(self, lab: Lab, weights: Path, asks: Sequence[Ask], tick: Tick) -> dict[str, Reply]:
        """The same through vLLM, which batches by itself and reads a prompt once for all its
        samples.
        """
        from psycopref.models.providers.local import seed_of
        from psycopref.models.providers.vllm import Engine, Wanted
        from psycopref.nets.tokens import encode
        from psycopref.nets.weights import tokenizer_and_ends

        tokenizer, ends = tokenizer_and_ends(weights)
        engine = Engine(str(weights), self.context)
        replies: dict[str, Reply] = {}
        for start in range(0, len(asks), self.rows):
            part, began = asks[start : start + self.rows], time.monotonic()
            prompts = [encode(tokenizer, ask.messages).prompt for ask in part]
            engine.fit(max(map(len, prompts)) + self.max_tokens)
            wanted = [
                Wanted(p, self.temperature, self.max_tokens, seed_of(a), sorted(ends))
                for p, a in zip(prompts, part, strict=True)
            ]
            found = engine.sample(wanted)
            seconds = round((time.monotonic() - began) / len(part), 4)
            rows = [
                (ask, _reply(ask, tokenizer, one.ids, one.ended, len(p), seconds))
                for ask, p, one in zip(part, prompts, found, strict=True)
            ]
            lab.count(lab.ledger.add(rows, "draft"))
            replies |= {reply.call_id: reply for _, reply in rows}
            tick(len(rows))
        return replies

    def _chunks(self, todo: Todo) -> Iterator[Todo]:
        """Prompts of like length and equally many missing samples, at most `rows` samples
        together.
        """
        todo = sorted(todo, key=lambda one: (len(one[1]), len(one[0])))
        chunk: Todo = []
        for prompt, asks in todo:
            if chunk and (
                len(chunk[0][1]) != len(asks) or (len(chunk) + 1) * len(asks) > self.rows
            ):
                yield chunk
                chunk = []
            chunk.append((prompt, asks))
        if chunk:
            yield chunk

    def _answered(self, loaded: "Loaded", chunk: Todo) -> list[tuple[Ask, Reply]]:
        from psycopref.nets import sampling
        from psycopref.nets.weights import stop_ids

        began = time.monotonic()
        names = [[ask.call_id for ask in asks] for _, asks in chunk]
        pad = loaded.tokenizer.pad_token_id
        found = sampling.sample(
            loaded.model,
            [prompt for prompt, _ in chunk],
            names,
            self.temperature,
            self.max_tokens,
            stop_ids(loaded),
            pad,
        )
        seconds = round((time.monotonic() - began) / sum(map(len, names)), 4)
        rows = []
        for (prompt, asks), samples in zip(chunk, found, strict=True):
            for ask, one in zip(asks, samples, strict=True):
                rows.append(
                    (ask, _reply(ask, loaded.tokenizer, one.ids, one.ended, len(prompt), seconds))
                )
        return rows

    def rehearse(
        self, speeches: Sequence[Speech], weights: Path, targets: Sequence[Response]
    ) -> tuple[Drafted, Need]:
        """Every sample with words that stand for it: other ones for another policy, sample or
        length.
        """
        wanted = {row.speech_id for row in targets}
        asked = [
            one
            for one in speeches
            if self.split in ("", one.split) and (not targets or one.speech_id in wanted)
        ]
        rows = []
        for draw in range(self.samples if asked else 0):
            by = digest([*weights.parts[-3:], bool(targets), draw])[:5]
            text = written(f"{by} {asked[0].speech_id}")
            rows += [
                Response(content_id("response", by, one.speech_id), one.speech_id, by, text, draw)
                for one in asked
            ]
        return Drafted(rows, []), Need(examples=len(rows), tokens=len(rows) * float(ANSWER))


def _reply(
    ask: Ask, tokenizer: Any, ids: list[int], ended: bool, tokens_in: int, seconds: float
) -> Reply:
    outcome: Outcome = "ok" if ended else "truncated"
    return Reply(
        ask.call_id,
        outcome,
        tokenizer.decode(ids, skip_special_tokens=True).strip(),
        tokens_in,
        len(ids),
        seconds,
        ask.model,
    )


def _row(speech_id: str, ask: Ask, reply: Reply) -> Response | Failure:
    if reply.outcome == "ok" and reply.text:
        return Response(
            content_id("response", speech_id, ask.model, reply.call_id),
            speech_id,
            ask.model,
            reply.text,
            ask.draw,
            reply.call_id,
        )
    reason = "empty" if reply.outcome == "ok" else reply.outcome
    return Failure(
        content_id("failure", speech_id, reply.call_id),
        speech_id,
        f"{reason}: draft",
        reply.call_id,
    )
