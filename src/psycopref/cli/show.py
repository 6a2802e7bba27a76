"""What a workspace holds, for people: runs, steps, tables, calls, and whether all is as it was
written.
"""

import json
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table as View

from psycopref.errors import StoreError
from psycopref.flows.figures import kind_of
from psycopref.lab import Lab
from psycopref.store import run_folder, steps
from psycopref.store.ledger import Ledger

_HEAD = (
    "pairs",
    "reward.accuracy",
    "reward.auc",
    "reward.ece",
    "reward.brier",
    "policy.gold_reward",
    "policy.kl",
    "policy.words",
    "policy.finished",
    "winrate",
    "winrate.start",
    "winrate.length_controlled",
    "systems.winrate",
    "systems.difference",
    "calls.made",
    "calls.failed",
    "seconds",
)


def _view(title: str, names: list[str], rows: list[list[str]]) -> None:
    view = View(title=title, title_justify="left")
    for name in names:
        view.add_column(name, overflow="fold")
    for row in rows:
        view.add_row(*row)
    Console().print(view)


def headline(place: Path) -> str:
    """The main figures of a run as plain lines."""
    lines = []
    for row in run_folder.kept_metrics(place, kind_of):
        if row.name in _HEAD and not row.slice.startswith("topic:"):
            span = (
                f"  [{row.low:.3f}, {row.high:.3f}]"
                if row.low is not None and row.high is not None
                else ""
            )
            lines.append(f"{row.name:<20} {row.slice:<22} {row.value:>10.3f}{span}  n={row.count}")
    return "\n".join(lines)


def show(work: Path, what: str, rows: int) -> None:
    """Print the runs, one run's figures and steps, one step's manifest, or the first rows of
    STEP/TABLE.
    """
    step, _, table = what.partition("/")
    folder = work / "steps" / step
    if not what:
        _view(
            f"runs in {work}",
            ["run", ""],
            [
                [path.name, "" if run_folder.finished(path) else "did not end"]
                for path in _folders(work / "runs")
            ],
        )
    elif what in [path.name for path in _folders(work / "runs")]:
        _show_run(run_folder.latest(work, what))
    elif folder.name != step or folder not in _folders(work / "steps"):
        raise StoreError(
            f"{work}: no run and no step is named {step!r}; `psycopref show` lists the runs,"
            " `psycopref show RUN` its steps"
        )
    elif step.endswith(".part"):
        raise StoreError(
            f"{folder}: under way or interrupted, so it has no manifest and no tables yet; leave"
            " it: a run of its recipe goes on from what is in it"
        )
    elif table:
        _show_table(folder, table, rows)
    else:
        print(json.dumps(steps.load_manifest(folder), indent=1, ensure_ascii=False))


def _folders(place: Path) -> list[Path]:
    return sorted(path for path in place.glob("*") if path.is_dir())


def _show_run(place: Path) -> None:
    entries = run_folder.taken(place)
    rows = [
        [
            str(e["step"]),
            "found" if e.get("found") else "made",
            f"{e.get('made_seconds', 0.0):.1f}",
            ", ".join(f"{v} {k}" for k, v in e.get("rows", {}).items()),
        ]
        for e in entries
    ]
    _view(place.name, ["step", "", "seconds", "rows"], rows)
    print(headline(place))


def _show_table(folder: Path, table: str, rows: int) -> None:
    frame = steps.frame(folder, table)
    with pl.Config(tbl_rows=rows, tbl_cols=-1, fmt_str_lengths=60, tbl_width_chars=200):
        print(frame.head(rows))


def calls(work: Path, action: str | None, file: str | None) -> int:
    """The ledger's summary; the calls a recipe still lacks, as JSON lines; or replies added from a
    file.
    """
    from psycopref.runs.elsewhere import add, missing

    if action is None:
        ledger = _open(work)
        counted = ["calls", "tokens in", "tokens out", "dollars"]
        _view(
            f"calls in {work}",
            ["stage", "model", "outcome", *counted],
            [_money(row) for row in ledger.summary()],
        )
        _view("by day (UTC)", ["day", "model", *counted], [_money(row) for row in ledger.by_day()])
        print(
            f"{ledger.spent():,.2f} dollars, as far as prices were known when the calls were made"
            " (price_in, price_out in the pool)"
        )
        return 0
    if file is None:
        raise StoreError(
            f"calls {action}: name {'the recipe' if action == 'missing' else 'the file of replies'}"
        )
    if action == "missing":
        missing(work, file)
    else:
        with Lab(work) as lab:
            print(f"{add(lab.ledger, Path(file))} replies added")
    return 0


def _money(row: dict[str, Any]) -> list[str]:
    cost = row["dollars"]
    return [str(value) for name, value in row.items() if name != "dollars"] + [
        "–" if cost is None else f"{cost:,.4f}"
    ]


def _open(work: Path) -> Ledger:
    if not (work / "calls.sqlite").is_file():
        raise StoreError(
            f"{work}: no calls.sqlite here; `psycopref run RECIPE --work {work}` makes one"
        )
    return Ledger(work / "calls.sqlite")


def verify(work: Path) -> int:
    """Check every finished step and every call; prints what is wrong; 0 when nothing is."""
    folders = list(steps.listed(work / "steps"))
    problems = [problem for folder in folders for problem in steps.verify(folder)]
    calls_kept = 0
    try:
        ledger = _open(work)
        problems += [f"{ledger.path}: {line}" for line in ledger.check()]
        problems += [
            f"{ledger.path}: {call_id} is not the id of its request"
            for call_id in ledger.wrong_ids()
        ]
        problems += [
            f"{ledger.path}: the reply of {call_id} changed since it was written"
            for call_id in ledger.changed()
        ]
        calls_kept = sum(row["calls"] for row in ledger.summary())
    except StoreError as error:
        problems.append(str(error))
    for problem in problems:
        print(problem)
    print(
        f"{len(folders)} steps, {calls_kept} calls:"
        f" {'all as written' if not problems else f'{len(problems)} problems'}"
    )
    return 1 if problems else 0
