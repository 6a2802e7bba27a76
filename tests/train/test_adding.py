"""docs/adding.md's objective: its two edits are all that a recipe needs to train with it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from psycopref.train.objectives import OBJECTIVES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")
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


def edits() -> list[tuple[str, str, str]]:
    """File, what is put in, and the line that it is put before."""
    section = PAGE.split("## An objective\n")[1].split("\n## ")[0]
    found = []
    for block in re.findall(r"```diff\n(.*?)```", section, re.DOTALL):
        file, *added, before = block.splitlines(keepends=True)
        assert all(line.startswith("+") for line in added)
        found.append((file.strip(), "".join(line[1:] for line in added), before[1:]))
    return found


def test_an_objective_is_a_loss_and_a_line(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    places = edits()
    assert len(places) == 2
    for file, added, before in places:
        text = (tmp_path / file).read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{file} has changed: mend docs/adding.md"
        (tmp_path / file).write_text(text.replace(before, added + before), encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path / "src"), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-c", TRIAL],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_docs_list_the_objectives_of_the_table() -> None:
    kinds = ("nothing", "responses", "pairs")
    for name, one in OBJECTIVES.items():
        settings = ", ".join(f"`{each}`" for each in one.settings) or "-"
        against = "yes" if one.reference else "no"
        line = f"| `{name}` | {one.says} | {kinds[one.rows]} | {settings} | {against} |"
        assert line in PAGE, f"docs/adding.md lacks: {line}"
