"""What the offline topic labeller learns from, and from which probability its labels are taken."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import Field

from psycopref.config.toml_files import DATA, checked, read_toml
from psycopref.errors import RecipeError
from psycopref.labels.classifier import LEAST_ROWS, Bar, Label, Trained, fit, train
from psycopref.labels.topic_list import TopicList
from psycopref.settings import Settings
from psycopref.sources import sample
from psycopref.stats.intervals import Interval, wilson
from psycopref.store.keys import digest

MOST_ROWS = 20_000  # of a run's own labelled speeches; more make it slower and hardly better
Row = tuple[str, str]


class Counted(Settings):
    """A bar of one level as it was measured: of `rows` speeches, `labelled` were at or above
    `threshold` and `right` of these right.

    The fine level counts over all speeches, the coarse one over those the fine one left. Without a
    threshold none reached the precision.
    """

    threshold: float | None = None
    right: int = Field(default=0, ge=0)
    labelled: int = Field(default=0, ge=0)
    rows: int = Field(ge=1)

    def bar(self) -> Bar:
        """The bar with Wilson's intervals."""
        return Bar(
            self.threshold, _share(self.right, self.labelled), _share(self.labelled, self.rows)
        )


class Level(Settings):
    """The bars at which labels are right to a share of `precision`."""

    precision: float = Field(gt=0, le=1)
    fine: Counted
    coarse: Counted


class Recorded(Settings):
    """The bars of the classifier that learns from the shipped list and the sample alone, measured
    on real questions (data/topic_bars.toml).

    The sample cannot say how far its labels can be trusted on real text: there they are right much
    less often than on the sample itself. `digest` is that of the rows it learnt from: with other
    rows, these bars are not its own.
    """

    measured_on: str
    digest: str
    weight: float
    smoothing: float
    heat: float
    fine_right: int
    coarse_right: int
    rows: int = Field(ge=1)
    levels: tuple[Level, ...] = Field(min_length=1)

    def trained(
        self,
        rows: Sequence[Row],
        hints: Sequence[Row],
        topics: TopicList,
        precision: float,
        threshold: float | None,
    ) -> Trained:
        """The classifier with the bars of the least recorded precision that is at least
        `precision`; none are known above the highest.
        """
        model = fit(rows, hints, topics.groups(), (self.weight, self.smoothing), self.heat)
        never = Bar(None, None, None)
        level = next((one for one in self.levels if one.precision >= precision - 1e-9), None)
        fine, coarse = (level.fine.bar(), level.coarse.bar()) if level else (never, never)
        if threshold is not None:
            fine = coarse = Bar(threshold, None, None)
        return Trained(
            model,
            fine,
            coarse,
            _share(self.fine_right, self.rows),
            _share(self.coarse_right, self.rows),
        )


class Learnt(NamedTuple):
    """A trained classifier and on what its bars were measured."""

    trained: Trained
    measured_on: str

    def labels(self, texts: Sequence[str]) -> Iterator[Label]:
        """A label for each text in order."""
        return self.trained.model.labels(texts, self.trained.fine, self.trained.coarse)


def learn(
    topics: TopicList, own: Sequence[Row], precision: float, threshold: float | None = None
) -> Learnt:
    """Train on the list's hints, on what of the sample fits the list, and on a run's `own` labelled
    speeches (40 or more of them).

    Where a run's own speeches join, bars are measured on them; where the sample and the shipped
    list stand alone, they are the recorded ones. RecipeError where there is nothing to measure on
    and no threshold is given.
    """
    given = sample_rows(topics)
    hints = hint_rows(topics)
    labelled, own = len(own), own if len(own) >= LEAST_ROWS else []
    recorded = load_bars()
    if not own and recorded.digest == rows_digest(given, hints):
        return Learnt(
            recorded.trained(given, hints, topics, precision, threshold), recorded.measured_on
        )
    rows = [*own, *given]
    try:
        trained = train(
            rows,
            hints,
            topics.groups(),
            precision,
            np.arange(len(rows)) < len(own) if own else None,
            threshold,
        )
    except ValueError as error:
        what = (
            error
            if own
            else (
                f"{labelled} speeches came with a fine topic of the list (only those count), too"
                " few to measure on"
            )
        )
        do = (
            f"label {LEAST_ROWS} speeches or more in the source, set a threshold of your own, or"
            ' let a model label (labeller = "judge")'
        )
        raise RecipeError(f'[topics] labeller = "classifier": {what}; {do}') from None
    return Learnt(trained, "own speeches" if own else "sample")


def sample_rows(topics: TopicList) -> list[Row]:
    """The sample's speeches whose topic is a fine one of the list."""
    return [
        (found.text, topics.find_fine(found.topic))
        for found in sample.read(None, {})
        if topics.find_fine(found.topic)
    ]


def hint_rows(topics: TopicList) -> list[Row]:
    """The list's names, descriptions and keywords, each a row of its own."""
    return [
        (hint, topic.name)
        for topic in topics.fine()
        for hint in (topic.name.replace("-", " "), topic.description, *topic.keywords)
        if hint.strip()
    ]


def rows_digest(*rows: Sequence[Row]) -> str:
    """One digest of all rows in order."""
    return digest(rows)


def load_bars() -> Recorded:
    """The shipped bars."""
    path = DATA / "topic_bars.toml"
    return checked(Recorded, read_toml(path), str(path))


def _share(hits: int, of: int) -> Interval | None:
    return Interval(hits / of, *wilson(hits / of, of), of) if of else None
