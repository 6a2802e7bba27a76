"""A row of a published file of preferences: its fields, read or found unusable."""

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


SYSTEM = ("system", "developer")
TOOLS = ("tool", "function", "ipython", "observation")


class UnusableRow(SourceError):
    """A row that has no pair of replies to one client turn; `reason` is what a Dropped row says."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Dialogue(NamedTuple):
    """A list of messages: what its system messages say ('' for none), and the turns."""

    system: str
    turns: list[Turn]


class Row(NamedTuple):
    """One row of a file: its values, where it stands for messages, and the split that the file's
    name says. A field that is missing or something else is an UnusableRow.
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
            raise UnusableRow(
                f"no {name}",
                f"{self.where}: {name!r} is missing, empty or not a text; every row needs one",
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
            raise UnusableRow(
                f"no {name}",
                f"{self.where}: {name!r} is not a list of texts, none of them empty",
            )
        return [one.encode("utf-8", "replace").decode() for one in found]

    def name(self, name: str) -> str:
        """A text that may be missing ('')."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise UnusableRow(
                f"{name} no text", f"{self.where}: {name!r} is a {type(value).__name__}, not text"
            )
        return storable(value or "")

    def number(self, name: str) -> float:
        """A finite number."""
        value = self.values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            raise UnusableRow(
                f"no {name}",
                f"{self.where}: {name!r} is missing or no finite number; every row needs one",
            )
        return float(value)

    def dialogue(self, name: str) -> Dialogue:
        """A list of messages. A speech has no place for a system message (or a developer's), so it
        stands apart.
        """
        found = self.values.get(name)
        system: list[str] = []
        turns: list[Turn] = []
        for message in found if isinstance(found, list) else [None]:
            if not isinstance(message, dict):
                raise self._no_messages(name)
            role = str(message.get("role", message.get("from"))).lower()
            if role in TOOLS or message.get("tool_calls") or message.get("function_call"):
                raise UnusableRow(
                    "tool turns", f"{self.where}: {name!r} has turns of tools, which no speech has"
                )
            said = _said(message.get("content", message.get("value")))
            if role not in ROLES and role not in SYSTEM:
                raise self._no_messages(name)
            if said is None or (role in ROLES and not said.strip()):
                raise UnusableRow("empty turn", f"{self.where}: {name!r} has a turn without a text")
            if role in SYSTEM:
                system.append(said)
            else:
                turns.append(Turn(ROLES[role], said))
        return Dialogue("\n".join(system), turns)

    def _no_messages(self, name: str) -> UnusableRow:
        return UnusableRow(
            f"{name} no messages",
            f"{self.where}: {name!r} is not a list of messages with role (user or assistant) and"
            " content",
        )

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


def _said(content: Any) -> str | None:
    """What a message says: a text, or the texts of a list of parts; None where it is neither, or
    where a part is no text (an image, a sound).
    """
    if isinstance(content, str):
        return storable(content)
    if not isinstance(content, list):
        return None
    parts = [part.get("text") if isinstance(part, dict) else part for part in content]
    texts = [part for part in parts if isinstance(part, str)]
    return storable("".join(texts)) if len(texts) == len(parts) else None


def storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
