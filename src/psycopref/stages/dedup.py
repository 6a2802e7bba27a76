"""Speeches to speeches without near duplicates, each left-out speech with the one it repeats."""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl
from pydantic import Field

from psycopref.lab import Lab
from psycopref.settings import Stage
from psycopref.store.parquet import Table, table
from psycopref.tables import Dropped, Speech, content_id
from psycopref.text.near import repeats


class Deduped(NamedTuple):
    """Every speech once: kept, or dropped as near duplicate of a kept one."""

    speeches: Sequence[Speech]
    dropped: Sequence[Dropped]


class Dedup(Stage):
    """Drops a speech whose exact Jaccard similarity over runs of `words` words with a kept one is at least `threshold`.

    The first is kept, but speeches that their source put in test come before all others: a train speech that repeats a
    test speech goes, never the other way round. Only the speech counts, not the turns before it.
    """

    threshold: float = Field(default=0.8, gt=0, le=1)
    words: int = Field(default=3, ge=1)
    permutations: int = Field(default=128, ge=16)

    def run(self, lab: Lab, speeches: Sequence[Speech]) -> Deduped:
        """Speeches to those kept, in order, and those dropped ('near duplicate')."""
        frame = table(Speech, speeches).frame
        ids, texts = frame["speech_id"].to_list(), frame["text"].to_list()
        order = sorted(range(len(ids)), key=lambda at: frame["split"][at] != "test")
        found = repeats([texts[at] for at in order], self.threshold, self.words, self.permutations)
        near = {order[at]: order[kept] for at, kept in enumerate(found) if kept >= 0}
        dropped = [Dropped(content_id("dropped", "dedup", ids[at]), ids[at], "", "near duplicate", ids[near[at]]) for at in sorted(near)]
        kept_rows = frame.filter(pl.Series([at not in near for at in range(len(ids))], dtype=pl.Boolean))
        return Deduped(Table(Speech, kept_rows), dropped)
