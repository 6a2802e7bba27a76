"""Sources to speeches: every text is repaired and masked before it has an id, and before anything
is written.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple, get_args

from pydantic import Field, model_validator

from psycopref.errors import SourceError, SourceWarning
from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.settings import TORCH, Stage
from psycopref.sources import SOURCES, Found
from psycopref.sources.merged import Merged, PairFault, short
from psycopref.sources.merged import speech_id as speech_id
from psycopref.sources.prepared import prepared_rows
from psycopref.sources.setting import SourceSetting as SourceSetting
from psycopref.store.keys import digest
from psycopref.tables import (
    Dropped,
    Figure,
    Metric,
    Preference,
    Rating,
    Response,
    Speech,
)
from psycopref.text.normal import repair
from psycopref.text.privacy import KINDS, Masker, mask
from psycopref.text.privacy.masker import Model
from psycopref.text.privacy.model import Entities

MASKED = Figure(
    "collect.masked",
    "count",
    ("{source}", "{source}: {type=" + "|".join(KINDS) + "}"),
    "spans that were masked, over so many texts; none for the sample or with `mask = false`",
)


ODD_PAIRS = Figure(
    "collect.pairs",
    "count",
    ("{source}: {told=" + "|".join(get_args(PairFault)) + "}",),
    "pairs a source states that are odd: equal sides or a speech that stands in another split (left"
    " out), the preferred side rated lower or both ways preferred (kept); where there are any",
)


class Collected(NamedTuple):
    """Every row of every source as a speech or a dropped row, and what the sources brought
    along.
    """

    speeches: Sequence[Speech]
    dropped: Sequence[Dropped]
    responses: Sequence[Response]
    ratings: Sequence[Rating]
    preferences: Sequence[Preference]
    metrics: Sequence[Metric]


_ODD: dict[PairFault, str] = {
    "equal": "of two equal answers and left out",
    "other split": "of a speech that stands in another split and left out",
    "backwards": "rated the other way round than they are preferred, and kept",
    "contradicted": "preferred both ways, and kept",
}
_ROWS = 256  # entries masked at once: a named-entity model reads them in batches


def prepared(text: str, masked: bool) -> str:
    """A source's text as it is stored: repaired and, where `masked`, with personal data as
    placeholders.
    """
    return mask(repair(text)) if masked else repair(text)


class Collect(Stage):
    """Reads the sources in order; of speeches that differ in case, punctuation or white space only,
    the first is kept, in the split given that comes first of test, dev, gold, train. It is of the
    groups of all of them, and has the first topic given.

    What came with a repeated speech is kept under the first one if both have the same split, and
    left out otherwise, so that nothing of a train speech reaches a test speech. Sources are mixed
    by `take`, or by their weights in a `budget` of entries.
    """

    sources: tuple[SourceSetting, ...] = Field(min_length=1)
    mask: bool = True
    entities: Entities | None = None
    budget: int | None = Field(default=None, ge=1)

    def packages(self) -> Sequence[str]:
        """A named-entity model is read with torch."""
        return TORCH if self.entities else ()

    @classmethod
    def version(cls) -> int:
        """4: more forms of addresses, ids, handles and links are masked; groups and topics of
        duplicates count; test goes before train; topics are masked; an origin is a row number. 3:
        slips of pasting and telephones' signatures are taken off; texts over 100,000 characters are
        dropped as 'long'; a speech that a later source has placed is placed; what was masked is
        counted.
        """
        return 4

    @model_validator(mode="after")
    def _labels(self) -> "Collect":
        names = [source.called for source in self.sources]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two sources are called {twice[0]!r}; give each a label of its own")
        if any((source.weight is None) == (self.budget is not None) for source in self.sources):
            raise ValueError(
                "weights and a budget go together: give `budget` and every source a `weight`, or"
                " neither"
            )
        if self.entities is not None and not self.mask:
            raise ValueError("`entities` is for masking, and `mask` is false; remove one of them")
        if self.budget is not None and any(source.take for source in self.sources):
            raise ValueError(
                "a source has `take` although there is a `budget`; mix by one or by the other"
            )
        return self

    def counts(self) -> list[int | None]:
        """How many entries each source gives, None for all: its `take`, or its share of the budget
        (largest remainders).
        """
        if self.budget is None:
            return [source.take for source in self.sources]
        weights = [source.weight or 0.0 for source in self.sources]
        exact = [self.budget * weight / sum(weights) for weight in weights]
        counts = [int(one) for one in exact]
        by_rest = sorted(range(len(exact)), key=lambda at: (counts[at] - exact[at], at))
        for at in by_rest[: self.budget - sum(counts)]:
            counts[at] += 1
        return list(counts)

    def reads(self) -> Sequence[Path]:
        """The files of all sources and of the named-entity model; SourceError where one is
        missing.
        """
        return [
            file for source in self.sources for file in SOURCES[source.name].files(source.path)
        ] + (self.entities.files() if self.entities else [])

    def stated(self) -> Sequence[str]:
        """The names of files that say where a row stands or which split it is of."""
        return [
            f"{source.called}:{name}"
            for source in self.sources
            for name in SOURCES[source.name].names(source.path)
        ]

    def run(self, lab: Lab) -> Collected:
        """Sources to speeches, dropped rows, and the responses, ratings and preferences that came
        along.
        """
        texts, metrics = Merged(lab.key), list[Metric]()
        model = self._model()
        for source, count in zip(self.sources, self.counts(), strict=True):
            masker = Masker(model) if self.mask and not SOURCES[source.name].invented else None
            with _told(lab.progress, source.called):
                for rows in _some(
                    lab.progress.over(_taken(source, count), f"collect {source.called}")
                ):
                    for found in prepared_rows(
                        [row for row in rows if texts.bearable(source.called, row)],
                        masker,
                        source.called,
                    ):
                        texts.take(source.called, found)
            metrics += _masked(source.called, masker)
        metrics += _odd_pairs(texts, lab.progress)
        return Collected(
            texts.speeches(),
            texts.dropped,
            texts.brought(Response),
            texts.brought(Rating),
            texts.brought(Preference),
            metrics,
        )

    def row(self, label: str, place: str) -> str:
        """The id of the speech that a source's row became; SourceError where there is no such
        row.
        """
        for source in self.sources:
            if source.called != label:
                continue
            masker = (
                Masker(self._model()) if self.mask and not SOURCES[source.name].invented else None
            )
            for found in SOURCES[source.name].read(source.path, source.columns):
                if place in (found.place, found.place.removeprefix("row "), found.origin):
                    one = next(prepared_rows([found], masker, label))
                    return speech_id(one.text, one.history)
            raise SourceError(f"source {label!r}: no row {place}")
        names = [source.called for source in self.sources]
        raise SourceError(f"no source is called {label!r}; there are {names}")

    def _model(self) -> Model | None:
        if self.entities is None:
            return None
        from psycopref.nets.entities import Entities as Loaded

        return Loaded(
            self.entities.model, self.entities.labels, self.entities.threshold, self.entities.rows
        )


def _masked(source: str, masker: Masker | None) -> list[Metric]:
    """How many spans of each kind were masked in a source, over how many texts; nothing where it is
    not masked.
    """
    if masker is None:
        return []
    rows = MASKED.rows(masker.counts.total(), masker.texts, source=source)
    for kind in KINDS:
        if masker.counts[kind]:
            rows += MASKED.rows(masker.counts[kind], masker.texts, source=source, type=kind)
    return rows


def _odd_pairs(texts: Merged, progress: Progress) -> list[Metric]:
    """The counts of odd pairs, told too."""
    rows = []
    for (source, told), count in sorted(texts.pairs.items()):
        if count:
            rows += ODD_PAIRS.rows(count, source=source, told=told)
            progress.say(f"WARNING: source {source!r}: {count} pairs are {_ODD[told]}")
    return rows


def _some(entries: Iterable[Found]) -> Iterator[list[Found]]:
    rest = iter(entries)
    while rows := list(islice(rest, _ROWS)):
        yield rows


@contextmanager
def _told(progress: Progress, called: str) -> Iterator[None]:
    """What the readers mended is said where the run reports; other warnings go on as they are."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SourceWarning)
        yield
    for one in caught:
        if issubclass(one.category, SourceWarning):
            progress.say(f"WARNING: source {called!r}: {one.message}")
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def _taken(source: SourceSetting, count: int | None) -> Iterator[Found]:
    """All entries, or the `count` whose ids have the smallest hashes, so that a larger count keeps
    what a smaller one had.
    """
    if count is None:
        yield from _unique(source)
        return
    entries = []
    for found in _unique(source):
        if found.unusable:  # dropped, and nobody's share
            yield found
        else:
            entries.append(found)
    if len(entries) < count:
        raise SourceError(
            f"source {source.called!r}: {count} entries are asked for, it has {len(entries)}; lower"
            " `take`, `weight` or `budget`"
        )
    yield from sorted(entries, key=lambda found: digest(["take", found.origin]))[:count]


def _unique(source: SourceSetting) -> Iterator[Found]:
    seen: dict[int, int] = {}
    for number, found in enumerate(SOURCES[source.name].read(source.path, source.columns), 1):
        first = seen.setdefault(short(found.origin), number)
        if first != number:  # an id may be a person's name, so it is not quoted
            raise SourceError(
                f"source {source.called!r}: entries {first} and {number} have the same id; ids must"
                " be unique"
            )
        yield found
