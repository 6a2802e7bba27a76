"""The base of everything people write: frozen, and a misspelt name is an error."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from psycopref.needs import Need

# Marks a setting that was added after steps had been made: at its default they keep their keys.
LATER: JsonDict = {"later": True}


# What every stage imports that computes with a model's weights.
TORCH = ("torch", "transformers", "accelerate")


class Settings(BaseModel):
    """Frozen settings. A field declared `Field(..., exclude=True)` does not enter a step's key; one
    declared with `json_schema_extra=LATER` enters it only where it differs from its default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class Stage(Settings):
    """A stage: settings, and a `run(lab, *tables)` that returns a NamedTuple of tables or weights
    Paths.

    `version()` is raised when the output of `run` changes for the same input; it enters the step's
    key.
    """

    @classmethod
    def known_as(cls) -> str:
        """The name in a step's key and folder; a stage that is renamed keeps its old one, or every
        workspace would make its step again.
        """
        return cls.__name__.lower()

    @classmethod
    def version(cls) -> int:
        return 1

    def reads(self) -> Sequence[Path]:
        """Files outside the workspace that `run` reads; their bytes enter the step's key."""
        return ()

    def stated(self) -> Sequence[str]:
        """What the names of those files say that `run` goes by; it enters the step's key where
        there is any.
        """
        return ()

    def packages(self) -> Sequence[str]:
        """Packages beyond the base that `run` imports, by their import names: looked for before
        anything of a recipe is asked.
        """
        return ()

    @classmethod
    def unnamed(cls) -> Sequence[str]:
        """Keywords of `run` that enter a step's key by their value alone, behind others that were
        left out; only for a stage whose steps were made so before keys held the names.
        """
        return ()

    @classmethod
    def together(cls) -> bool:
        """Whether all processes of a launch run this stage side by side; the others wait for the
        first one's result.
        """
        return False

    def rehearse(self, *inputs: Any, **named: Any) -> tuple[Any, Need] | None:
        """What `run` would give for these inputs (rows that stand for what is not made yet; a Path
        is relative to the step's folder), and what it would take. Nothing is asked or computed.

        None for a stage that costs nothing but calls: a rehearsal runs it, with placeholders for
        the replies that it has not.
        """
        return None
