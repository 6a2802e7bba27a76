"""The arrows between the rooms and files, and the size of files and functions."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from helpers.rooms import (
    MODULES,
    PAGE,
    ROOMS,
    SRC,
    arrows,
    files_behind,
    imported,
    redrawn,
    room_of,
)

FILES = list(MODULES.values())
TORCH = {"torch", "transformers", "accelerate", "tokenizers", "safetensors", "peft"}
WIDTH, LONGEST_FILE, LONGEST_FUNCTION = 100, 350, 60


def test_a_room_imports_what_the_table_says_and_nothing_above_it() -> None:
    found, above = arrows(), list(ROOMS)
    assert found.keys() - {"psycopref"} == set(ROOMS)
    for name, room in ROOMS.items():
        allowed = set(room.imports.split())
        assert found[name] == allowed, f"{name}: unused or missing in tests/helpers/rooms.py"
        upward = [other for other in allowed if above.index(other) > above.index(name)]
        assert not upward, f"{name} imports from rooms that stand on it: {upward}"


def test_no_circle_of_files() -> None:
    graph = {name: files_behind(path) for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"files that import each other: {' -> '.join(error.args[1])}")


def test_the_picture_is_drawn_from_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert redrawn(page) == page, "run `python tests/helpers/rooms.py`"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_torch_and_stages_stay_in_their_rooms(path: Path) -> None:
    local = path == SRC / "models" / "providers" / "local.py"
    for name in imported(path):
        if name.split(".")[0] in TORCH:
            assert room_of(path) in ("nets", "train") or local, f"{name} outside nets/ and train/"
    if room_of(path) == "stages":
        own = {name for name in files_behind(path) if name.startswith("stages")}
        assert not own, f"a stage imports a stage: {own}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module opens with one sentence"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} is too long"


ROOT = SRC.parents[1]
CODE = [
    path
    for folder in ("src", "tests", "benchmarks", "scripts")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_lines_and_ternaries(path: Path) -> None:
    """Lines of 100 columns, and no ternary within a ternary."""
    text = path.read_text(encoding="utf-8")
    wide = [at for at, line in enumerate(text.splitlines(), 1) if len(line) > WIDTH]
    assert not wide, f"lines over {WIDTH} columns: {wide}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.IfExp):
            nested = [one for one in ast.walk(node) if isinstance(one, ast.IfExp)]
            assert len(nested) == 1, f"line {node.lineno}: a ternary within a ternary"


def test_no_utils() -> None:
    assert not [path for path in FILES if path.stem in {"utils", "common", "misc"}]
