"""docs/adding.md's worked examples: a stage, a flow, a section of the report, a metric and an
objective are added to a copy of the code by the page's own edits, and work.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from psycopref.train.objectives import OBJECTIVES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")
# Files that are opened for each of these, a test not counted.
PLACES = {"An objective": 2, "A stage": 2, "A flow": 3, "A section of the report": 3, "A metric": 1}
TRIAL = """
from pathlib import Path
from helpers.tiny import TINY, build_world
from psycopref.lab import Lab
from psycopref.stages.policy import Policy
world = build_world()
settings = {"size": TINY, "batch_size": 4, "dev": ""}
with Lab(Path("work")) as lab:
    sft = Policy(objective="sft", steps=3, **settings)
    start = lab.do(sft, world.speeches, world.responses, [], None).weights
    hinge = Policy(objective="hinge", lr=1e-3, epochs=4, **settings)
    assert hinge.learns.reference
    curve = lab.do(hinge, *world, start).curve
losses = [point.value for point in curve if point.name == "loss"]
assert losses[0] == 1.0 and losses[-1] < 0.99, losses
"""


class Edit(NamedTuple):
    """A file, the lines that are put in, and the line that they stand before ('' in a new file)."""

    file: str
    added: str
    before: str


def edits(heading: str) -> list[Edit]:
    """What a part of the page says is to be changed."""
    part = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    made = []
    for block in re.findall(r"```diff\n(.*?)```", part, re.DOTALL):
        file, *lines = block.splitlines(keepends=True)
        added = [line[1:] for line in lines if line.startswith("+")]
        before = [line[1:] for line in lines if not line.startswith("+")]
        made.append(Edit(file.strip(), "".join(added), "".join(before)))
    return made


def apply(edit: Edit, copy: Path) -> None:
    """Make one edit in a copy of the project."""
    file = copy / edit.file
    if not edit.before:
        assert not file.exists(), f"{edit.file} is there already: mend docs/adding.md"
        file.write_text(edit.added, encoding="utf-8")
        return
    text = file.read_text(encoding="utf-8")
    assert text.count(edit.before) == 1, f"{edit.file} has changed: mend docs/adding.md"
    file.write_text(text.replace(edit.before, edit.added + edit.before), encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code alone, to be edited."""
    left_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=left_out)
    return tmp_path


def run(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Python with the copy's code."""
    paths = os.pathsep.join([str(copy / "src"), str(ROOT / "tests")])
    return subprocess.run(
        [sys.executable, *words],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("heading", PLACES)
def test_so_many_files_are_opened(heading: str) -> None:
    assert len({edit.file for edit in edits(heading)}) == PLACES[heading]


def test_a_stage_a_flow_a_section_and_a_metric(copy: Path) -> None:
    for heading in ("A stage", "A flow", "A section of the report", "A metric"):
        for edit in edits(heading):
            apply(edit, copy)
    done = run(copy, "-m", "psycopref", "run", "echoes", "--work", "work")
    assert done.returncode == 0, done.stderr
    (place,) = (copy / "work" / "runs").iterdir()
    rows = json.loads((place / "metrics.json").read_text(encoding="utf-8"))
    shares = {row["slice"]: row for row in rows if row["name"] == "echo.share"}
    counts = {row["slice"]: row["value"] for row in rows if row["name"] == "echo.responses"}
    assert len(shares) == 8 and shares.keys() == counts.keys() and sum(counts.values()) == 888
    assert all(0 < row["low"] <= row["value"] <= row["high"] < 1 for row in shares.values())
    page = (place / "report.html").read_text(encoding="utf-8")
    assert '<section id="echo"' in page and 'href="#echo"' in page
    assert "echo.responses" in page, "a metric that no section reads is a further figure"
    dry = run(copy, "-m", "psycopref", "run", "echoes", "--dry-run", "--work", "dry")
    assert dry.returncode == 0, dry.stderr


def test_an_objective_is_a_loss_and_a_line(copy: Path) -> None:
    for edit in edits("An objective"):
        apply(edit, copy)
    done = run(copy, "-c", TRIAL)
    assert done.returncode == 0, done.stderr


def test_the_docs_list_the_objectives_of_the_table() -> None:
    kinds = ("nothing", "responses", "pairs")
    for name, one in OBJECTIVES.items():
        settings = ", ".join(f"`{each}`" for each in one.settings) or "-"
        against = "yes" if one.reference else "no"
        line = f"| `{name}` | {one.says} | {kinds[one.rows]} | {settings} | {against} |"
        assert line in PAGE, f"docs/adding.md lacks: {line}"
