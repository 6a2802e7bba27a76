"""An instrument: a rating scale with its items, read from a TOML file that experts edit."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from psycopref.config.toml_files import named
from psycopref.settings import Settings


class Item(Settings):
    """One principle: what it means, what to look at, and how much it weighs in the overall
    score.
    """

    name: str
    title: str
    definition: str
    criteria: tuple[str, ...] = ()
    weight: float = Field(default=1.0, gt=0)


class Instrument(Settings):
    """A scale of whole points from `low` to `high` and its items in order."""

    name: str
    citation: str
    low: int
    high: int
    items: tuple[Item, ...]

    @model_validator(mode="after")
    def _whole(self) -> "Instrument":
        names = [item.name for item in self.items]
        if self.low >= self.high or not names or len(set(names)) != len(names):
            raise ValueError("an instrument needs low < high and items with different names")
        if taken := [name for name in names if name.strip().lower() == "overall"]:
            raise ValueError(
                f"an item is named {taken[0]!r}, which stands for the judgement over all items"
                " everywhere; name it otherwise"
            )
        asked: dict[object, str] = {}
        for item in self.items:
            first = asked.setdefault((item.title, item.definition, item.criteria), item.name)
            if first != item.name:
                raise ValueError(
                    f"items {first!r} and {item.name!r} have the same title, definition and"
                    " criteria, so a judge is asked the same twice"
                )
        return self

    def item(self, name: str) -> Item:
        """The item of that name; KeyError where there is none."""
        return next(item for item in self.items if item.name == name)


def load_instrument(name: str) -> Instrument:
    """A shipped instrument by name (`psychocounsel`) or any TOML file by path. RecipeError says
    what is wrong.
    """
    return named(Instrument, "instruments", name)


def _load(value: Any) -> Any:
    return load_instrument(value) if isinstance(value, str) else value


InstrumentSetting = Annotated[Instrument, BeforeValidator(_load)]
