"""A row of a published file of preferences: its fields, read or refused."""

import math
from typing import Any, Literal, NamedTuple

from psycopref.errors import SourceError
from psycopref.tables import Split, Turn

ROLES: dict[str, Literal["client", "counselor"]] = {
    "user": "client",
    "human": "client",
    "prompter": "client",
    "assistant": "counselor",
    "gpt": "counselor",
}
SPLITS: dict[str, Split] = {"train": "train", "test": "test", "validation": "dev", "dev": "dev"}


class Row(NamedTuple):
    """One row of a file: its values, where it stands for messages, and the split that the file's
    name says. A field that is missing or something else is a SourceError.
    """

    values: dict[str, Any]
    where: str
    split: Split

    @property
    def origin(self) -> str:
        """File and line, without the folder."""
        return self.where.rsplit("/", 1)[-1]

    def text(self, name: str) -> str:
        """A text that is not empty."""
        value = self.values.get(name)
        if not isinstance(value, str) or not value.strip():
            raise SourceError(
                f"{self.where}: {name!r} is missing, empty or not a text; every row needs one"
            )
        return storable(value)

    def texts(self, name: str) -> list[str]:
        """A list of texts, none of them empty."""
        found = self.values.get(name)
        if (
            not isinstance(found, list)
            or not found
            or not all(isinstance(one, str) and one.strip() for one in found)
        ):
            raise SourceError(f"{self.where}: {name!r} is not a list of texts, none of them empty")
        return [one.encode("utf-8", "replace").decode() for one in found]

    def name(self, name: str) -> str:
        """A text that may be missing ('')."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise SourceError(f"{self.where}: {name!r} is a {type(value).__name__}, not text")
        return storable(value or "")

    def number(self, name: str) -> float:
        """A finite number."""
        value = self.values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            raise SourceError(
                f"{self.where}: {name!r} is missing or no finite number; every row needs one"
            )
        return float(value)

    def turns(self, name: str) -> list[Turn]:
        """A list of messages as turns. A system message is left out: a speech has no place for
        one.
        """
        found = self.values.get(name)
        turns = []
        for message in found if isinstance(found, list) else [None]:
            said = (
                message.get("content", message.get("value")) if isinstance(message, dict) else None
            )
            role = (
                str(message.get("role", message.get("from"))).lower()
                if isinstance(message, dict)
                else ""
            )
            if role == "system":
                continue
            if role not in ROLES or not isinstance(said, str):
                raise SourceError(
                    f"{self.where}: {name!r} is not a list of messages with role (user or"
                    " assistant) and content"
                )
            turns.append(Turn(ROLES[role], storable(said)))
        return turns

    def subset(self) -> str:
        """RewardBench's subset stands as a topic, so that figures come by subset."""
        subset = self.values.get("subset")
        return storable(subset) if isinstance(subset, str) else ""

    def own_split(self) -> Split:
        """The split that the row names, or else its file."""
        return SPLITS.get(str(self.values.get("split") or ""), self.split)


def _finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond what a float holds
        return False


def storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
