"""The arrows between the rooms, and the size of files and functions."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "psycopref"
FILES = sorted(SRC.rglob("*.py"))
LOW = {"tables", "errors", "settings", "launch"}
# room -> rooms it may import from (besides LOW); a file of the top folder is a room of its own
ALLOWED: dict[str, set[str]] = {
    "toml_files": set(),
    "instruments": {"toml_files"},
    "topic_list": {"toml_files"},
    "topic_training": {"topic_list", "toml_files", "sources", "stats", "store"},
    "progress": set(),
    "columns": {"store", "topic_list"},
    "pair_columns": {"columns", "stats"},
    "prompts": {"toml_files", "models"},
    "judging": {"instruments", "prompts", "models", "store"},
    "store": {"models"},
    "models": {"store", "toml_files", "progress"},
    "lab": {"store", "models", "progress"},
    "comparing": {"judging", "instruments", "prompts", "models", "store", "lab"},
    "text": set(),
    "sources": {"toml_files", "text", "topic_list"},
    "stats": set(),
    "experts": {"stats", "store", "columns", "instruments"},
    "train": {"store", "progress", "models", "judging", "prompts", "stats"},
    "report": {"stats", "instruments", "toml_files", "topic_list", "store", "columns"},
    "stages": {
        *(
            "lab",
            "sources",
            "text",
            "judging",
            "train",
            "stats",
            "store",
            "models",
            "instruments",
            "prompts",
        ),
        *(
            "topic_list",
            "topic_training",
            "toml_files",
            "report",
            "columns",
            "pair_columns",
            "progress",
            "comparing",
            "experts",
        ),
    },
    "recipes": {"stages", "toml_files", "models"},
    "flows": {"stages", "lab", "recipes", "store", "stats"},
    "missing": {"lab", "models", "store", "recipes", "runs"},
    "reporting": {"columns", "recipes", "report", "sources", "stages", "store"},
    "publishing": {"recipes", "report", "reporting", "runs", "stages", "store"},
    "runs": {
        "reporting",
        "experts",
        "flows",
        "lab",
        "recipes",
        "progress",
        "store",
        "report",
        "stages",
    },
    "export": {"runs", "sources", "store", "toml_files"},
    "inspecting": {"runs", "lab", "store", "missing"},
    "needs": {"flows", "recipes", "stages", "train"},
    "dry_run": {"flows", "lab", "models", "needs", "progress", "recipes", "stages", "store"},
    "plan": {"dry_run", "stats"},
    "cli": {"plan", "runs", "publishing", "dry_run", "inspecting", "export", "progress"},
    "__main__": {"cli"},
    "__init__": set(),
}
TORCH = {"torch", "transformers", "accelerate", "tokenizers", "safetensors", "peft"}


def room(path: Path) -> str:
    part = path.relative_to(SRC).parts[0]
    return part.removesuffix(".py")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                (
                    f"{node.module}.{alias.name}"
                    if node.module == "psycopref" or node.module.count(".") == 1
                    else node.module
                )
                for alias in node.names
            }
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_arrows(path: Path) -> None:
    own = room(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] in TORCH:
            assert own == "train" or path.name == "local.py", f"{parts[0]} outside train/"
        if parts[0] != "psycopref" or len(parts) < 2:
            continue
        assert parts[1] == own or parts[1] in LOW | ALLOWED[own] | {"__version__"}, (
            f"{own} may not import {name}"
        )
        if own == "stages" and parts[1] == "stages":
            assert path.name == "__init__.py", f"a stage imports a stage: {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SRC)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 300
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module opens with one sentence"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{node.name} is too long"


def test_no_utils() -> None:
    assert not [path for path in FILES if path.stem in {"utils", "helpers", "common", "misc"}]
