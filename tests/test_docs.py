"""Every Python block in README and docs runs; docs/tables.md is what tables/ says; every TOML
block is TOML.
"""

import pkgutil
import re
import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"```(python|toml)\n(.*?)```", re.DOTALL)
# One notebook, run from top to bottom by tests/api/test_notebook_page.py; the README opens with it.
NOTEBOOK = FENCE.findall((ROOT / "docs" / "notebook.md").read_text(encoding="utf-8"))
BLOCKS = [
    pytest.param(kind, text, id=f"{page.name}-{number}")
    for page in PAGES
    for number, (kind, text) in enumerate(FENCE.findall(page.read_text(encoding="utf-8")))
    if (kind, text) not in NOTEBOOK
]


@pytest.mark.parametrize(("kind", "text"), BLOCKS)
def test_blocks_run(kind: str, text: str) -> None:
    if kind == "toml":
        tomllib.loads(text)
    else:
        exec(compile(text, "block", "exec"), {})


def test_tables_page_is_up_to_date() -> None:
    page = runpy.run_path(str(ROOT / "scripts" / "write_tables_doc.py"))["page"]()
    assert (ROOT / "docs" / "tables.md").read_text(encoding="utf-8") == page, (
        "run scripts/write_tables_doc.py"
    )


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def _renamed() -> list[str]:
    """The names in the right-hand columns of docs/renamed.md, rows of commands left out."""
    page = (ROOT / "docs" / "renamed.md").read_text(encoding="utf-8")
    cells = [line.split(" | ")[-1] for line in page.splitlines() if line.startswith("| `")]
    names = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    return [name for name in names if not re.match(r"(psycopref|make) ", name)]


@pytest.mark.parametrize("name", sorted(set(_renamed())))
def test_every_new_name_exists(name: str) -> None:
    if "/" in name:
        assert (ROOT / name).exists()
        return
    pkgutil.resolve_name(f"psycopref.{name}")
