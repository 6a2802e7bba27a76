"""A prompt file with named slots: `## system` and `## user` sections in Markdown; a wrong slot is
an error.
"""

import re
import string
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from psycopref.config.toml_files import checked, locate
from psycopref.errors import RecipeError
from psycopref.settings import Settings
from psycopref.store.calls import Message
from psycopref.tables import Speech

_OPTIONAL = frozenset({"history", "low", "high", "form"})
_PRINCIPLE = frozenset({"title", "definition", "criteria"})
_TAG = re.compile(r"<([\s/\u200b-\u200f\u2060\ufeff]*)(client|counselor|response)\b", re.IGNORECASE)


class Prompt(Settings):
    """The text of a prompt; `{slot}` is filled, `{{` and `}}` are braces."""

    name: str
    system: str
    user: str

    @model_validator(mode="after")
    def _readable(self) -> "Prompt":
        for part, text in (("system", self.system), ("user", self.user)):
            for number, line in enumerate(text.split("\n"), 1):
                if not _braces_are_slots(line):
                    raise ValueError(
                        f"line {number} of the {part} part: a brace that is no slot; a slot is"
                        " {name}, and a brace itself is {{ or }}"
                    )
        return self

    def slots(self) -> set[str]:
        """The names of the slots of both parts."""
        return {
            name
            for part in (self.system, self.user)
            for _, name, _, _ in string.Formatter().parse(part)
            if name
        }

    def fill(self, **values: str | int) -> tuple[Message, ...]:
        """The messages with every slot filled.

        RecipeError where a slot has no value, or a value has no slot. Turns before a speech
        (`history`), the ends of a scale, the form of an answer and all but one of the three slots
        that tell a principle may be left out.
        """
        slots = self.slots()
        unknown = slots - set(values)
        if unknown:
            raise RecipeError(
                f"prompt {self.name!r}: no value for slot {sorted(unknown)}; the slots here are"
                f" {sorted(values)}"
            )
        lacking = set(values) - slots - _OPTIONAL - _PRINCIPLE
        if lacking:
            raise RecipeError(
                f"prompt {self.name!r}: no slot {sorted(lacking)}, so the model would not be shown"
                f" it; write {_written(lacking)} where it belongs"
            )
        if _PRINCIPLE & set(values) and not _PRINCIPLE & slots:
            raise RecipeError(
                f"prompt {self.name!r}: none of {_written(_PRINCIPLE)}, so every principle would be"
                " asked for alike; write one at least"
            )
        parts = [("system", self.system), ("user", self.user)]
        return tuple(
            Message(role, text.format(**values))  # type: ignore[arg-type]
            for role, text in parts
            if text
        )


def _braces_are_slots(line: str) -> bool:
    try:
        slots = [found[1:] for found in string.Formatter().parse(line) if found[1] is not None]
    except ValueError:
        return False
    return all(
        name and name.isidentifier() and not form and not conversion
        for name, form, conversion in slots
    )


def _written(slots: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(slots))


def load_prompt(name: str) -> Prompt:
    """A shipped prompt by name or any Markdown file by path."""
    path = locate("prompts", name, ".md")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"{path}: cannot be read as UTF-8 text ({type(error).__name__}); save it as UTF-8"
        ) from None
    sections = re.split(r"^## (system|user)\s*$", text, flags=re.MULTILINE)
    found = {name: text.strip() for name, text in zip(sections[1::2], sections[2::2], strict=True)}
    if "user" not in found:
        raise RecipeError(
            f"{path}: a prompt needs a section headed '## user' ('## system' is optional)"
        )
    return checked(
        Prompt, {"name": name, "system": found.get("system", ""), "user": found["user"]}, str(path)
    )


def instruction(name: str, **values: str | int) -> str:
    """The user part of a shipped prompt file, filled: a line that is put to a request, or a text
    that stands for an answer.
    """
    return _shipped(name).fill(**values)[-1].content


@lru_cache(maxsize=32)
def _shipped(name: str) -> Prompt:
    return load_prompt(name)


def _load(value: Any) -> Any:
    return load_prompt(value) if isinstance(value, str) else value


PromptSetting = Annotated[Prompt, BeforeValidator(_load)]


def fence(text: str) -> str:
    """Client and model text made safe to stand between tags: a tag of ours inside it, spaced or
    not, loses its bracket.
    """
    return _TAG.sub(r"‹\1\2", text)


def history_text(speech: Speech) -> str:
    """The turns before a speech between tags, or nothing."""
    return "".join(
        f"<{turn.role}>\n{fence(turn.text)}\n</{turn.role}>\n" for turn in speech.history
    )
