"""Speeches to speeches with a topic and a split: topics from a labeller, splits from a hash of the speech id."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import polars as pl
from pydantic import Field, model_validator

from psycopref.errors import RecipeError
from psycopref.judging import history_text, last_object
from psycopref.lab import Lab
from psycopref.models.chat import Ask, Reply
from psycopref.models.pool import EntrySetting
from psycopref.prompts import PromptSetting, fence, load_prompt
from psycopref.settings import Stage
from psycopref.sources import sample
from psycopref.store.keys import canonical
from psycopref.store.parquet import Table, table
from psycopref.tables import Failure, Speech, Split, content_id
from psycopref.topic_list import TopicList, TopicsSetting, load_topics


class Topicked(NamedTuple):
    """Every speech with a split and, where known, a topic; calls for a topic that came to nothing."""

    speeches: Sequence[Speech]
    failures: Sequence[Failure]


class Topics(Stage):
    """Labels speeches without a topic and places speeches without a split; what the source gave stands.

    Labeller 'given' labels nothing; 'classifier' is trained on the sample and the list's descriptions and leaves a
    topic empty below `threshold`; 'judge' asks a model. The paper does not say how its topics were labelled.
    A split is a threshold on a hash of the speech id: test below `test_share` (paper: 3,291 of 26,483), of the rest gold
    below `gold_share`, of the rest dev below `dev_share` (paper: 10 %). A source's test stays test; of its train, speeches
    become gold or dev by the same hashes. Speeches of one group are placed by the group's id, so that they stay together.
    """

    labeller: Literal["given", "classifier", "judge"] = "given"
    topics: TopicsSetting = Field(default_factory=load_topics)
    threshold: float = Field(default=0.2, ge=0, le=1)
    judge: EntrySetting | None = None
    prompt: PromptSetting = Field(default_factory=lambda: load_prompt("topics"))
    attempts: int = Field(default=2, ge=1)
    test_share: float = Field(default=3291 / 26483, ge=0, le=1)
    dev_share: float = Field(default=0.1, ge=0, le=1)
    gold_share: float = Field(default=0.0, ge=0, le=1)

    @classmethod
    def version(cls) -> int:
        """2: tags with a space in them are neutralised too, and a line break within an answer's string is read. 3: a field twice is malformed."""
        return 3

    @model_validator(mode="after")
    def _asked(self) -> "Topics":
        if self.labeller == "judge" and self.judge is None:
            raise ValueError('labeller = "judge" needs a judge = "pool/model"')
        return self

    def run(self, lab: Lab, speeches: Sequence[Speech]) -> Topicked:
        """Speeches in the same order with topic and split; a failure for each speech whose judge gave no topic."""
        given_rows = table(Speech, speeches)
        frame = given_rows.frame
        given = self._known(frame["topic"].to_list())
        bare = [at for at, topic in enumerate(given) if not topic]
        found, failures = self._label(lab, given_rows, bare)
        topics = [topic or found.get(at, "") for at, topic in enumerate(given)]
        splits = [self.placed(group or key, split) for key, group, split in frame.select("speech_id", "group", "split").iter_rows()]
        labelled = frame.with_columns(topic=pl.Series(topics, dtype=pl.String), split=pl.Series(splits, dtype=pl.String))
        return Topicked(Table(Speech, labelled), failures)

    def _known(self, given: list[str]) -> list[str]:
        names = {topic: self.topics.find(topic) for topic in set(given)}
        unknown = {topic for topic, name in names.items() if topic and not name}
        if unknown:
            rows = sum(topic in unknown for topic in given)  # counts alone: a wrong column may hold what clients said
            what = f"[topics]: {len(unknown)} topics of the sources (on {rows} of {len(given)} speeches) are not in the list of topics"
            do = 'rename them in the source, map `topic` to another column or to none (columns = { topic = "" }), or give a topics file that has them'
            raise RecipeError(f"{what}; {do}")
        return [names[topic] for topic in given]

    def placed(self, key: str, given: Split) -> Split:
        """The split of a speech by its group's id, or by its own where it has no group."""
        if given not in ("", "train"):
            return given
        if not given and share("test", key) < self.test_share:
            return "test"
        if share("gold", key) < self.gold_share:
            return "gold"
        return "dev" if share("dev", key) < self.dev_share else "train"

    def _label(self, lab: Lab, speeches: Table[Speech], bare: list[int]) -> tuple[dict[int, str], list[Failure]]:
        if self.labeller == "given" or not bare:
            return {}, []
        if self.labeller == "classifier":
            texts = speeches.frame["text"].gather(bare).to_list()
            return dict(zip(bare, classified(texts, self.topics, self.threshold), strict=True)), []
        return self._judged(lab, speeches, bare)

    def _judged(self, lab: Lab, speeches: Table[Speech], bare: list[int]) -> tuple[dict[int, str], list[Failure]]:
        topics: dict[int, str] = {}
        failures: list[Failure] = []
        with lab.progress.track("topics", len(bare)) as tick:
            for attempt in range(self.attempts):
                again: list[int] = []
                for at, reply in self._replies(lab, speeches, bare, attempt):
                    outcome = _read(reply, self.topics)
                    if outcome.topic:
                        topics[at] = outcome.topic
                    elif outcome.reason in ("malformed", "truncated") and attempt + 1 < self.attempts:
                        again.append(at)
                        continue
                    else:
                        key = speeches.frame["speech_id"][at]
                        failures.append(Failure(content_id("failure", key, "topics"), key, f"{outcome.reason}: topics", reply.call_id))
                    tick()
                bare = again
        return topics, sorted(failures, key=lambda row: row.failure_id)

    def _replies(self, lab: Lab, speeches: Table[Speech], bare: list[int], attempt: int) -> Iterator[tuple[int, Reply]]:
        assert self.judge is not None
        waiting: dict[str, int] = {}

        def asks() -> Iterator[Ask]:
            for at in bare:
                ask = self.ask(speeches[at], attempt)
                waiting[ask.call_id] = at
                yield ask

        for ask, reply in lab.ask(asks(), [self.judge]):
            yield waiting.pop(ask.call_id), reply

    def ask(self, speech: Speech, attempt: int = 0) -> Ask:
        """The request for the topic of one speech; the list of topics comes first, so that prefixes are shared."""
        assert self.judge is not None
        lines = "\n".join(f"- {topic.name}: {topic.description}" for topic in self.topics.fine())
        messages = self.prompt.fill(topics=lines, history=history_text(speech), speech=fence(speech.text))
        return Ask(self.judge.name, messages, self.judge.temperature, self.judge.max_tokens, topic_schema(self.topics), attempt=attempt)


