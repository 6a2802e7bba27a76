"""Speeches to speeches that can be used: screens of length and of content, each left-out speech with its reason."""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl
from pydantic import Field, model_validator

from psycopref.lab import Lab
from psycopref.settings import Stage
from psycopref.store.parquet import Table, table
from psycopref.tables import Dropped, Speech, content_id
from psycopref.text.screens import screen


class Cleaned(NamedTuple):
    """Every speech once: kept, or dropped with a reason."""

    speeches: Sequence[Speech]
    dropped: Sequence[Dropped]


class Clean(Stage):
    """Keeps speeches of `low` to `high` characters, both included (the paper: 100 to 1,000)."""

    low: int = Field(default=100, ge=0)
    high: int = Field(default=1000, ge=1)

    @model_validator(mode="after")
    def _order(self) -> "Clean":
        if self.low > self.high:
            raise ValueError(f"low = {self.low} is above high = {self.high}")
        return self

    def run(self, lab: Lab, speeches: Sequence[Speech]) -> Cleaned:
        """Speeches to those kept, in order, and those dropped ('short', 'long', 'wordless')."""
        frame = table(Speech, speeches).frame
        reasons = [screen(text, self.low, self.high) for text in frame["text"]]
        kept = frame.filter(pl.Series([not reason for reason in reasons], dtype=pl.Boolean))
        dropped = [Dropped(content_id("dropped", "clean", key), key, "", reason) for key, reason in zip(frame["speech_id"], reasons, strict=True) if reason]
        return Cleaned(Table(Speech, kept), dropped)
