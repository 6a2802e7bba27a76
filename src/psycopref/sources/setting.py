"""What a recipe says of a source: how it is read, what it is called, its columns, its share and its
licence.
"""

from pathlib import Path
from typing import Any

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from psycopref.config.toml_files import did_you_mean
from psycopref.errors import RecipeError
from psycopref.settings import Settings
from psycopref.sources import SOURCES
from psycopref.sources.licences import UNKNOWN, checked, of_card


class SourceSetting(Settings):
    """One corpus: `name` is how it is read, `label` what its speeches are said to come from (the
    name if empty).

    `path` is relative to the folder one runs in and is no part of a step's key; the bytes of its
    files are. `take` keeps that many entries, chosen by a hash of their ids; `weight` is the
    source's share of Collect's `budget`. `licence` states the licence of a source whose licence is
    not known here; it is kept in the step, so that an export can say it.
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
            raise ValueError(
                f"no source {name!r}{did_you_mean(name, list(SOURCES))}; there are {list(SOURCES)}"
            )
        return name

    @field_validator("path", mode="before")
    @classmethod
    def _none(cls, path: Any) -> Any:
        return path or None

    @model_validator(mode="after")
    def _mapped(self) -> "SourceSetting":
        if self.licence and SOURCES[self.name].licence != UNKNOWN:
            raise ValueError(
                f"source {self.name!r} has the licence {SOURCES[self.name].licence}; remove"
                " `licence`"
            )
        if SOURCES[self.name].licence == UNKNOWN:
            of_card(
                self.path
            )  # a card that may not be read is told here, where an error keeps its words
        if self.columns and not SOURCES[self.name].mapped:
            raise ValueError(
                f"source {self.name!r} knows its columns; remove `columns`, or read the file as"
                " 'csv' or 'jsonl'"
            )
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
        """With the licence that a dataset folder's card states; without where none is known, so
        that the keys of steps from before it hold.
        """
        licence = self.licence or (
            of_card(self.path) if SOURCES[self.name].licence == UNKNOWN else ""
        )
        return {
            name: licence if name == "licence" else value
            for name, value in plain(self).items()
            if name != "licence" or licence
        }

    @property
    def called(self) -> str:
        """The label, or the name where there is none."""
        return self.label or self.name
