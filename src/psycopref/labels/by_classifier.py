"""Topics from the offline classifier, where it is sure."""

from collections.abc import Sequence
from typing import NamedTuple

from psycopref.labels import training
from psycopref.labels.given import Labelled
from psycopref.labels.topic_list import TopicList
from psycopref.progress import Progress
from psycopref.store.keys import unit
from psycopref.store.parquet import Gather, Table
from psycopref.tables import Metric, Speech, TopicLabel, metric

BATCH = 2000  # speeches that are held as vectors at once


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
        keys, texts = speeches.frame["speech_id"], speeches.frame["text"]
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
    found = []
    for level, bar, right in (
        ("fine", trained.fine, trained.fine_right),
        ("coarse", trained.coarse, trained.coarse_right),
    ):
        place = f"{level}: {on}"
        shares = {"precision": bar.precision, "coverage": bar.coverage, "right": right}
        for name, share in shares.items():
            if share is not None:
                value, low, high, n = share
                found.append(metric(f"topics.{name}", place, value, low, high, n))
        if bar.threshold is not None:
            found.append(metric("topics.threshold", place, bar.threshold))
    return found
