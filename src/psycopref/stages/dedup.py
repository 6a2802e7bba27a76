"""Speeches to speeches without near duplicates, each left-out speech with the one it repeats; what is alike goes into one split."""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
from pydantic import Field

from psycopref.lab import Lab
from psycopref.settings import Settings, Stage
from psycopref.store.parquet import Table, table
from psycopref.tables import Dropped, Speech, content_id
from psycopref.text.families import Families, families
from psycopref.text.meanings import same
from psycopref.text.near import Similar, repeated, screened

_FIRST = ("test", "dev", "gold", "train", "")  # held-out speeches before all others, what a source has placed before what it has not


class Semantic(Settings):
    """A sentence encoder (a folder or hub id, as transformers or sentence-transformers write it) and the cosine from which two speeches mean the same."""

    model: str = Field(min_length=1)
    threshold: float = Field(default=0.95, gt=0, le=1)
    batch_tokens: int = Field(default=16384, ge=64)


class Deduped(NamedTuple):
    """Every speech once: kept, or dropped as near duplicate of a kept one or because it would join two splits."""

    speeches: Sequence[Speech]
    dropped: Sequence[Dropped]


class Dedup(Stage):
    """Drops a speech whose exact Jaccard similarity over runs of `words` words with a kept one is at least `threshold`.

    The first is kept, but speeches that their source put in a split come before others, those of test first: a train speech that repeats
    a test speech goes, never the other way round. Only the speech counts, not the turns before it. With `semantic`, what is left
    goes too where an encoder's cosine with a kept speech says that it means the same.

    Kept speeches with a similarity of at least `cluster`, those of one group of their source, and all that are linked by such get one
    `group`, so that they go into one split: the split of those that their source has placed. A speech that would link two splits is
    dropped: of published speeches the one further back in the order above, else the newcomer.
    """

    threshold: float = Field(default=0.8, gt=0, le=1)
    cluster: float = Field(default=0.7, gt=0, le=1)
    words: int = Field(default=3, ge=1)
    permutations: int = Field(default=128, ge=16)
    semantic: Semantic | None = None

    @classmethod
    def version(cls) -> int:
        """2: groups, 'straddles', and placed speeches before others; scripts without spaces are compared by their characters."""
        return 2

    def reads(self) -> Sequence[Path]:
        """The files of the encoder, where it is a folder."""
        folder = Path(self.semantic.model) if self.semantic else Path()
        return sorted(path for path in folder.rglob("*") if path.is_file()) if self.semantic and folder.is_dir() else ()

    def run(self, lab: Lab, speeches: Sequence[Speech]) -> Deduped:
        """Speeches to those kept, in order, and those dropped ('near duplicate', 'same meaning', 'straddles')."""
        frame = table(Speech, speeches).frame
        rows = frame.with_row_index("place").sort(pl.col("split").replace_strict(_FIRST, range(len(_FIRST)), return_dtype=pl.Int8), maintain_order=True)
        texts = rows["text"]
        found, similar = screened(texts, min(self.threshold, self.cluster), self.words, self.permutations), Similar(texts, self.words)
        gone = {at: ("near duplicate", kept) for at, kept in repeated(found, similar, self.threshold).items()}
        gone |= {at: ("same meaning", kept) for at, kept in self._alike(lab, texts, gone).items()}
        alike = families(found, similar, self.cluster, rows["group"].to_list(), rows["split"].to_list(), gone)
        gone |= {at: ("straddles", other) for at, other in alike.astride.items()}
        return _parted(rows, alike, gone)

    def _alike(self, lab: Lab, texts: pl.Series, gone: Container[int]) -> dict[int, int]:
        if self.semantic is None:
            return {}
        from psycopref.train import embeddings

        kept = [at for at in range(len(texts)) if at not in gone]
        vectors = embeddings.embedded(self.semantic.model, texts.gather(kept).to_list(), self.semantic.batch_tokens, lab.progress)
        return {kept[at]: kept[first] for at, first in same(vectors, self.semantic.threshold).items()}


def _parted(rows: pl.DataFrame, alike: Families, gone: Mapping[int, tuple[str, int]]) -> Deduped:
    """The rows in their own order again: kept, with their groups, or dropped."""
    ids, at = rows["speech_id"], pl.int_range(pl.len())
    groups = {one: rows["group"][first] or content_id("group", ids[first]) for one, first in alike.first.items()}
    splits = {one: rows["split"][first] for one, first in alike.first.items()}  # a family's first is placed where any of it is
    grouped = rows.with_columns(
        group=at.replace_strict(groups, default=pl.col("group"), return_dtype=pl.String),
        split=at.replace_strict(splits, default=pl.col("split"), return_dtype=pl.String),
    )
    kept = grouped.filter(pl.Series([one not in gone for one in range(len(rows))], dtype=pl.Boolean)).sort("place").drop("place")
    left_out = sorted(gone.items(), key=lambda entry: rows["place"][entry[0]])
    dropped = [Dropped(content_id("dropped", "dedup", ids[one]), ids[one], "", reason, ids[other]) for one, (reason, other) in left_out]
    return Deduped(Table(Speech, kept), dropped)