def share(salt: str, speech_id: str) -> float:
    """A number in [0, 1) made of the speech id; another salt gives an independent one."""
    return int.from_bytes(hashlib.sha256(f"{salt}:{speech_id}".encode()).digest()[:6], "big") / 2**48


def topic_schema(topics: TopicList) -> str:
    """The JSON schema of a topic reply, canonical."""
    one = {"type": "string", "enum": list(topics.fine_names())}
    return canonical({"type": "object", "additionalProperties": False, "required": ["topic"], "properties": {"topic": one}})


class _Outcome(NamedTuple):
    topic: str
    reason: str


def _read(reply: Reply, topics: TopicList) -> _Outcome:
    if reply.outcome != "ok":
        return _Outcome("", reply.outcome)
    answer = last_object(reply.text, "topic")
    name = topics.find(answer["topic"]) if answer and isinstance(answer["topic"], str) else ""
    return _Outcome(name, "" if name else "malformed")


def classified(texts: Sequence[str], topics: TopicList, threshold: float) -> list[str]:
    """The most probable topic of each text, '' where its probability is below `threshold` (unsure)."""
    model = classifier(topics)
    scores = model.predict_proba(list(texts))
    best = scores.argmax(axis=1)
    return [str(model.classes_[at]) if scores[row, at] >= threshold else "" for row, at in enumerate(best)]


def classifier(topics: TopicList, speeches: Sequence[tuple[str, str]] | None = None) -> Any:
    """TF-IDF of words and characters with a logistic regression (scikit-learn), fitted on (text, topic) rows.

    Without rows it is fitted on the sample's speeches; the list's names, descriptions and keywords join in either case,
    each a row of its own.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    rows = list(speeches) if speeches is not None else [(found.text, topics.find(found.topic)) for found in sample.read(None, {})]
    for topic in topics.fine():
        rows.extend((hint, topic.name) for hint in (topic.name.replace("-", " "), topic.description, *topic.keywords))
    rows = [row for row in rows if row[1]]
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, stop_words="english")
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=20_000)
    model = make_pipeline(make_union(words, letters), LogisticRegression(C=10.0, solver="saga", tol=1e-2, random_state=0, max_iter=1000))
    return model.fit([text for text, _ in rows], [topic for _, topic in rows])
