"""A package that is lacking is named before the first call, by the dry run too."""

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from helpers.loopback import Loopback
from helpers.tiny_paper import write

from psycopref.errors import RecipeError
from psycopref.progress import Progress
from psycopref.recipes import load_recipe
from psycopref.runs import packages, run
from psycopref.runs.rehearsal import rehearse


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    usual = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name in names else usual(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)


def test_torch_is_missed_before_a_call_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "torch")
    with Loopback() as server:
        path = str(write(tmp_path, server.url))
        for do in (run.run, rehearse):
            with pytest.raises(RecipeError, match=r"needs the package torch.*psycopref\[train\]"):
                do(path, tmp_path / "work", Progress())
    assert not server.book.bodies and not (tmp_path / "work").exists()


def test_the_data_half_needs_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "torch", "transformers", "accelerate", "peft")
    recipe = load_recipe("quickstart")[1].dataset
    packages.check_packages("quickstart", recipe)


@pytest.mark.parametrize(
    ("line", "package"),
    [
        ("lora = 4", "peft"),
        ('lora = 4\nquantise = "nf4"', "bitsandbytes"),
        ('tracker = "trackio"', "trackio"),
    ],
)
def test_what_only_some_recipes_need(tmp_path: Path, line: str, package: str) -> None:
    path = write(tmp_path, "http://localhost:1")
    text = path.read_text(encoding="utf-8").replace(
        "[training.reward]\n", f"[training.reward]\n{line}\n"
    )
    path.write_text(text, encoding="utf-8")
    short, recipe = load_recipe(str(path))
    packages.check_packages(short, recipe, lambda name: True)
    with pytest.raises(RecipeError, match=f"training reward needs the package {package}"):
        packages.check_packages(short, recipe, lambda name: name != package)


def test_models_on_this_machine(tmp_path: Path) -> None:
    path = write(tmp_path, "http://localhost:1")
    text = path.read_text(encoding="utf-8")
    text = text.replace('name = "rival", kind = "openai"', 'name = "rival", kind = "vllm"')
    path.write_text(text, encoding="utf-8")
    short, recipe = load_recipe(str(path))
    with pytest.raises(RecipeError, match="rival needs the package vllm"):
        packages.check_packages(short, recipe, lambda name: name != "vllm")


def test_a_tracker_that_does_not_import_is_lacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trackio.py").write_text("import pkg_resources_of_long_ago", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = write(tmp_path, "http://localhost:1")
    text = path.read_text(encoding="utf-8").replace(
        "[training.reward]\n", '[training.reward]\ntracker = "trackio"\n'
    )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match="trackio, which is not installed here"):
        packages.check_packages("tiny", load_recipe(str(path))[1])
