"""Responses to ratings: a judge scores the responses to one speech together, one call per item of the instrument."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import Field

from psycopref.instruments import InstrumentSetting, Item
from psycopref.judging import rating_ask, read_ratings
from psycopref.lab import Lab
from psycopref.models.chat import Ask, Reply
from psycopref.models.pool import EntrySetting
from psycopref.prompts import PromptSetting, load_prompt
from psycopref.settings import Stage
from psycopref.store.keys import digest
from psycopref.tables import Failure, Rating, Response, Speech, content_id


class Rated(NamedTuple):
    """For every response and item exactly one row: a rating or a failure."""

    ratings: Sequence[Rating]
    failures: Sequence[Failure]


@dataclass(frozen=True, slots=True)
class _Job:
    speech: Speech
    responses: tuple[Response, ...]
    item: Item


class Rate(Stage):
    """One call per item rates up to `responses_per_call` responses to one speech (paper, section 3.2: 4 per call, 1 to 5).

    A cut-off or unreadable answer is asked again, `attempts` times in all; a refusal or a filter is final.
    """

    instrument: InstrumentSetting
    judge: EntrySetting
    prompt: PromptSetting = Field(default_factory=lambda: load_prompt("rate"))
    responses_per_call: int = Field(default=4, ge=1)
    attempts: int = Field(default=2, ge=1)

    def run(self, lab: Lab, speeches: Sequence[Speech], responses: Sequence[Response]) -> Rated:
        """Speeches and responses to ratings and failures, in a fixed order."""
        ratings: list[Rating] = []
        failures: list[Failure] = []
        jobs = self.jobs(speeches, responses)
        with lab.progress.track("rate", len(jobs)) as tick:
            for attempt in range(self.attempts):
                again: list[_Job] = []
                for job, ask, reply in self._asked(lab, jobs, attempt):
                    outcome = self._read(job, ask, reply, ratings)
                    if outcome in ("malformed", "truncated") and attempt + 1 < self.attempts:
                        again.append(job)
                        continue
                    if outcome != "ok":
                        failures.extend(_failure(job, response, outcome, reply) for response in job.responses)
                    tick()
                jobs = again
        return Rated(sorted(ratings, key=lambda r: r.rating_id), sorted(failures, key=lambda f: f.failure_id))

    def jobs(self, speeches: Sequence[Speech], responses: Sequence[Response]) -> list[_Job]:
        """What is asked: per speech its responses in an order made from their ids (never the pool's), item by item."""
        by_speech: dict[str, list[Response]] = {}
        for response in responses:
            by_speech.setdefault(response.speech_id, []).append(response)
        out: list[_Job] = []
        for speech in speeches:
            mixed = sorted(by_speech.get(speech.speech_id, []), key=lambda r: digest([speech.speech_id, r.response_id]))
            for start in range(0, len(mixed), self.responses_per_call):
                part = tuple(mixed[start : start + self.responses_per_call])
                out.extend(_Job(speech, part, item) for item in self.instrument.items)
        return out

    def ask(self, job: _Job, attempt: int = 0) -> Ask:
        """The request of one job."""
        texts = [response.text for response in job.responses]
        return rating_ask(self.prompt, self.instrument, job.item, self.judge, job.speech, texts, attempt)

    def _asked(self, lab: Lab, jobs: Sequence[_Job], attempt: int) -> Iterator[tuple[_Job, Ask, Reply]]:
        """Each job with its reply; jobs with the same words (two models that refuse alike, say) are one call and share it."""
        waiting: dict[str, list[_Job]] = {}

        def asks() -> Iterator[Ask]:
            for job in jobs:
                ask = self.ask(job, attempt)
                same = waiting.setdefault(ask.call_id, [])
                same.append(job)
                if len(same) == 1:
                    yield ask

        for ask, reply in lab.ask(asks(), [self.judge]):
            for job in waiting.pop(ask.call_id):
                yield job, ask, reply

    def _read(self, job: _Job, ask: Ask, reply: Reply, ratings: list[Rating]) -> str:
        if reply.outcome != "ok":
            return reply.outcome
        scores = read_ratings(reply.text, len(job.responses), self.instrument)
        if scores is None:
            return "malformed"
        for response, score in zip(job.responses, scores, strict=True):
            key = content_id("rating", response.response_id, job.item.name, ask.model)
            ratings.append(Rating(key, response.response_id, job.item.name, ask.model, float(score.score), score.rationale, reply.call_id))
        return "ok"


def _failure(job: _Job, response: Response, outcome: str, reply: Reply) -> Failure:
    key = content_id("failure", response.response_id, job.item.name)
    return Failure(key, response.response_id, f"{outcome}: rate {job.item.name}", reply.call_id)
