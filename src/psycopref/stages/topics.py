"""Speeches to speeches with a topic and a split: topics from a labeller, splits from a hash of the
speech id.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import polars as pl
from pydantic import Field, model_validator

from psycopref.config.prompts import PromptSetting, fence, history_text, load_prompt
from psycopref.errors import RecipeError
from psycopref.judging.answers import last_object
from psycopref.lab import Lab
from psycopref.labels import training
from psycopref.labels.topic_list import TopicList, TopicsSetting, load_topics
from psycopref.models.entries import EntrySetting
from psycopref.settings import Stage
from psycopref.store.calls import Ask, Reply
from psycopref.store.keys import canonical, unit
from psycopref.store.parquet import Gather, Table, table
from psycopref.tables import Failure, Figure, Metric, Speech, Split, TopicLabel, content_id

_FEW, _LARGE = (
    20,
    0.2,
    # speeches from which on groups and splits are looked at; share of the speeches from which on a
    # group is told
)
_BATCH = 2000  # speeches that the classifier holds as vectors at once

SPEECHES = Figure(
    "topics.speeches",
    "count",
    ("{whose=given|fine|coarse|unsure|failed|none}",),
    "whose topic the speeches have: the source's, the labeller's, nobody's",
)
MEASURED = ("{level=fine|coarse}: {on}",)
RIGHT = Figure("topics.right", "estimate", MEASURED, "labels of held-out speeches that are right")
COVERAGE = Figure("topics.coverage", "estimate", MEASURED, "share of them that is labelled")
PRECISION = Figure("topics.precision", "estimate", MEASURED, "share of these that is right")
THRESHOLD = Figure("topics.threshold", "setting", MEASURED, "probability from which one is")


class Topicked(NamedTuple):
    """Every speech with a split and, where known, a topic; calls that came to nothing; what the
    labeller said; how many topics are whose.
    """

    speeches: Sequence[Speech]
    failures: Sequence[Failure]
    labels: Sequence[TopicLabel]
    metrics: Sequence[Metric]


class Topics(Stage):
    """Labels speeches without a topic and places speeches without a split; what the source gave
    stands.

    Labeller 'given' labels nothing; 'classifier' learns from the list's keywords, the sample, and
    the speeches that came with a fine topic (40 or more); 'judge' asks a model. The classifier
    labels where it is sure: fine topic, else coarse one, else '' (unsure), each from the
    probability at which labels of held-out speeches were right to a share of `precision`, or from a
    fixed `threshold`. "Others" is a topic like any other. The paper does not say how its topics
    were labelled. A split is a threshold on a hash of the speech id: test below `test_share`
    (paper: 3,291 of 26,483), of the rest gold below `gold_share`, of the rest dev below `dev_share`
    (paper: 10 %). A source's test stays test; of its train, speeches become gold or dev by the same
    hashes. Speeches of one group are placed by the group's id, so that they stay together.
    """

    labeller: Literal["given", "classifier", "judge"] = "given"
    topics: TopicsSetting = Field(default_factory=load_topics)
    precision: float = Field(default=0.8, gt=0, le=1)
    threshold: float | None = Field(default=None, ge=0, le=1)
    judge: EntrySetting | None = None
    prompt: PromptSetting = Field(default_factory=lambda: load_prompt("topics"))
    attempts: int = Field(default=2, ge=1)
    test_share: float = Field(default=3291 / 26483, ge=0, le=1)
    dev_share: float = Field(default=0.1, ge=0, le=1)
    gold_share: float = Field(default=0.0, ge=0, le=1)

    @classmethod
    def version(cls) -> int:
        """2: tags with a space in them are neutralised too, and a line break within an answer's
        string is read. 3: a field twice is malformed.

        4: measured thresholds, coarse topics, the table of labels and metrics.
        """
        return 4

    @model_validator(mode="after")
    def _asked(self) -> "Topics":
        if self.labeller == "judge" and self.judge is None:
            raise ValueError('labeller = "judge" needs a judge = "pool/model"')
        return self

    def run(self, lab: Lab, speeches: Sequence[Speech]) -> Topicked:
        """Speeches in the same order with topic and split; a failure for each speech whose judge
        gave no topic.
        """
        given_rows = table(Speech, speeches)
        frame = given_rows.frame
        given = self._known(frame["topic"].to_list())
        bare = [at for at, topic in enumerate(given) if not topic]
        labels, failures, figures = self._label(lab, given_rows, given, bare)
        found = dict(zip(labels.frame["speech_id"], labels.frame["topic"], strict=True))
        topics = [
            topic or found.get(key, "")
            for key, topic in zip(frame["speech_id"], given, strict=True)
        ]
        splits = [
            self.placed(group or key, split)
            for key, group, split in frame.select("speech_id", "group", "split").iter_rows()
        ]
        labelled = frame.with_columns(
            topic=pl.Series(topics, dtype=pl.String), split=pl.Series(splits, dtype=pl.String)
        )
        for warning in self._doubts(labelled):
            lab.progress.say(f"WARNING: {warning}")
        return Topicked(
            Table(Speech, labelled),
            failures,
            labels,
            [*self._counts(given, labels, len(failures)), *figures],
        )

    def _doubts(self, speeches: pl.DataFrame) -> Iterator[str]:
        """What looks wrong with the groups and splits of 20 speeches or more."""
        if speeches.height < _FEW:
            return
        groups = speeches["group"].filter(speeches["group"] != "")
        largest = max(groups.value_counts()["count"], default=0)
        if largest > _LARGE * speeches.height:
            do = "look at the column of `group`, or at a text that many share"
            yield (
                f"{largest} of {speeches.height} speeches are of one group and go into one split;"
                f" {do}"
            )
        for split, share in (("test", self.test_share), ("dev", self.dev_share)):
            if share > 0 and split not in speeches["split"]:
                yield (
                    f"no speech is placed in {split}, although {split}_share is {share:.3g}; raise"
                    " it, or look at the groups"
                )

    def _known(self, given: list[str]) -> list[str]:
        names = {topic: self.topics.find(topic) for topic in set(given)}
        unknown = {topic for topic, name in names.items() if topic and not name}
        if unknown:
            rows = sum(
                topic in unknown for topic in given
            )  # counts alone: a wrong column may hold what clients said
            what = (
                f"[topics]: {len(unknown)} topics of the sources (on {rows} of {len(given)}"
                " speeches) are not in the list of topics"
            )
            do = (
                "rename them in the source, map `topic` to another column or to none (columns = {"
                ' topic = "" }), or give a topics file that has them'
            )
            raise RecipeError(f"{what}; {do}")
        return [names[topic] for topic in given]

    def placed(self, key: str, given: Split) -> Split:
        """The split of a speech by its group's id, or by its own where it has no group."""
        if given not in ("", "train"):
            return given
        if not given and unit("test", key) < self.test_share:
            return "test"
        if unit("gold", key) < self.gold_share:
            return "gold"
        return "dev" if unit("dev", key) < self.dev_share else "train"

    def _label(
        self, lab: Lab, speeches: Table[Speech], given: list[str], bare: list[int]
    ) -> tuple[Table[TopicLabel], list[Failure], list[Metric]]:
        if self.labeller == "given" or not bare:
            return table(TopicLabel, []), [], []
        if self.labeller == "classifier":
            labels, figures = self._classified(lab, speeches, given, bare)
            return labels, [], figures
        return *self._judged(lab, speeches, bare), []

    def _classified(
        self, lab: Lab, speeches: Table[Speech], given: list[str], bare: list[int]
    ) -> tuple[Table[TopicLabel], list[Metric]]:
        keys, texts = speeches.frame["speech_id"], speeches.frame["text"]
        fine = set(self.topics.fine_names())
        taught = [at for at, topic in enumerate(given) if topic in fine]
        taught = sorted(taught, key=lambda at: unit("topics", keys[at]))[: training.MOST_ROWS]
        learnt = training.learn(
            self.topics, [(texts[at], given[at]) for at in taught], self.precision, self.threshold
        )
        rows = Gather(TopicLabel)
        with lab.progress.track("topics", len(bare)) as tick:
            for start in range(0, len(bare), _BATCH):
                part = bare[start : start + _BATCH]
                for key, one in zip(
                    keys.gather(part), learnt.labels(texts.gather(part).to_list()), strict=True
                ):
                    rows.add(
                        TopicLabel(
                            key,
                            "classifier",
                            one.topic,
                            one.fine,
                            one.coarse,
                            one.fine_probability,
                            one.coarse_probability,
                        )
                    )
                    tick()
        return rows.table(), _figures(learnt)

    def _counts(self, given: list[str], labels: Table[TopicLabel], failed: int) -> list[Metric]:
        """How many speeches have a topic from whom: `given`, `fine` and `coarse` by the labeller,
        `unsure`, `failed`, `none` (nobody was asked).
        """
        fine = set(self.topics.fine_names())
        taken = labels.frame["topic"]
        sure, exact = int((taken != "").sum()), int(taken.is_in(fine).sum())
        had = sum(topic != "" for topic in given)
        parts = {
            "given": had,
            "fine": exact,
            "coarse": sure - exact,
            "unsure": len(labels) - sure,
            "failed": failed,
        }
        parts["none"] = len(given) - sum(parts.values())
        return [
            row
            for name, count in parts.items()
            for row in SPEECHES.rows(count, len(given), whose=name)
        ]

    def _judged(
        self, lab: Lab, speeches: Table[Speech], bare: list[int]
    ) -> tuple[Table[TopicLabel], list[Failure]]:
        labels = Gather(TopicLabel)
        failures: list[Failure] = []
        with lab.progress.track("topics", len(bare)) as tick:
            for attempt in range(self.attempts):
                again: list[int] = []
                for at, reply in self._replies(lab, speeches, bare, attempt):
                    outcome = _read(reply, self.topics)
                    key = speeches.frame["speech_id"][at]
                    if outcome.topic:
                        coarse = self.topics.coarse_of(outcome.topic)
                        labels.add(
                            TopicLabel(
                                key,
                                "judge",
                                outcome.topic,
                                outcome.topic,
                                coarse,
                                call_id=reply.call_id,
                            )
                        )
                    elif (
                        outcome.reason in ("malformed", "truncated") and attempt + 1 < self.attempts
                    ):
                        again.append(at)
                        continue
                    else:
                        failures.append(
                            Failure(
                                content_id("failure", key, "topics"),
                                key,
                                f"{outcome.reason}: topics",
                                reply.call_id,
                            )
                        )
                    tick()
                bare = again
        return labels.table(), sorted(failures, key=lambda row: row.failure_id)

    def _replies(
        self, lab: Lab, speeches: Table[Speech], bare: list[int], attempt: int
    ) -> Iterator[tuple[int, Reply]]:
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
        """The request for the topic of one speech; the list of topics comes first, so that prefixes
        are shared.
        """
        assert self.judge is not None
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


class _Outcome(NamedTuple):
    topic: str
    reason: str


def _read(reply: Reply, topics: TopicList) -> _Outcome:
    if reply.outcome != "ok":
        return _Outcome("", reply.outcome)
    answer = last_object(reply.text, "topic")
    name = topics.find_fine(answer["topic"]) if answer and isinstance(answer["topic"], str) else ""
    return _Outcome(name, "" if name else "malformed")


def _figures(learnt: training.Learnt) -> list[Metric]:
    """What the labels are worth, as measured on held-out speeches: `topics.precision` and
    `.coverage` where sure, `.right` for all, by level.
    """
    trained, on = learnt
    named = {
        "fine": (trained.fine, trained.fine_right),
        "coarse": (trained.coarse, trained.coarse_right),
    }
    found: list[Metric] = []
    for level, (bar, right) in named.items():
        for figure, value in (
            (PRECISION, bar.precision),
            (COVERAGE, bar.coverage),
            (RIGHT, right),
        ):
            if value is not None:
                found += figure.rows(value, level=level, on=on)
        if bar.threshold is not None:
            found += THRESHOLD.rows(bar.threshold, level=level, on=on)
    return found
