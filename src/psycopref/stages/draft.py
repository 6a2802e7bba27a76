"""Speeches to a policy's own responses: K samples each, kept in the ledger like any model's
answers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from psycopref.lab import Lab
from psycopref.models.entries import ModelEntry
from psycopref.models.thinking import split
from psycopref.needs import ANSWER, Need, written
from psycopref.nets.tokens import messages, word_target
from psycopref.settings import TORCH, Stage
from psycopref.stats.length import words as count_words
from psycopref.store.calls import Ask, Message, Reply
from psycopref.store.keys import digest
from psycopref.tables import Failure, Response, Speech, Split, content_id


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

    def packages(self) -> Sequence[str]:
        """What computes with weights."""
        return TORCH

    def run(
        self, lab: Lab, speeches: Sequence[Speech], weights: Path, targets: Sequence[Response]
    ) -> Drafted:
        """Speeches to responses and failures; a run after a killed one samples only what the ledger
        does not hold yet. ModelError where the weights answer nothing.
        """
        entry = self._entry(weights)
        asks = self._asks(speeches, targets, entry.name)
        replies: dict[str, Reply] = {}
        with lab.progress.track("draft", len(asks)) as tick:
            for ask, reply in lab.ask((ask for _, ask in asks), [entry]):
                replies[ask.call_id] = reply
                tick()
        rows = [_row(speech_id, ask, replies[ask.call_id]) for speech_id, ask in asks]
        return Drafted(
            [row for row in rows if isinstance(row, Response)],
            [row for row in rows if isinstance(row, Failure)],
        )

    def _entry(self, weights: Path) -> ModelEntry:
        """The weights as a model that is asked, under the name that their digest gives."""
        from psycopref.nets.weights import name_of  # torch, which a recipe is read without

        return ModelEntry(
            name=name_of(weights),
            kind="weights",
            model=str(weights),
            engine=self.engine,
            context=self.context,
            concurrency=self.rows,
        )

    def _asks(
        self, speeches: Sequence[Speech], targets: Sequence[Response], model: str
    ) -> list[tuple[str, Ask]]:
        lengths = {row.speech_id: word_target(count_words(row.text)) for row in reversed(targets)}
        asks = []
        for speech in speeches:
            if self.split and speech.split != self.split:
                continue
            if targets and speech.speech_id not in lengths:
                continue
            turns = messages(speech, lengths.get(speech.speech_id, self.words or 0))
            chat = tuple(Message(turn.role, turn.content) for turn in turns)
            asks += [
                (speech.speech_id, Ask(model, chat, self.temperature, self.max_tokens, draw=draw))
                for draw in range(self.samples)
            ]
        return asks

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


def _row(speech_id: str, ask: Ask, reply: Reply) -> Response | Failure:
    text = split(reply.text).answer
    if reply.outcome == "ok" and text:
        return Response(
            content_id("response", speech_id, ask.model, reply.call_id),
            speech_id,
            ask.model,
            text,
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
