"""Topics from a model that is shown the list and asked for one name of it."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from psycopref.config.prompts import Prompt, fence, history_text
from psycopref.judging.answers import own_object
from psycopref.judging.calls import Answer, asked
from psycopref.lab import Lab
from psycopref.labels.given import Labelled
from psycopref.labels.topic_list import TopicList
from psycopref.models.calling.answer import Exchange
from psycopref.models.entries import ModelEntry
from psycopref.store.calls import Ask
from psycopref.store.keys import canonical
from psycopref.store.parquet import Gather, Table
from psycopref.tables import Failure, Speech, TopicLabel, content_id


class ByJudge(NamedTuple):
    """`judge` is asked for the topic of each speech; what cannot be read is asked again, `attempts`
    times in all.
    """

    topics: TopicList
    judge: ModelEntry
    prompt: Prompt
    attempts: int

    def label(self, lab: Lab, speeches: Table[Speech], bare: Sequence[int]) -> Labelled:
        """The speeches at the places `bare` to labels, or to failures sorted by id."""
        labels = Gather(TopicLabel)
        failures: list[Failure] = []
        with lab.progress.track("topics", len(bare)) as tick:
            for key, answer in lab.play(self._exchanges(speeches, bare), [self.judge]):
                call_id = answer.reply.call_id
                topic = answer.value
                if topic is None:
                    failure = content_id("failure", key, "topics")
                    failures.append(Failure(failure, key, f"{answer.outcome}: topics", call_id))
                else:
                    coarse = self.topics.coarse_of(topic)
                    labels.add(TopicLabel(key, "judge", topic, topic, coarse, call_id=call_id))
                tick()
        return Labelled(labels.table(), sorted(failures, key=lambda row: row.failure_id), [])

    def _exchanges(
        self, speeches: Table[Speech], bare: Sequence[int]
    ) -> Iterator[tuple[str, Exchange[Answer[str]]]]:
        for at in bare:
            speech = speeches[at]
            read = partial(self.read, speech=speech)
            yield speech.speech_id, asked(partial(self.ask, speech), read, self.attempts)

    def ask(self, speech: Speech, attempt: int = 0) -> Ask:
        """The request for the topic of one speech; the list of topics comes first, so that prefixes
        are shared.
        """
        lines = "\n".join(f"- {topic.name}: {topic.description}" for topic in self.topics.fine())
        messages = self.prompt.fill(
            topics=lines, history=history_text(speech), speech=fence(speech.text)
        )
        return Ask(
            self.judge.name,
            messages,
            self.judge.temperature,
            self.judge.max_tokens,
            topic_schema(self.topics),
            attempt=attempt,
        )

    def read(self, text: str, speech: Speech) -> str | None:
        """The fine topic that the judge's own object names, in the list's spelling; None where it
        names none.
        """
        answer = own_object(text, "topic", (speech.text,))
        if not answer or not isinstance(answer["topic"], str):
            return None
        return self.topics.find_fine(answer["topic"]) or None


def topic_schema(topics: TopicList) -> str:
    """The JSON schema of a topic reply, canonical."""
    one = {"type": "string", "enum": list(topics.fine_names())}
    return canonical(
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["topic"],
            "properties": {"topic": one},
        }
    )
