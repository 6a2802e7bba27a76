"""Keys: settings that came later leave the keys of before alone."""

from pydantic import Field

from psycopref.settings import LATER, Settings, Stage
from psycopref.store.keys import digest, plain


class Entry(Settings):
    name: str = "a"
    secret: str = Field(default="x", exclude=True)
    added: int | None = Field(default=None, json_schema_extra=LATER)


class Before(Stage):
    entries: dict[str, Entry] = {"one": Entry()}
    listed: tuple[Entry, ...] = (Entry(name="b"),)


class After(Before):
    topics: tuple[str, ...] = Field(default=(), json_schema_extra=LATER)
    limit: list[int] = Field(default_factory=list, json_schema_extra=LATER)


def test_a_later_setting_is_left_out_of_the_key_at_its_default() -> None:
    assert (
        plain(After())
        == plain(Before())
        == {
            "entries": {"one": {"name": "a"}},
            "listed": [{"name": "b"}],
        }
    )
    assert digest(After()) == digest(Before())


def test_a_later_setting_that_says_something_is_in_the_key() -> None:
    assert plain(After(topics=("grief",)))["topics"] == ["grief"]
    assert plain(After(limit=[1]))["limit"] == [1]
    deep = After(entries={"one": Entry(added=3)}, listed=(Entry(added=None),))
    assert plain(deep)["entries"] == {"one": {"name": "a", "added": 3}}
    assert plain(deep)["listed"] == [{"name": "a"}]
