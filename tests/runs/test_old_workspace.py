"""A workspace of before the house was built (commit 25adbae) is found whole: step keys, call ids,
the ledger's format, the step folders' format, and every figure of the quickstart.

It covers the stages of quickstart.toml: collect, clean, dedup, topics, respond, rate, pair, policy
(sft, dpo, rounds), reward (with the gold one), score, calibrate, draft, drift, evaluate, nulls,
validate, report. Not baseline, rank, rejudge, nor a live provider's calls.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.old_workspace import calls, unpacked

from psycopref.progress import Progress
from psycopref.runs import run
from psycopref.runs.rehearsal import rehearse
from psycopref.store import run_folder

NEW = {"rounds", "systems"}  # stages that there were none of: their figures were the flow's own
Row = dict[str, Any]


def figures(place: Path) -> dict[tuple[str, str], Row]:
    """The figures of a run but for what it took, by name and slice."""
    rows = json.loads((place / "metrics.json").read_text(encoding="utf-8"))
    found = {(row["name"], row["slice"]): row for row in rows if row["name"] != "seconds"}
    return {key: row for key, row in found.items() if key[0] != "calls.made"}


@pytest.mark.slow
def test_nothing_of_an_old_workspace_is_made_or_asked_again(tmp_path: Path) -> None:
    work = unpacked(tmp_path)
    before = run_folder.latest(work)
    asked, steps = calls(work), {path.name for path in (work / "steps").iterdir()}

    place = run.run("quickstart", work, Progress(quiet=True))

    taken = run_folder.taken(place)
    made = [entry["step"] for entry in taken if not entry["found"]]
    assert {str(name).partition("-")[0] for name in made} == NEW
    old = [entry["step"] for entry in run_folder.taken(before)]
    assert [entry["step"] for entry in taken if entry["stage"] not in NEW] == old
    assert {path.name for path in (work / "steps").iterdir()} == steps | set(made)
    assert calls(work) == asked and len(asked) == 4295
    assert sum(int(entry["calls"]) for entry in taken if not entry["found"]) == 0
    was, now = figures(before), figures(place)
    assert list(now) == list(was) and len(was) > 500
    assert now == was, "names, slices, values, intervals and counts"

    again = run_folder.taken(run.run("quickstart", work, Progress(quiet=True)))
    assert all(entry["found"] for entry in again), "the new steps are found by now too"


@pytest.mark.slow
def test_a_rehearsal_of_a_finished_run_has_nothing_left_to_ask(tmp_path: Path) -> None:
    work = unpacked(tmp_path)
    found = rehearse("quickstart", work, Progress(quiet=True))
    assert sum(line.calls - line.kept for line in found.calls) == 0
    last = found.done.arms["raw"]
    assert {row.model.partition(":")[0] for row in last} == {"weights"}, (
        "answers that are there are taken, not placeholders"
    )
