"""Sources to speeches: every text is repaired and masked before it has an id, and before anything is written."""

import hashlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from psycopref.errors import RecipeError, SourceError, SourceWarning
from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.settings import Settings, Stage
from psycopref.sources import SOURCES, Found
from psycopref.sources.licences import UNKNOWN, checked, of_card
from psycopref.sources.prepared import prepared_rows
from psycopref.store.keys import digest
from psycopref.store.parquet import Gather, Table
from psycopref.tables import Dropped, Metric, Preference, Rating, Response, Speech, Split, Turn, content_id, metric
from psycopref.text.normal import folded, repair
from psycopref.text.privacy import KINDS, Masker, mask
from psycopref.text.privacy.masker import Model
from psycopref.text.privacy.model import Entities
from psycopref.toml_files import did_you_mean


class Collected(NamedTuple):
    """Every row of every source as a speech or a dropped row, and what the sources brought along."""

    speeches: Sequence[Speech]
    dropped: Sequence[Dropped]
    responses: Sequence[Response]
    ratings: Sequence[Rating]
    preferences: Sequence[Preference]
    metrics: Sequence[Metric]


_ROWS = 256  # entries masked at once: a named-entity model reads them in batches


class SourceSetting(Settings):
    """One corpus: `name` is how it is read, `label` what its speeches are said to come from (the name if empty).

    `path` is relative to the folder one runs in and is no part of a step's key; the bytes of its files are. `take` keeps that
    many entries, chosen by a hash of their ids; `weight` is the source's share of Collect's `budget`. `licence` states the licence of a
    source whose licence is not known here; it is kept in the step, so that an export can say it.
    """

    name: str
    label: str = ""
    path: Path | None = Field(default=None, exclude=True)
    columns: dict[str, str] = Field(default_factory=dict)
    take: int | None = Field(default=None, ge=1)
    weight: float | None = Field(default=None, gt=0)
    licence: str = ""

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in SOURCES:
            raise ValueError(f"no source {name!r}{did_you_mean(name, list(SOURCES))}; there are {list(SOURCES)}")
        return name

    @field_validator("path", mode="before")
    @classmethod
    def _none(cls, path: Any) -> Any:
        return path or None

    @model_validator(mode="after")
    def _mapped(self) -> "SourceSetting":
        if self.licence and SOURCES[self.name].licence != UNKNOWN:
            raise ValueError(f"source {self.name!r} has the licence {SOURCES[self.name].licence}; remove `licence`")
        if self.columns and not SOURCES[self.name].mapped:
            raise ValueError(f"source {self.name!r} knows its columns; remove `columns`, or read the file as 'csv' or 'jsonl'")
        return self

    @field_validator("licence")
    @classmethod
    def _sayable(cls, licence: str) -> str:
        try:
            return checked(licence) if licence else ""
        except RecipeError as error:
            raise ValueError(str(error)) from None

    @model_serializer(mode="wrap")
    def _keyed(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """With the licence that a dataset folder's card states; without where none is known, so that the keys of steps from before it hold."""
        licence = self.licence or (of_card(self.path) if SOURCES[self.name].licence == UNKNOWN else "")
        return {name: licence if name == "licence" else value for name, value in plain(self).items() if name != "licence" or licence}

    @property
    def called(self) -> str:
        """The label, or the name where there is none."""
        return self.label or self.name


def prepared(text: str, masked: bool) -> str:
    """A source's text as it is stored: repaired and, where `masked`, with personal data as placeholders."""
    return mask(repair(text)) if masked else repair(text)


def speech_id(text: str, history: Sequence[Turn] = ()) -> str:
    """The id of a prepared text after the turns before it."""
    return content_id("speech", text, *(part for turn in history for part in (turn.role, turn.text)))


LONGEST = 100_000  # characters of a text that is repaired and masked; a hundred times the paper's longest speech


class Collect(Stage):
    """Reads the sources in order; of speeches that differ in case, punctuation or white space only, the first is kept, in the first split that is given.

    What came with a repeated speech is kept under the first one if both have the same split, and left out otherwise,
    so that nothing of a train speech reaches a test speech. Sources are mixed by `take`, or by their weights in a `budget` of entries.
    """

    sources: tuple[SourceSetting, ...] = Field(min_length=1)
    mask: bool = True
    entities: Entities | None = None
    budget: int | None = Field(default=None, ge=1)

    @classmethod
    def version(cls) -> int:
        """4: more forms of addresses, ids, handles and links are masked. 3: slips of pasting and telephones' signatures are taken off; texts over
        100,000 characters are dropped as 'long'; a speech that a later source has placed is placed; what was masked is counted."""
        return 4

    @model_validator(mode="after")
    def _labels(self) -> "Collect":
        names = [source.called for source in self.sources]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two sources are called {twice[0]!r}; give each a label of its own")
        if any((source.weight is None) == (self.budget is not None) for source in self.sources):
            raise ValueError("weights and a budget go together: give `budget` and every source a `weight`, or neither")
        if self.entities is not None and not self.mask:
            raise ValueError("`entities` is for masking, and `mask` is false; remove one of them")
        if self.budget is not None and any(source.take for source in self.sources):
            raise ValueError("a source has `take` although there is a `budget`; mix by one or by the other")
        return self

    def counts(self) -> list[int | None]:
        """How many entries each source gives, None for all: its `take`, or its share of the budget (largest remainders)."""
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
        """The files of all sources and of the named-entity model; SourceError where one is missing."""
        return [file for source in self.sources for file in SOURCES[source.name].files(source.path)] + (self.entities.files() if self.entities else [])

    def run(self, lab: Lab) -> Collected:
        """Sources to speeches, dropped rows, and the responses, ratings and preferences that came along."""
        shelf, metrics = _Shelf(), list[Metric]()
        model = self._model()
        for source, count in zip(self.sources, self.counts(), strict=True):
            masker = Masker(model) if self.mask and not SOURCES[source.name].invented else None
            with _told(lab.progress, source.called):
                for rows in _some(lab.progress.over(_taken(source, count), f"collect {source.called}")):
                    for found in prepared_rows([row for row in rows if shelf.bearable(source.called, row)], masker):
                        shelf.take(source.called, found)
            metrics += _masked(source.called, masker)
        return shelf.collected(metrics)

    def _model(self) -> Model | None:
        if self.entities is None:
            return None
        from psycopref.train.entities import Entities as Loaded

        return Loaded(self.entities.model, self.entities.labels, self.entities.threshold, self.entities.rows)


def _masked(source: str, masker: Masker | None) -> list[Metric]:
    """How many spans of each kind were masked in a source, over how many texts; nothing where it is not masked."""
    if masker is None:
        return []
    kinds = [metric("collect.masked", f"{source}: {kind}", masker.counts[kind], count=masker.texts) for kind in KINDS if masker.counts[kind]]
    return [metric("collect.masked", source, masker.counts.total(), count=masker.texts), *kinds]


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
    """All entries, or the `count` whose ids have the smallest hashes, so that a larger count keeps what a smaller one had."""
    if count is None:
        yield from _unique(source)
        return
    entries = list(_unique(source))
    if len(entries) < count:
        raise SourceError(f"source {source.called!r}: {count} entries are asked for, it has {len(entries)}; lower `take`, `weight` or `budget`")
    yield from sorted(entries, key=lambda found: digest(["take", found.origin]))[:count]


def _unique(source: SourceSetting) -> Iterator[Found]:
    seen: dict[int, int] = {}
    for number, found in enumerate(SOURCES[source.name].read(source.path, source.columns), 1):
        first = seen.setdefault(_short(found.origin), number)
        if first != number:  # an id may be a person's name, so it is not quoted
            raise SourceError(f"source {source.called!r}: entries {first} and {number} have the same id; ids must be unique")
        yield found


def _short(text: str) -> int:
    """62 bits of the text's sha256: a number is half the memory of an id, and an accident among a million ids has a chance of one in ten million."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 2


class _Shelf:
    """Collects rows of prepared text by id, so that each stands once."""

    def __init__(self) -> None:
        self._speeches = Gather(Speech)
        self._by_sound: dict[int, str] = {}
        self._splits: dict[str, Split] = {}
        self._late: dict[str, Split] = {}
        self._dropped: list[Dropped] = []
        self._responses: dict[str, Response] = {}
        self._ratings: dict[str, Rating] = {}
        self._preferences: dict[str, Preference] = {}

    def bearable(self, source: str, found: Found) -> bool:
        """Whether no text of an entry is too long to be repaired and masked; an entry that has one is dropped."""
        if max(map(len, (found.text, *(turn.text for turn in found.history), *(answer.text for answer in found.answers)))) <= LONGEST:
            return True
        self._drop(content_id("speech", "long", source, found.origin), f"{source}:{found.origin}", "long", "")
        return False

    def take(self, source: str, found: Found) -> None:
        """Keep an entry whose texts are prepared."""
        text, history = found.text, found.history
        own, origin = speech_id(text, history), f"{source}:{found.origin}"
        if not folded(text):
            self._drop(own, origin, "empty", "")
            return
        sound = _short(speech_id(folded(text), [Turn(turn.role, folded(turn.text)) for turn in history]))
        first = self._by_sound.get(sound, "")
        if first:
            self._drop(own, origin, "duplicate", first)
            if found.split and first not in self._splits:  # a published split stands, whichever source is read first
                self._splits[first] = self._late[first] = found.split
        else:
            first = self._by_sound[sound] = own
            group = content_id("group", source, found.group) if found.group else ""  # what the source wrote may be a person's name
            self._speeches.add(Speech(own, source, text, history, found.topic, found.split, group))
            if found.split:
                self._splits[own] = found.split
        if self._splits.get(first, "") == found.split:
            self._bring(first, source, found)

    def _drop(self, own: str, origin: str, reason: str, near: str) -> None:
        self._dropped.append(Dropped(content_id("dropped", "collect", origin), own, origin, reason, near))

    def _bring(self, subject: str, judge: str, found: Found) -> None:
        ids, means = [], []
        for answer in found.answers:
            key = content_id("response", subject, answer.model, answer.text)
            self._responses.setdefault(key, Response(key, subject, answer.model, answer.text))
            for item, score, rationale in answer.ratings:
                rating = content_id("rating", key, item, judge)
                self._ratings.setdefault(rating, Rating(rating, key, item, judge, score, rationale))
            ids.append(key)
            means.append(sum(score for _, score, _ in answer.ratings) / len(answer.ratings) if answer.ratings else 0.0)
        for one, other in found.pairs:
            if ids[one] != ids[other]:
                key = content_id("preference", ids[one], ids[other])
                self._preferences.setdefault(key, Preference(key, subject, ids[one], ids[other], means[one] - means[other], found.split))

    def collected(self, metrics: Sequence[Metric]) -> Collected:
        rows = (self._responses.values(), self._ratings.values(), self._preferences.values(), metrics)
        frame = self._speeches.table(ordered=False).frame
        placed = pl.col("speech_id").replace_strict(self._late, default=pl.col("split"), return_dtype=pl.String) if self._late else pl.col("split")
        return Collected(Table(Speech, frame.with_columns(split=placed)), self._dropped, *map(list, rows))  # type: ignore[arg-type]
