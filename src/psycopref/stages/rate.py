"""Responses to ratings: judges score the responses to one speech together, one call per item of the
instrument or one for all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

import polars as pl
from pydantic import Field, model_validator

from psycopref.config.instruments import InstrumentSetting, Item
from psycopref.config.prompts import PromptSetting, load_prompt
from psycopref.judging.answers import Scores, read_all_ratings, read_ratings, unreadable
from psycopref.judging.calls import Answer, asked
from psycopref.judging.ratings import rating_ask
from psycopref.lab import Lab
from psycopref.labels.topic_list import TopicsSetting, groups
from psycopref.models.calling.answer import Exchange
from psycopref.models.entries import EntrySetting, ModelEntry
from psycopref.models.thinking import split
from psycopref.queries.columns import coarse_column, outcome_column
from psycopref.queries.dropout import GROUPS, lost_rows
from psycopref.settings import LATER, Stage
from psycopref.stats.dropout import dropout, lost_share
from psycopref.stats.position import Positions
from psycopref.store.calls import Ask
from psycopref.store.keys import digest
from psycopref.store.parquet import Gather, Table, table
from psycopref.tables import Failure, Figure, Metric, Rating, Response, Speech, content_id

ASKED = Figure("ratings.asked", "count", ("all",), "responses times items, judges and repeats")
LOST = Figure(
    "rate.lost",
    "estimate",
    (*GROUPS, "judge:{judge}"),
    "share of the ratings asked for that was lost",
)
LOST_TO = Figure("rate.lost.{outcome}", "estimate", GROUPS, "the same, to one outcome")
AT = ("{place}: {judge}",)
SCORE_AT = Figure(
    "position.score", "estimate", AT, "mean score of the reply shown first, second, ..."
)
EFFECT_AT = Figure(
    "position.effect", "estimate", AT, "its difference to the other replies of its call"
)


class Rated(NamedTuple):
    """For every response, item, judge and repeat exactly one row: a rating or a failure. Metrics:
    drop-out and position bias.
    """

    ratings: Sequence[Rating]
    failures: Sequence[Failure]
    metrics: Sequence[Metric]


@dataclass(frozen=True, slots=True)
class Job:
    """What one call rates."""

    speech: Speech
    responses: tuple[Response, ...]
    items: tuple[Item, ...]
    judge: ModelEntry
    repeat: int = 0


@dataclass
class _Kept:
    ratings: Gather[Rating] = field(default_factory=lambda: Gather(Rating))
    failures: Gather[Failure] = field(default_factory=lambda: Gather(Failure))
    positions: dict[str, Positions] = field(default_factory=dict)  # by judge
    places: dict[str, int] = field(default_factory=dict)  # a number for each speech


def _prompt_of(data: dict[str, Any]) -> Any:
    return load_prompt("rate_all" if data.get("per_call") == "all" else "rate")


class Rate(Stage):
    """One call rates up to `responses_per_call` responses to one speech on one item (paper, section
    3.2: 4 per call, 1 to 5).

    With `per_call = "all"` one call rates them on all items (a seventh of the calls; give the judge
    the `max_tokens` for it). `judges` are further judges who rate the same. `repeats` rates
    everything so many times, each time in another order; ratings of repeats are rows of their own.
    A cut-off or unreadable answer is asked again, `attempts` times in all; a refusal or a filter is
    final.

    Topics are grouped by the list `topics` (the shipped one where it is None; a recipe
    gives its own).
    """

    instrument: InstrumentSetting
    judge: EntrySetting
    judges: tuple[EntrySetting, ...] = ()
    per_call: Literal["item", "all"] = "item"
    prompt: PromptSetting = Field(default_factory=_prompt_of)
    responses_per_call: int = Field(default=4, ge=1)
    attempts: int = Field(default=2, ge=1)
    repeats: int = Field(default=1, ge=1)
    topics: TopicsSetting | None = Field(default=None, json_schema_extra=LATER)

    @classmethod
    def version(cls) -> int:
        """2: metrics; broken JSON is repaired where only punctuation changes, and quotations from a
        response are no answer.

        3: a repaired answer's scores are whole numbers in what the judge wrote; an answer with a
        field twice is malformed. 4: every share has its interval.
        """
        return 4

    @model_validator(mode="after")
    def _different(self) -> "Rate":
        names = [entry.name for entry in self.everyone]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"judges need different names; more than once: {twice}")
        return self

    @property
    def everyone(self) -> tuple[ModelEntry, ...]:
        """All judges."""
        return (self.judge, *self.judges)

    def run(self, lab: Lab, speeches: Sequence[Speech], responses: Sequence[Response]) -> Rated:
        """Speeches and responses to ratings and failures, in the order of their ids."""
        people = table(Speech, speeches)
        answers = table(Response, responses)
        places = {key: at for at, key in enumerate(people.pick("speech_id")["speech_id"])}
        kept = _Kept(
            positions={
                judge.name: Positions(len(places), self.responses_per_call)
                for judge in self.everyone
            },
            places=places,
        )
        exchanges = ((job, self._exchange(job)) for job in self.jobs(people, answers))
        with lab.progress.track("rate", self._calls(answers, places)) as tick:
            for job, answer in lab.play(exchanges, self.everyone):
                if answer.value is None:
                    self._lost(job, answer, kept)
                else:
                    self._rated(job, answer.value, answer.reply.call_id, kept)
                tick()
        ratings = kept.ratings.table()
        failures = kept.failures.table()
        return Rated(
            ratings,
            failures,
            [*self._dropout(people, answers, failures, ratings), *_bias(kept.positions)],
        )

    def _calls(self, answers: Table[Response], places: dict[str, int]) -> int:
        sizes = (
            answers.pick("speech_id")
            .filter(pl.col("speech_id").is_in(list(places)))
            .group_by("speech_id")
            .len()["len"]
        )
        parts = int(((sizes + self.responses_per_call - 1) // self.responses_per_call).sum())
        each = 1 if self.per_call == "all" else len(self.instrument.items)
        return parts * self.repeats * len(self.everyone) * each

    def jobs(self, speeches: Sequence[Speech], responses: Sequence[Response]) -> Iterator[Job]:
        """What is asked: per speech its responses in an order made from their ids (never the
        pool's), afresh for each repeat, item by item.

        The calls of one speech and repeat that differ only in the item follow one another and share
        their order, so that prompts share prefixes.
        """
        answers = table(Response, responses)
        items = (
            [self.instrument.items]
            if self.per_call == "all"
            else [(item,) for item in self.instrument.items]
        )
        for speech, given in _grouped(table(Speech, speeches), answers):
            for repeat in range(self.repeats):
                salt = [repeat] if repeat else []
                mixed = _mixed(speech.speech_id, given, salt)
                for start in range(0, len(mixed), self.responses_per_call):
                    part = tuple(mixed[start : start + self.responses_per_call])
                    yield from (
                        Job(speech, part, some, judge, repeat)
                        for judge in self.everyone
                        for some in items
                    )

    def ask(self, job: Job, attempt: int = 0) -> Ask:
        """The request of one job."""
        texts = [response.text for response in job.responses]
        item = None if self.per_call == "all" else job.items[0]
        return rating_ask(
            self.prompt, self.instrument, item, job.judge, job.speech, texts, attempt, job.repeat
        )

    def _exchange(self, job: Job) -> Exchange[Answer[list[Scores]]]:
        return asked(partial(self.ask, job), partial(self._read, job), self.attempts)

    def _read(self, job: Job, text: str) -> list[Scores] | None:
        """The scores of each response by item."""
        texts = [response.text for response in job.responses]
        if self.per_call == "all":
            return read_all_ratings(text, len(texts), self.instrument, texts)
        scores = read_ratings(text, len(texts), self.instrument, texts)
        return None if scores is None else [{job.items[0].name: score} for score in scores]

    def _rated(self, job: Job, by_item: list[Scores], call_id: str, kept: _Kept) -> None:
        salt = [job.repeat] if job.repeat else []
        judge = job.judge.name
        for response, own in zip(job.responses, by_item, strict=True):
            for name, score in own.items():
                key = content_id("rating", response.response_id, name, judge, *salt)
                kept.ratings.add(
                    Rating(
                        key,
                        response.response_id,
                        name,
                        judge,
                        float(score.score),
                        score.rationale,
                        call_id,
                    )
                )
        for item in job.items:
            kept.positions[judge].add(
                kept.places[job.speech.speech_id], [own[item.name].score for own in by_item]
            )

    def _lost(self, job: Job, answer: Answer[list[Scores]], kept: _Kept) -> None:
        reply = answer.reply
        outcome = unreadable(split(reply.text).answer) if reply.outcome == "ok" else reply.outcome
        for response in job.responses:
            for item in job.items:
                key = content_id(
                    "failure", response.response_id, item.name, job.judge.name, job.repeat
                )
                reason = f"{outcome}: rate {item.name}"
                kept.failures.add(Failure(key, response.response_id, reason, reply.call_id))

    def _dropout(
        self,
        people: Table[Speech],
        answers: Table[Response],
        failures: Table[Failure],
        ratings: Table[Rating],
    ) -> list[Metric]:
        """Ratings asked for, and the share that was lost: over all, by topic, by responder, by
        judge.
        """
        each = len(self.instrument.items) * self.repeats
        coarse = coarse_column(groups(self.topics))
        topics = people.pick("speech_id", "topic").select("speech_id", topic=coarse)
        rows = (
            answers.pick("response_id", "speech_id", "model")
            .join(topics, on="speech_id")
            .rename({"speech_id": "cluster"})
        )
        lost = failures.pick("subject_id", "reason").select("subject_id", outcome=outcome_column())
        outcomes = lost["outcome"].unique().to_list()
        counts = lost.group_by("subject_id").agg(
            [(pl.col("outcome") == outcome).sum().alias(outcome) for outcome in outcomes]
        )
        asked = pl.lit(each * len(self.everyone)).alias("asked")
        whole = rows.join(
            counts, left_on="response_id", right_on="subject_id", how="left"
        ).with_columns(asked, pl.col(outcomes).fill_null(0))
        wanted = each * whole.height * len(self.everyone)
        rated = ratings.pick("subject_id", "judge").group_by("subject_id", "judge").len()
        by_judge = [
            row
            for judge in self.everyone
            if wanted
            for row in _lost_by(judge.name, rows.with_columns(asked=pl.lit(each)), rated)
        ]
        return [
            *ASKED.rows(wanted),
            *lost_rows(
                dropout(whole, outcomes, {"topic": "topic", "model": "model"}), LOST, LOST_TO
            ),
            *by_judge,
        ]


def _lost_by(judge: str, rows: pl.DataFrame, rated: pl.DataFrame) -> list[Metric]:
    """The share of a judge's own ratings that was lost: what was asked of it for each response,
    less what it rated.
    """
    own = rated.filter(pl.col("judge") == judge).select("subject_id", given="len")
    counted = rows.join(own, left_on="response_id", right_on="subject_id", how="left").with_columns(
        pl.col("given").fill_null(0)
    )
    losses = counted["asked"].cast(pl.Int64) - counted["given"].cast(pl.Int64)
    return LOST.rows(lost_share(losses, counted), judge=judge)


def _grouped(
    speeches: Table[Speech], answers: Table[Response]
) -> Iterator[tuple[Speech, list[Response]]]:
    """Each speech with its responses; only those of a thousand speeches are objects at once."""
    rows = dict(
        answers.pick("speech_id").with_row_index().group_by("speech_id").agg("index").iter_rows()
    )
    for part in speeches.parts(1000):
        people = Table(Speech, part)
        at = [row for key in part["speech_id"] for row in rows.get(key, ())]
        own: dict[str, list[Response]] = {}
        for response in Table(Response, answers.frame[at]):
            own.setdefault(response.speech_id, []).append(response)
        yield from ((speech, own.get(speech.speech_id, [])) for speech in people)


def _mixed(speech_id: str, responses: Sequence[Response], salt: Sequence[int]) -> list[Response]:
    """The responses to one speech in the order of a hash of their ids, another one by `salt`."""
    return sorted(responses, key=lambda row: digest([speech_id, row.response_id, *salt]))


def _bias(positions: dict[str, Positions]) -> list[Metric]:
    """`position.score`, the mean score by the place at which a response was shown, and
    `position.effect`, the difference to its call's mean.
    """
    out = []
    for judge, one in positions.items():
        for figure, found in zip((SCORE_AT, EFFECT_AT), one.figures(), strict=True):
            for place, (value, low, high, count) in enumerate(found, 1):
                # last digits of sums differ between machines
                first, last = (None if end is None else round(end, 9) for end in (low, high))
                rounded = (round(value, 9), first, last, count)
                out += figure.rows(rounded, place=str(place), judge=judge)
    return out
