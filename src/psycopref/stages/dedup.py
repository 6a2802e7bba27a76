"""Speeches to speeches without near duplicates, each left-out speech with the one it repeats; what
is alike goes into one split.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import polars as pl
from pydantic import Field

from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.settings import TORCH, Settings, Stage
from psycopref.store.parquet import Table, table
from psycopref.tables import FIRST, Dropped, Speech, content_id, groups_of
from psycopref.text.duplicates.meanings import Meanings
from psycopref.text.duplicates.select import Measure, Sifted, sifted

T = TypeVar("T")
_TOLD = 500  # speeches between two words on progress


class _Told:
    """Progress over all speeches, a word every few hundred; one each would take longer than most of
    them.
    """

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total = progress, total

    def __call__(self, items: Iterable[T], name: str, /) -> Iterator[T]:
        with self._progress.track(name, self._total) as tick:
            since = 0
            for item in items:
                yield item
                since = (since + 1) % _TOLD
                if not since:
                    tick(_TOLD)
            tick(since)


class Semantic(Settings):
    """A sentence encoder (a folder or hub id, as transformers or sentence-transformers write it)
    and the cosine from which two speeches mean the same.
    """

    model: str = Field(min_length=1)
    threshold: float = Field(default=0.95, gt=0, le=1)
    batch_tokens: int = Field(default=16384, ge=64)


class Deduped(NamedTuple):
    """Every speech once: kept, or dropped as near duplicate of a kept one or because it would join
    two splits.
    """

    speeches: Sequence[Speech]
    dropped: Sequence[Dropped]


class Dedup(Stage):
    """Drops a speech whose exact Jaccard similarity over runs of `words` words with a kept one is
    at least `threshold`.

    The first is kept, but speeches that their source put in a split come before others, those of
    test first: a train speech that repeats a test speech goes, never the other way round. Only the
    speech counts, not the turns before it. With `semantic`, what is left goes too where an
    encoder's cosine with a kept speech says that it means the same.

    Kept speeches with a similarity of at least `cluster`, those of one group of their source, and
    all that are linked by such get one `group`, so that they go into one split: the split of those
    that their source has placed. The groups of a dropped repeat count as groups of the speech that
    it repeats. A speech that would link two splits is dropped: of published speeches the one
    further back in the order above, else the newcomer; speeches without a split whose group repeats
    published speeches of two splits go, and the published ones stay.
    """

    threshold: float = Field(default=0.8, gt=0, le=1)
    cluster: float = Field(default=0.7, gt=0, le=1)
    words: int = Field(default=3, ge=1)
    permutations: int = Field(default=128, ge=16)
    semantic: Semantic | None = None

    def packages(self) -> Sequence[str]:
        """An encoder of meanings is read with torch."""
        return TORCH if self.semantic else ()

    @classmethod
    def version(cls) -> int:
        """2: groups, 'straddles', and placed speeches before others. 3: 'straddles' may name
        another member of a family. 4: the groups of a dropped repeat are those of the speech that
        it repeats.
        """
        return 4

    def reads(self) -> Sequence[Path]:
        """The files of the encoder, where it is a folder."""
        folder = Path(self.semantic.model) if self.semantic else Path()
        return (
            sorted(path for path in folder.rglob("*") if path.is_file())
            if self.semantic and folder.is_dir()
            else ()
        )

    def run(self, lab: Lab, speeches: Sequence[Speech]) -> Deduped:
        """Speeches to those kept, in order, and those dropped ('near duplicate', 'same meaning',
        'straddles').
        """
        frame = table(Speech, speeches).frame
        rows = frame.with_row_index("place").sort(
            pl.col("split").replace_strict(FIRST, range(len(FIRST)), return_dtype=pl.Int8),
            maintain_order=True,
        )
        measure = Measure(self.threshold, self.cluster, self.words, self.permutations)
        meanings = self._meanings(lab, rows["text"])
        return _parted(
            rows,
            sifted(
                rows["text"],
                rows["split"].to_list(),
                [groups_of(text) for text in rows["group"]],
                measure,
                meanings,
                _Told(lab.progress, len(rows)),
            ),
        )

    def _meanings(self, lab: Lab, texts: pl.Series) -> Callable[[], Meanings] | None:
        semantic = self.semantic
        if semantic is None:
            return None
        from psycopref.nets import embeddings

        vectors = embeddings.embedded(
            semantic.model, texts.to_list(), semantic.batch_tokens, lab.progress
        )
        return lambda: Meanings(vectors, semantic.threshold)


def _parted(rows: pl.DataFrame, found: Sifted) -> Deduped:
    """The rows in their own order again: kept, with their groups, or dropped."""
    ids, at = rows["speech_id"], pl.int_range(pl.len())
    # Of several any one will do: all that have it are of one family.
    own = [
        next((one.group_id for one in groups_of(text) if not one.lent), "")
        for text in rows["group"]
    ]
    rows = rows.with_columns(group=pl.Series(own, dtype=pl.String))
    groups = {
        one: rows["group"][first] or content_id("group", ids[first])
        for one, first in found.first.items()
    }
    # A family's first is placed where any of it is.
    splits = {one: rows["split"][first] for one, first in found.first.items()}
    grouped = rows.with_columns(
        group=at.replace_strict(groups, default=pl.col("group"), return_dtype=pl.String),
        split=at.replace_strict(splits, default=pl.col("split"), return_dtype=pl.String),
    )
    kept = (
        grouped.filter(
            pl.Series([one not in found.gone for one in range(len(rows))], dtype=pl.Boolean)
        )
        .sort("place")
        .drop("place")
    )
    left_out = sorted(found.gone.items(), key=lambda entry: rows["place"][entry[0]])
    dropped = [
        Dropped(content_id("dropped", "dedup", ids[one]), ids[one], "", reason, ids[other])
        for one, (reason, other) in left_out
    ]
    return Deduped(Table(Speech, kept), dropped)
