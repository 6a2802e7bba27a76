"""A prompt file with named slots: `## system` and `## user` sections in Markdown; a wrong slot is an error."""

import re
import string
from typing import Annotated, Any

from pydantic import BeforeValidator

from psycopref.errors import RecipeError
from psycopref.models.chat import Message
from psycopref.settings import Settings
from psycopref.toml_files import locate

_TAG = re.compile(r"<(/?)(client|counselor|response)\b", re.IGNORECASE)


class Prompt(Settings):
    """The text of a prompt; `{slot}` is filled, `{{` and `}}` are braces."""

    name: str
    system: str
    user: str

    def slots(self) -> set[str]:
        """The names of the slots of both parts."""
        return {name for part in (self.system, self.user) for _, name, _, _ in string.Formatter().parse(part) if name}

    def fill(self, **values: str | int) -> tuple[Message, ...]:
        """The messages with every slot filled; RecipeError where the slots are not exactly these."""
        unknown = self.slots() - set(values)
        if unknown:
            raise RecipeError(f"prompt {self.name!r}: no value for slot {sorted(unknown)}; the slots here are {sorted(values)}")
        parts = [("system", self.system), ("user", self.user)]
        return tuple(Message(role, text.format(**values)) for role, text in parts if text)  # type: ignore[arg-type]


def load_prompt(name: str) -> Prompt:
    """A shipped prompt by name or any Markdown file by path."""
    path = locate("prompts", name, ".md")
    sections = re.split(r"^## (system|user)\s*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {name: text.strip() for name, text in zip(sections[1::2], sections[2::2], strict=True)}
    if "user" not in found:
        raise RecipeError(f"{path}: a prompt needs a section headed '## user' ('## system' is optional)")
    return Prompt(name=name, system=found.get("system", ""), user=found["user"])


def _load(value: Any) -> Any:
    return load_prompt(value) if isinstance(value, str) else value


PromptSetting = Annotated[Prompt, BeforeValidator(_load)]


def fence(text: str) -> str:
    """Client and model text made safe to stand between tags: a tag of ours inside it loses its bracket."""
    return _TAG.sub(r"‹\1\2", text)
