"""Speeches to speeches that can be used: screens of length, content and language, each left-out
speech with its reason.
"""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl
from pydantic import Field, field_validator, model_validator

from psycopref.lab import Lab
from psycopref.settings import Stage
from psycopref.store.parquet import Table, table
from psycopref.tables import Dropped, Speech, content_id
from psycopref.text.screens import boilerplate, first_person, request, screen


class Cleaned(NamedTuple):
    """Every speech once: kept, or dropped with a reason."""

    speeches: Sequence[Speech]
    dropped: Sequence[Dropped]


class Clean(Stage):
    """Keeps speeches of `low` to `high` characters, both included (the paper: 100 to 1,000), that
    somebody said.

    `language` ('en', 'de', ...) drops what is clearly in another language; '' keeps all.
    `boilerplate` drops what is only a site's text or a filler. `first_person` and `request` drop
    English speeches that never say I or we, or ask for nothing; off, since clients speak so too.
    """

    low: int = Field(default=100, ge=0)
    high: int = Field(default=1000, ge=1)
    language: str = ""
    boilerplate: bool = True
    first_person: bool = False
    request: bool = False

    @classmethod
    def version(cls) -> int:
        """2: boilerplate is dropped."""
        return 2

    @field_validator("language")
    @classmethod
    def _told_apart(cls, language: str) -> str:
        from psycopref.text.language import languages

        if language and language not in languages():
            raise ValueError(
                f"no language {language!r}; give an ISO 639 code such as 'en' or 'de', or '' to"
                f" keep all: {' '.join(languages())}"
            )
        return language

    @model_validator(mode="after")
    def _settled(self) -> "Clean":
        if self.low > self.high:
            raise ValueError(f"low = {self.low} is above high = {self.high}")
        if (self.first_person or self.request) and self.language not in ("", "en"):
            raise ValueError(
                f"first_person and request know English only, and language is {self.language!r};"
                " leave them out"
            )
        return self

    def run(self, lab: Lab, speeches: Sequence[Speech]) -> Cleaned:
        """Speeches to those kept, in order, and those dropped.

        Reasons, the first that holds: 'long', 'boilerplate', 'short', 'wordless', 'language de'
        (the likeliest one), 'not first person', 'no request'.
        """
        frame = table(Speech, speeches).frame
        reasons = [self._reason(text) for text in frame["text"]]
        kept = frame.filter(pl.Series([not reason for reason in reasons], dtype=pl.Boolean))
        dropped = [
            Dropped(content_id("dropped", "clean", key), key, "", reason)
            for key, reason in zip(frame["speech_id"], reasons, strict=True)
            if reason
        ]
        return Cleaned(Table(Speech, kept), dropped)

    def _reason(self, text: str) -> str:
        reason = screen(text, self.low, self.high)
        if reason != "long" and self.boilerplate and boilerplate(text):
            return "boilerplate"
        if reason:
            return reason
        if self.language:
            from psycopref.text.language import foreign

            if other := foreign(text, self.language):
                return f"language {other}"
        if self.first_person and not first_person(text):
            return "not first person"
        return "no request" if self.request and not request(text) else ""
