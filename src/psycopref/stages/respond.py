"""Speeches and a pool to responses: for each speech some models are drawn and each answers once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

import polars as pl
from pydantic import Field, model_validator

from psycopref.config.prompts import (
    Prompt,
    PromptSetting,
    fence,
    history_text,
    instruction,
    load_prompt,
)
from psycopref.errors import ModelError
from psycopref.judging.calls import once
from psycopref.lab import Lab
from psycopref.labels.topic_list import TopicsSetting, groups
from psycopref.models.calling.answer import Exchange
from psycopref.models.connect import can_answer
from psycopref.models.entries import ModelEntry, PoolSetting
from psycopref.models.thinking import split
from psycopref.queries.columns import coarse_column
from psycopref.queries.dropout import GROUPS, lost_rows
from psycopref.settings import LATER, Stage
from psycopref.stats.dropout import dropout
from psycopref.store.calls import Ask, Message, Reply
from psycopref.store.keys import digest
from psycopref.store.parquet import Gather, Table, table
from psycopref.tables import Failure, Figure, Metric, Response, Speech, content_id

Count = Annotated[int, Field(ge=1)]

LOST = Figure("respond.lost", "estimate", GROUPS, "share of the answers asked for that was lost")
LOST_TO = Figure("respond.lost.{outcome}", "estimate", GROUPS, "the same, to one outcome")
THINKING = Figure(
    "respond.thinking",
    "count",
    ("all", "model:{model}"),
    "replies that hold thinking, which is no part of the response, of so many whole replies; where"
    " there is any",
)


class Responded(NamedTuple):
    """One row for every answer asked for: a response or a failure. Metrics: drop-out by topic and
    model.
    """

    responses: Sequence[Response]
    failures: Sequence[Failure]
    metrics: Sequence[Metric]


def respond_ask(prompt: Prompt, entry: ModelEntry, speech: Speech, words: int = 0) -> Ask:
    """The request for one model's answer to one speech, of about so many words where a number is
    given.

    The entry's own `system` text takes the place of the prompt's.
    """
    messages = prompt.fill(history=history_text(speech), speech=fence(speech.text))
    if entry.system:
        messages = (
            Message("system", entry.system),
            *(one for one in messages if one.role != "system"),
        )
    if words:
        length = instruction("length", words=words)
        messages = (*messages[:-1], Message("user", f"{messages[-1].content}\n\n{length}"))
    return Ask(entry.name, messages, entry.temperature, entry.max_tokens)


class Respond(Stage):
    """`per_speech` models answer each speech, drawn by a hash of speech and model (paper, section
    3.2: 4 of 20).

    The draw is rendezvous hashing: a model more takes a speech only where it is drawn itself, a
    speech more changes no other's draw. A recorded model is offered only where an answer of it was
    recorded. With `include_given`, answers that came with the source (a therapist's own) stand in
    the draw like any model. A speech that no model was recorded for is an error, or with
    `unrecorded = "skip"` has no response. `words` asks for a length: a number, or [low, high] for
    one that is drawn by a hash of the speech, in steps of ten, the same for all models that answer
    it.

    Topics are grouped by the list `topics` (the shipped one where it is None; a recipe
    gives its own).
    """

    pool: PoolSetting
    per_speech: int = Field(default=4, ge=1)
    prompt: PromptSetting = Field(default_factory=lambda: load_prompt("respond"))
    words: Count | tuple[Count, Count] | None = None
    include_given: bool = False
    unrecorded: Literal["error", "skip"] = "error"
    seed: int = 0
    topics: TopicsSetting | None = Field(default=None, json_schema_extra=LATER)

    @classmethod
    def version(cls) -> int:
        """2: metrics; tags with a space in them are neutralised too. 3: every share has its
        interval.
        """
        return 3

    @model_validator(mode="after")
    def _range(self) -> "Respond":
        if isinstance(self.words, tuple) and self.words[0] > self.words[1]:
            raise ValueError(
                f"`words` is a number or [low, high], the lower first; found {list(self.words)}"
            )
        return self

    def run(self, lab: Lab, speeches: Sequence[Speech], given: Sequence[Response]) -> Responded:
        """Speeches and source answers to responses and failures; ModelError where a speech has no
        model to answer it.
        """
        own: dict[str, list[Response]] = {}
        for row in given if self.include_given else ():
            own.setdefault(row.speech_id, []).append(row)
        kept = Gather(Response)
        failures = Gather(Failure)
        lost: list[tuple[str, str, str]] = []
        thought: Counter[str] = Counter()
        whole: Counter[str] = Counter()
        with lab.progress.track("respond", len(speeches) * self.per_speech) as tick:
            exchanges = self._exchanges(speeches, own, kept)
            for (speech_id, model), reply in lab.play(exchanges, self.pool.models):
                made = _row(speech_id, model, reply)
                whole[model] += reply.outcome == "ok"
                thought[model] += reply.outcome == "ok" and bool(split(reply.text).thinking)
                if isinstance(made, Response):
                    kept.add(made)
                else:
                    failures.add(made)
                    lost.append((speech_id, model, made.parts().outcome))
                tick()
        responses = kept.table()
        return Responded(
            responses,
            failures.table(),
            [
                *_dropout(table(Speech, speeches), responses, lost, groups(self.topics)),
                *_thinking(thought, whole),
            ],
        )

    def _exchanges(
        self,
        speeches: Sequence[Speech],
        own: dict[str, list[Response]],
        kept: Gather[Response],
    ) -> Iterator[tuple[tuple[str, str], Exchange[Reply]]]:
        """Each ask by its speech and model; answers of the source that were drawn are kept at
        once.
        """
        for speech in speeches:
            drawn = self._drawn(speech, own.get(speech.speech_id, []))
            if not drawn and self.unrecorded == "error":
                raise ModelError(
                    f"respond: no model of pool {self.pool.name!r} can answer speech"
                    f" {speech.speech_id}: nothing was recorded for it; use a live pool"
                )
            for one in drawn:
                if isinstance(one, Response):
                    kept.add(one)
                else:
                    yield (speech.speech_id, one.model), once(one)

    def _drawn(self, speech: Speech, own: Sequence[Response]) -> list[Ask | Response]:
        """The `per_speech` offers with the lowest hashes of speech and model."""
        offers: list[tuple[str, ModelEntry | Response]] = [
            (entry.name, entry) for entry in self.pool.models
        ]
        offers += [(row.model, row) for row in own]
        drawn: list[Ask | Response] = []
        for _, offer in sorted(
            offers, key=lambda one: digest([self.seed, speech.speech_id, one[0]])
        ):
            if len(drawn) == self.per_speech:
                break
            if isinstance(offer, Response):
                drawn.append(offer)
                continue
            ask = respond_ask(self.prompt, offer, speech, self.target(speech))
            if can_answer(offer, ask):
                drawn.append(ask)
        return drawn

    def target(self, speech: Speech) -> int:
        """How many words are asked for; 0 where nothing is said of length."""
        if not isinstance(self.words, tuple):
            return self.words or 0
        low, high = self.words
        steps = (high - low) // 10 + 1
        return low + 10 * (int(digest(["words", self.seed, speech.speech_id])[:12], 16) % steps)


def _row(speech_id: str, model: str, reply: Reply) -> Response | Failure:
    text = split(reply.text).answer.strip()
    if reply.outcome == "ok" and text:
        key = content_id("response", speech_id, model, text)
        return Response(key, speech_id, model, text, call_id=reply.call_id)
    reason = reply.outcome if reply.outcome != "ok" else "empty"
    key = content_id("failure", speech_id, reply.call_id)
    return Failure(key, speech_id, f"{reason}: respond", reply.call_id)


def _thinking(thought: Counter[str], whole: Counter[str]) -> list[Metric]:
    """How many replies were thought about aloud, by model."""
    if not thought.total():
        return []
    rows = THINKING.rows(thought.total(), whole.total())
    for model in sorted(name for name, count in thought.items() if count):
        rows += THINKING.rows(thought[model], whole[model], model=model)
    return rows


def _dropout(
    speeches: Table[Speech],
    responses: Table[Response],
    lost: list[tuple[str, str, str]],
    groups: Mapping[str, str],
) -> list[Metric]:
    """Answers asked for and the share that was lost: over all, by topic, by model. What came with
    the source was not asked for.
    """
    columns = {"speech_id": pl.String, "model": pl.String, "outcome": pl.String}
    got = responses.frame.filter(pl.col("call_id") != "").select(
        "speech_id", "model", outcome=pl.lit("")
    )
    rows = pl.concat([got, pl.DataFrame(lost, schema=columns, orient="row")])
    outcomes = sorted({row[2] for row in lost})
    whole = rows.join(
        speeches.pick("speech_id", "topic").select("speech_id", topic=coarse_column(groups)),
        on="speech_id",
    )
    counted = whole.select(
        "topic",
        "model",
        cluster="speech_id",
        asked=pl.lit(1),
        **{name: (pl.col("outcome") == name).cast(pl.Int64) for name in outcomes},
    )
    found = dropout(counted, outcomes, {"topic": "topic", "model": "model"})
    return lost_rows(found, LOST, LOST_TO)
