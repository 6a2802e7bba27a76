"""Speeches and a pool to responses: for each speech some models are drawn and each answers once."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from psycopref.errors import ModelError
from psycopref.judging import history_text
from psycopref.lab import Lab
from psycopref.models.chat import Ask, Reply
from psycopref.models.pool import ModelEntry, PoolSetting, recorded_ids
from psycopref.prompts import Prompt, PromptSetting, fence, load_prompt
from psycopref.settings import Stage
from psycopref.store.keys import digest
from psycopref.tables import Failure, Response, Speech, content_id


class Responded(NamedTuple):
    """One row for every answer asked for: a response or a failure."""

    responses: Sequence[Response]
    failures: Sequence[Failure]


def respond_ask(prompt: Prompt, entry: ModelEntry, speech: Speech) -> Ask:
    """The request for one model's answer to one speech."""
    return Ask(entry.name, prompt.fill(history=history_text(speech), speech=fence(speech.text)), entry.temperature, entry.max_tokens)


class Respond(Stage):
    """`per_speech` models answer each speech, drawn by a hash of speech and model (paper, section 3.2: 4 of 20).

    A recorded model is offered only where an answer of it was recorded. With `include_given`, answers that came with
    the source (a therapist's own) stand in the draw like any model. A speech that no model was recorded for is an error,
    or with `unrecorded = "skip"` has no response.
    """

    pool: PoolSetting
    per_speech: int = Field(default=4, ge=1)
    prompt: PromptSetting = Field(default_factory=lambda: load_prompt("respond"))
    include_given: bool = False
    unrecorded: Literal["error", "skip"] = "error"
    seed: int = 0

    def run(self, lab: Lab, speeches: Sequence[Speech], given: Sequence[Response]) -> Responded:
        """Speeches and source answers to responses and failures; ModelError where a speech has no model to answer it."""
        own: dict[str, list[Response]] = {}
        for row in given if self.include_given else ():
            own.setdefault(row.speech_id, []).append(row)
        kept: list[Response] = []
        asked: dict[str, str] = {}
        failures: list[Failure] = []
        asks = self._asks(speeches, own, kept, asked)
        with lab.progress.track("respond", len(speeches) * self.per_speech) as tick:
            for ask, reply in lab.ask(asks, self.pool.models):
                made = _row(asked[ask.call_id], ask, reply)
                if isinstance(made, Response):
                    kept.append(made)
                else:
                    failures.append(made)
                tick()
        return Responded(sorted(kept, key=lambda r: r.response_id), sorted(failures, key=lambda f: f.failure_id))

    def _asks(self, speeches: Sequence[Speech], own: dict[str, list[Response]], kept: list[Response], asked: dict[str, str]) -> Iterator[Ask]:
        for speech in speeches:
            offered: list[Ask | Response] = [*self._offered(speech), *own.get(speech.speech_id, [])]
            if not offered and self.unrecorded == "skip":
                continue
            if not offered:
                raise ModelError(
                    f"respond: no model of pool {self.pool.name!r} can answer speech {speech.speech_id}: nothing was recorded for it; use a live pool"
                )
            offered.sort(key=lambda one: digest([self.seed, speech.speech_id, one.model]))
            for one in offered[: self.per_speech]:
                if isinstance(one, Response):
                    kept.append(one)
                else:
                    asked[one.call_id] = speech.speech_id
                    yield one

    def _offered(self, speech: Speech) -> list[Ask]:
        asks = [(entry, respond_ask(self.prompt, entry, speech)) for entry in self.pool.models]
        return [ask for entry, ask in asks if entry.kind != "recorded" or ask.call_id in recorded_ids(entry)]


def _row(speech_id: str, ask: Ask, reply: Reply) -> Response | Failure:
    text = reply.text.strip()
    if reply.outcome == "ok" and text:
        return Response(content_id("response", speech_id, ask.model, text), speech_id, ask.model, text, ask.draw, reply.call_id)
    reason = reply.outcome if reply.outcome != "ok" else "empty"
    return Failure(content_id("failure", speech_id, ask.call_id), speech_id, f"{reason}: respond", reply.call_id)
