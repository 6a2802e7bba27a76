"""The topics of client speeches: 8 coarse and 42 fine ones (paper, Table 4), read from a TOML file
that experts edit.
"""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from psycopref.config.toml_files import DATA, checked, locate, read_toml
from psycopref.settings import LATER, Settings


class FineTopic(Settings):
    """One topic: the name that stands in `Speech.topic`, what it is about, and words that point to
    it.
    """

    name: str = Field(min_length=1)
    description: str
    keywords: tuple[str, ...] = ()


class CoarseTopic(Settings):
    """A group of topics."""

    name: str = Field(min_length=1)
    topics: tuple[FineTopic, ...] = Field(min_length=1)


class TopicList(Settings):
    """All topics in order; fine names are unique."""

    citation: str = ""
    coarse: tuple[CoarseTopic, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> "TopicList":
        names = [_plain(name) for name in self.fine_names()]
        bare = [name for name in self.names() if not _plain(name)]
        if bare:
            raise ValueError(f"topic {bare[0]!r} has no letter or digit; give it a name")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"topics {twice} stand more than once; names must be unique")
        groups = {
            _plain(group.name): {_plain(topic.name) for topic in group.topics}
            for group in self.coarse
        }
        if len(groups) < len(self.coarse):
            raise ValueError("a coarse topic stands more than once; names must be unique")
        astray = sorted(name for name, own in groups.items() if name in names and name not in own)
        if astray:
            raise ValueError(
                f"{astray} name a coarse topic and a fine topic of another one; a label could mean"
                " either"
            )
        return self

    def fine(self) -> tuple[FineTopic, ...]:
        """The fine topics in order."""
        return tuple(topic for group in self.coarse for topic in group.topics)

    def fine_names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(topic.name for topic in self.fine())

    def names(self) -> tuple[str, ...]:
        """Coarse names, then fine names; one that is both stands once."""
        return tuple(dict.fromkeys([*(group.name for group in self.coarse), *self.fine_names()]))

    def groups(self) -> dict[str, str]:
        """The coarse topic of each fine one."""
        return {topic.name: group.name for group in self.coarse for topic in group.topics}

    def coarse_of(self, name: str) -> str:
        """The coarse topic of a fine one or of itself; '' for '' (no topic), KeyError for a name
        that is not in the list.
        """
        return {"": "", **{group.name: group.name for group in self.coarse}, **self.groups()}[name]

    def find(self, name: str) -> str:
        """The list's spelling of a fine or coarse name, whatever its case, spaces and hyphens; ''
        where there is none.
        """
        return {_plain(one): one for one in self.names()}.get(
            _plain(name), ""
        )  # no name of the list is empty when plain

    def find_fine(self, name: str) -> str:
        """`find` among the fine topics alone."""
        found = self.find(name)
        return found if found in self.fine_names() else ""


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "-", name.casefold()).strip("-")


def load_topics(name: str = "topics") -> TopicList:
    """The shipped list (`topics`) or any TOML file by path. RecipeError says what is wrong."""
    path = DATA / "topics.toml"
    if name != "topics":
        path = locate("topics", str(Path(name)) if name.endswith(".toml") else f"{name}.toml")
    return checked(TopicList, read_toml(path), str(path))


def _load(value: Any) -> Any:
    return load_topics(value) if isinstance(value, str) else value


TopicsSetting = Annotated[TopicList, BeforeValidator(_load)]


def groups(topics: TopicList | None) -> dict[str, str]:
    """The coarse topic of each fine one of a run's list, of the shipped list where it names none.

    A stage that groups by coarse topic has the setting `topics`, which came after its steps: None
    stands for the shipped list, so that their keys stay what they were.
    """
    return (topics or load_topics()).groups()


def with_topics(settings: Settings, topics: TopicList) -> Settings:
    """Settings in which every stage that groups by topic, and names no list of its own, has this
    one; the very same settings where it is the shipped list.
    """
    if topics == load_topics():
        return settings
    changed: dict[str, Any] = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if name == "topics" and field.json_schema_extra == LATER and value is None:
            changed[name] = topics
        elif isinstance(value, Settings):
            changed[name] = with_topics(value, topics)
        elif isinstance(value, dict):
            changed[name] = {
                key: with_topics(one, topics) if isinstance(one, Settings) else one
                for key, one in value.items()
            }
    return settings.model_copy(update=changed)
