"""What `import psycopref` gives: these names and no others, each with its words, in no time."""

import ast
import dataclasses
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import psycopref

INIT = Path(psycopref.__file__)
HEAVY = ("torch", "transformers", "sklearn", "scipy", "polars", "numpy", "pydantic", "rich")


def test_the_names_are_sorted_and_are_what_dir_gives() -> None:
    assert psycopref.__all__ == sorted(psycopref.__all__)
    assert dir(psycopref) == psycopref.__all__
    assert len(psycopref.__all__) < 45, "what a notebook needs and nothing else"


@pytest.mark.parametrize("name", psycopref.__all__)
def test_every_name_is_there_and_says_what_it_is(name: str) -> None:
    value = getattr(psycopref, name)
    if name == "__version__":
        return
    words = inspect.getdoc(value) or ""
    assert len(words) > 15 and words != inspect.getdoc(Exception)
    bare = dataclasses.is_dataclass(value) and words.startswith(f"{name}(")
    assert not bare, "a dataclass's made-up docstring is no docstring"
    if inspect.isclass(value) and value.__module__.startswith("psycopref.api"):
        for member, function in inspect.getmembers(value, inspect.isfunction):
            assert member.startswith("_") or function.__doc__, f"{name}.{member}"


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(INIT.read_text(encoding="utf-8"))
    seen = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("psycopref.")
        for alias in node.names
    }
    assert seen | {"__version__"} == set(psycopref.__all__)


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Lab'"):
        psycopref.Lab  # noqa: B018 - the access is what is tested


def test_import_loads_nothing_heavy() -> None:
    code = (
        f"import sys, psycopref, json; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_the_command_lines_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, psycopref.cli.main as main\n"
        "for command in ([], ['run'], ['plan'], ['show']):\n"
        "    try: main.main([*command, '--help'])\n"
        "    except SystemExit: pass\n"
        f"print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
