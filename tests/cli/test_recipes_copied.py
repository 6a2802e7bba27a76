"""The shipped recipes and launch files are listed and copied, from any folder."""

from pathlib import Path

import pytest

from psycopref.cli import recipes
from psycopref.cli.main import main
from psycopref.config.toml_files import DATA
from psycopref.errors import RecipeError
from psycopref.recipes import load_recipe

NAMES = [file.name for file in recipes.shipped()]


def test_every_shipped_file_says_in_one_line_what_it_is_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = {line.split()[0]: line for line in lines if line.startswith("  ")}
    recipes_there = ["ablation", "dataset", "open", "paper", "published", "quickstart", "reward"]
    assert list(shown) == [*recipes_there, "ddp", "fsdp2"]
    for folder in recipes.FOLDERS:
        assert {path.stem for path in (DATA / folder).iterdir()} <= shown.keys()
    for line in shown.values():
        assert 30 < len(line) <= 120


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_the_shipped_file_byte_for_byte(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["recipes", "copy", name]) == 0
    target = Path(capsys.readouterr().out.strip())
    file = next(one for one in recipes.shipped() if one.name == name)
    assert target.read_bytes() == file.path.read_bytes()
    if target.suffix == ".toml":
        assert load_recipe(str(target)) == load_recipe(name)


def test_a_copy_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("mine", encoding="utf-8")
    assert main(["recipes", "copy", "paper", str(mine)]) == 1
    assert mine.read_text(encoding="utf-8") == "mine"
    assert f"{mine} exists" in capsys.readouterr().err


def test_a_copy_goes_into_a_folder_under_its_own_name(tmp_path: Path) -> None:
    assert recipes.copy("launch/fsdp2.yaml", tmp_path) == tmp_path / "fsdp2.yaml"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["copy"], "which one"),
        (["copy", "papr"], "did you mean 'paper'"),
        (["copy", "paper", "no/such/folder/x.toml"], "cannot be written"),
    ],
)
def test_a_copy_that_cannot_be_made_says_why(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recipes", *words]) == 1
    assert says in capsys.readouterr().err


def test_a_shipped_recipe_that_is_asked_for_by_a_path_that_is_not_there_is_recognised() -> None:
    """Who knows a checkout's recipes/paper.toml is told the name; a misspelt one the nearest."""
    with pytest.raises(RecipeError, match="called by its name alone, 'paper'"):
        load_recipe("recipes/paper.toml")
    with pytest.raises(RecipeError, match="did you mean 'paper'"):
        load_recipe("recipes/papr.toml")
