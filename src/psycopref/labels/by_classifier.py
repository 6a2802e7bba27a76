"""Topics from the offline classifier, where it is sure."""

from collections.abc import Sequence
from typing import NamedTuple

from psycopref.labels import training
from psycopref.labels.given import Labelled
from psycopref.labels.topic_list import TopicList
from psycopref.progress import Progress
from psycopref.store.keys import unit
from psycopref.store.parquet import Gather, Table
from psycopref.tables import Figure, Metric, Speech, TopicLabel

BATCH = 2000  # speeches that are held as vectors at once
MEASURED = ("{level=fine|coarse}: {on}",)
RIGHT = Figure("topics.right", "estimate", MEASURED, "labels of held-out speeches that are right")
COVERAGE = Figure("topics.coverage", "estimate", MEASURED, "share of them that is labelled")
PRECISION = Figure("topics.precision", "estimate", MEASURED, "share of these that is right")
THRESHOLD = Figure("topics.threshold", "setting", MEASURED, "probability from which one is")


class ByClassifier(NamedTuple):
    """Learns from the list, the sample and the speeches that came with a fine topic, and labels
    where labels of held-out speeches were right to a share of `precision`, or from a fixed
    `threshold`.
    """

    topics: TopicList
    precision: float
    threshold: float | None = None

    def label(
        self,
        progress: Progress,
        speeches: Table[Speech],
        given: Sequence[str],
        bare: Sequence[int],
    ) -> Labelled:
        """The speeches at the places `bare` to labels ('' where it is not sure), by what stands in
        `given`, a topic or '' for each speech; with what the labels are worth.
        """
        keys = speeches.frame["speech_id"]
        texts = speeches.frame["text"]
        fine = set(self.topics.fine_names())
        taught = [at for at, topic in enumerate(given) if topic in fine]
        taught = sorted(taught, key=lambda at: unit("topics", keys[at]))[: training.MOST_ROWS]
        learnt = training.learn(
            self.topics, [(texts[at], given[at]) for at in taught], self.precision, self.threshold
        )
        rows = Gather(TopicLabel)
        with progress.track("topics", len(bare)) as tick:
            for start in range(0, len(bare), BATCH):
                part = list(bare[start : start + BATCH])
                found = learnt.labels(texts.gather(part).to_list())
                for key, one in zip(keys.gather(part), found, strict=True):
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
        return Labelled(rows.table(), [], _figures(learnt))


def _figures(learnt: training.Learnt) -> list[Metric]:
    """What the labels are worth, as measured on held-out speeches: `topics.precision` and
    `.coverage` where sure, `.right` for all, by level.
    """
    trained, on = learnt
    found: list[Metric] = []
    for level, bar, right in (
        ("fine", trained.fine, trained.fine_right),
        ("coarse", trained.coarse, trained.coarse_right),
    ):
        shares = ((PRECISION, bar.precision), (COVERAGE, bar.coverage), (RIGHT, right))
        for figure, share in shares:
            if share is not None:
                found += figure.rows(share, level=level, on=on)
        if bar.threshold is not None:
            found += THRESHOLD.rows(bar.threshold, level=level, on=on)
    return found
