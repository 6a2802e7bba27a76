"""Speeches to speeches with a topic and a split: topics from a labeller, splits from a hash of the
speech id.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import polars as pl
from pydantic import Field, model_validator

from psycopref.config.prompts import PromptSetting, load_prompt
from psycopref.lab import Lab
from psycopref.labels.by_classifier import ByClassifier
from psycopref.labels.by_judge import ByJudge
from psycopref.labels.given import Labelled, in_list
from psycopref.labels.topic_list import TopicsSetting, load_topics
from psycopref.models.entries import EntrySetting
from psycopref.settings import Stage
from psycopref.store.keys import unit
from psycopref.store.parquet import Table, table
from psycopref.tables import Failure, Figure, Metric, Speech, Split, TopicLabel

FEW = 20  # speeches from which on groups and splits are looked at
LARGE = 0.2  # share of the speeches from which on a group is told

SPEECHES = Figure(
    "topics.speeches",
    "count",
    ("{whose=given|fine|coarse|unsure|failed|none}",),
    "whose topic the speeches have: the source's, the labeller's, nobody's",
)


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
        given = in_list(self.topics, frame["topic"].to_list())
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
        if speeches.height < FEW:
            return
        groups = speeches["group"].filter(speeches["group"] != "")
        largest = max(groups.value_counts()["count"], default=0)
        if largest > LARGE * speeches.height:
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
    ) -> Labelled:
        if self.labeller == "classifier" and bare:
            labeller = ByClassifier(self.topics, self.precision, self.threshold)
            return labeller.label(lab.progress, speeches, given, bare)
        if self.judge is not None and self.labeller == "judge" and bare:
            return ByJudge(self.topics, self.judge, self.prompt, self.attempts).label(
                lab, speeches, bare
            )
        return Labelled(table(TopicLabel, []), [], [])

    def _counts(self, given: list[str], labels: Table[TopicLabel], failed: int) -> list[Metric]:
        """How many speeches have a topic from whom: `given`, `fine` and `coarse` by the labeller,
        `unsure`, `failed`, `none` (nobody was asked).
        """
        fine = set(self.topics.fine_names())
        taken = labels.frame["topic"]
        sure = int((taken != "").sum())
        exact = int(taken.is_in(fine).sum())
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
