"""`psycopref show`: the runs of a workspace, one run, the steps, one step, one table."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from psycopref.cli.words import command

if TYPE_CHECKING:
    from psycopref.runs.listing import RunLine

WIDE = 120  # columns from which on a run has room on one line


def words(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The words of the command."""
    made = command(
        commands,
        "show",
        "show the runs, one run, the steps, one step or one table",
        [
            "psycopref show                                  the runs, the newest last",
            "psycopref show quickstart-20261201T045259       its steps and every figure",
            "psycopref show steps                            every step, begun ones too",
            "psycopref show rate-46f65c4dcaae                a step's settings and tables",
            "psycopref show rate-46f65c4dcaae/ratings --rows 3 --chars 500",
        ],
    )
    made.add_argument(
        "what",
        nargs="?",
        default="",
        help="a run's or step's name, STEP/TABLE, or `steps`; nothing lists the runs",
    )
    made.add_argument("--rows", type=int, default=10, metavar="N", help="rows of a table")
    made.add_argument("--chars", type=int, default=60, metavar="N", help="characters of a text")
    made.set_defaults(do=do)


def do(args: argparse.Namespace) -> int:
    """Show what was asked for; StoreError where nothing has that name."""
    from psycopref.errors import StoreError
    from psycopref.store import run_folder, steps
    from psycopref.store.inert import inert
    from psycopref.store.rights import folders

    work: Path = args.work
    step, _, table = args.what.partition("/")
    folder = work / "steps" / step
    if not args.what:
        _runs(work)
    elif args.what == "steps":
        _steps(work)
    elif args.what in [path.name for path in folders(work / "runs")]:
        _run(run_folder.latest(work, args.what))
    elif folder.name != step or folder not in folders(work / "steps"):
        raise StoreError(
            f"{work}: no run and no step is named {step!r}; `psycopref show` lists the runs,"
            " `psycopref show steps` the steps"
        )
    elif step.endswith(".part"):
        raise StoreError(
            f"{folder}: under way or interrupted, so it has no manifest and no tables yet; leave"
            " it: a run of its recipe goes on from what is in it"
        )
    elif table:
        _table(folder, table, args.rows, args.chars)
    else:
        print(inert(json.dumps(steps.load_manifest(folder), indent=1, ensure_ascii=False)))
    return 0


def _runs(work: Path) -> None:
    """The runs, and which steps were begun and did not end."""
    from psycopref.cli import view
    from psycopref.runs import listing

    rows = [_line(line) for line in listing.runs(work)]
    heads = ["run", "ended (UTC)", "recipe", "length", "state", "headline figure"]
    if not rows:
        print(f"{work}: no run yet; `psycopref run quickstart --work {work}` makes one")
    elif view.console().width >= WIDE:
        view.table(f"runs in {work}", heads, rows, right=["length"], whole=["run"])
    else:
        print(f"runs in {work} (when they ended in UTC, length, state)")
        for run, ended, recipe, length, state, figure in rows:
            print(f"{run}  {ended}  {length}  {state}\n    {recipe}: {figure or 'no figure'}")
    begun = listing.unfinished(listing.step_lines(work))
    if begun:
        names = ", ".join(line.step for line in begun)
        print(f"begun and not ended (a run of their recipe goes on from them): {names}")


def _line(line: "RunLine") -> list[str]:
    from psycopref.cli import view

    figure = ""
    if line.figure is not None:
        says, one = line.figure
        figure = f"{says} {one.value:.3f} {view.interval(one)} n {one.count:,}"
    ended = "" if line.ended is None else f"{line.ended:%Y-%m-%d %H:%M}"
    return [line.run, ended, line.recipe, view.duration(line.seconds), line.state, figure]


def _steps(work: Path) -> None:
    from psycopref.cli import view
    from psycopref.runs import listing

    rows = [
        [
            line.step,
            line.finished.replace("T", " ").removesuffix("+00:00"),
            view.duration(line.seconds),
            f"{line.calls:,}",
            _rows(line.rows) if line.state == "finished" else line.state,
        ]
        for line in listing.step_lines(work)
    ]
    heads = ["step", "finished (UTC)", "length", "calls", "rows"]
    view.table(f"steps in {work}", heads, rows, right=["length", "calls"])


def _rows(rows: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in rows.items())


def _run(place: Path) -> None:
    """A run: its steps, every figure, and the lines that a run ends with, in full."""
    from psycopref.cli import run, view
    from psycopref.flows.figures import kind_of
    from psycopref.runs.summary import summary
    from psycopref.store import run_folder

    steps = [
        [
            str(entry["step"]),
            "found" if entry.get("found") else "made",
            view.duration(entry.get("made_seconds", 0.0)),
            _rows(entry.get("rows", {})),
        ]
        for entry in run_folder.taken(place)
    ]
    view.table(place.name, ["step", "", "length", "rows"], steps, right=["length"])
    figures = [
        [row.name, row.slice, f"{row.value:,.3f}", view.interval(row), f"{row.count:,}"]
        for row in run_folder.kept_metrics(place, kind_of)
    ]
    heads = ["figure", "of", "value", "95 % interval", "n"]
    view.table("figures", heads, figures, right=["value", "n"])
    print("\n".join(run.lines(summary(place), most=10_000)))


def _table(folder: Path, table: str, rows: int, chars: int) -> None:
    """The first rows of a table, as wide as the terminal; a pipe gets every column."""
    import polars as pl

    from psycopref.cli.view import console
    from psycopref.store import steps
    from psycopref.store.inert import inert

    frame = steps.frame(folder, table)
    with pl.Config(
        tbl_rows=rows,
        tbl_cols=-1,
        fmt_str_lengths=chars,
        tbl_width_chars=console().width,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
    ):
        print(inert(str(frame.head(rows))))
    print(f"{min(rows, frame.height):,} of {frame.height:,} rows of {folder.name}/{table}")
