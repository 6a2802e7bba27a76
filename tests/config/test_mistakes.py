"""Mistakes in a recipe: each said once, and before anything is run."""

from pathlib import Path

import pytest

from psycopref.errors import RecipeError
from psycopref.recipes import LONGEST, load_recipe

POOL = """
flow = "dataset"
[dataset.collect]
sources = [{ name = "sample" }]
[dataset.clean]
[dataset.dedup]
[dataset.topics]
labeller = "given"
[dataset.respond]
[dataset.respond.pool]
name = "x"
models = [MODELS]
[dataset.rate]
instrument = "psychocounsel"
judge = { name = "j", kind = "openai", url = "http://127.0.0.1:9" }
[dataset.pair]
instrument = "psychocounsel"
"""


def refused(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe(str(path))
    return str(caught.value)


def test_a_pool_with_one_mistake_has_one_message(tmp_path: Path) -> None:
    entry = '{ name = "m", kind = "openai", url = "http://127.0.0.1:9", temprature = 1 }'
    said = refused(tmp_path / "a.toml", POOL.replace("MODELS", entry))
    assert "did you mean 'temperature'" in said and "\n" not in said
    assert "at least 1 item" in refused(tmp_path / "a.toml", POOL.replace("MODELS", ""))


def test_deep_nesting_is_a_message(tmp_path: Path) -> None:
    said = refused(tmp_path / "a.toml", "a = " + "[" * 5000 + "]" * 5000)
    assert "too deeply" in said


@pytest.mark.parametrize("letters", ["x" * 245, "x" * 300, "ü" * 120])
def test_a_name_that_no_run_could_have_is_refused_first(letters: str) -> None:
    with pytest.raises(RecipeError, match=f"{LONGEST} at most"):
        load_recipe(f"{letters}.toml")
