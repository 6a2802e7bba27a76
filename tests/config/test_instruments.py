"""An instrument that people write: what is refused, and in which words."""

from pathlib import Path

import pytest

from psycopref.config.instruments import load_instrument
from psycopref.errors import RecipeError

HEAD = 'name = "own"\ncitation = "none"\nlow = 0\nhigh = 10\n'


def item(name: str, title: str = "Warmth", criteria: str = "") -> str:
    return (
        f'[[items]]\nname = "{name}"\ntitle = "{title}"\ndefinition = "It is warm."\ncriteria ='
        f" [{criteria}]\n"
    )


def test_an_own_instrument_by_path(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        HEAD + item("warmth") + item("warmth_2", criteria='"a smile"') + item("depth", "Depth"),
        encoding="utf-8",
    )
    assert [one.name for one in load_instrument(str(tmp_path / "own.toml")).items] == [
        "warmth",
        "warmth_2",
        "depth",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            HEAD + item("warmth") + item("care"),
            "'warmth' and 'care' have the same title, definition and criteria",
        ),
        (HEAD + item("warmth") + item("warmth", "Depth"), "different names"),
        (HEAD.replace("10", "0") + item("warmth"), "low < high"),
        (HEAD + item("warmth") + item("overall", "Depth"), "an item is named 'overall'"),
        (HEAD + item(" Overall"), "an item is named ' Overall'"),
    ],
)
def test_what_cannot_be_rated_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match="own.toml") as error:
        load_instrument(str(tmp_path / "own.toml"))
    assert says in str(error.value)
