"""`psycopref forget`: one client's words taken out of a workspace, or steps that no run uses."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from psycopref.cli.words import command

if TYPE_CHECKING:
    from psycopref.runs.forget import Found, Wanted


def words(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The words of the command."""
    made = command(
        commands,
        "forget",
        "take one client's words out of calls, steps, runs and exports",
        [
            "psycopref forget --client P017 --dry-run        what there is of them",
            "psycopref forget --client P017                  asks, then takes it out",
            "psycopref forget --speech speech-0123456789abcdef --yes",
            "psycopref forget --row csv:12 --recipe mine.toml",
            "psycopref forget --unused                       steps that no run uses",
        ],
    )
    whose = made.add_mutually_exclusive_group(required=True)
    whose.add_argument(
        "--client", metavar="ID", help="whose: as the `group` column of the source names them"
    )
    whose.add_argument(
        "--speech", metavar="ID", action="append", help="a speech, by its id; may be given again"
    )
    whose.add_argument(
        "--row", metavar="ROW", help="a row of a source, as SOURCE:NUMBER; needs --recipe"
    )
    whose.add_argument(
        "--unused",
        action="store_true",
        help="instead: delete steps that no run uses, begun ones too",
    )
    made.add_argument("--recipe", default="", help="the recipe that reads the source of --row")
    made.add_argument("--dry-run", action="store_true", help="only say what there is")
    made.add_argument("--yes", action="store_true", help="do it without asking")
    made.set_defaults(do=do)


def do(args: argparse.Namespace) -> int:
    """Say what there is; take it out when told so. 1 where something is left that could be."""
    from psycopref.lab import Lab
    from psycopref.progress import Progress
    from psycopref.runs import forget
    from psycopref.runs.checks import ledger

    ledger(args.work).close()  # a workspace, or an error that says so
    with Lab(args.work, Progress(quiet=True)) as lab:
        if args.unused:
            return _unused(args, forget.unused(args.work))
        found = forget.find(lab, _wanted(args))
        print("\n".join(_lines(args.work, found)))
        if not _agreed(args):
            return 0
        left = forget.forget(lab, found)
    print("\n".join([*left, f"{args.work}: forgotten; `psycopref verify` finds all as it is now"]))
    return 1 if left else 0


def _wanted(args: argparse.Namespace) -> "Wanted":
    from psycopref.errors import RecipeError
    from psycopref.runs import forget

    if args.row and not args.recipe:
        raise RecipeError("forget --row: name the recipe that reads the source, with --recipe")
    if args.row:
        return forget.of_row(args.recipe, args.row)
    return forget.Wanted(args.client or "", tuple(args.speech or ()))


def _lines(work: Path, found: "Found") -> list[str]:
    """What there is of somebody, by place, and what is out of reach; none of their words."""
    made = [f"{work} has of them:"]
    made.append(f"  {len(found.speeches):,} speeches, {len(found.calls):,} calls in calls.sqlite")
    made += [f"  steps/{step}: {rows:,} {name}" for (step, name), rows in found.tables.items()]
    made += [f"  {path}: {rows:,} rows" for path, rows in found.files.items()]
    made += [f"  {path}: is taken away and drawn anew without them" for path in found.pages]
    made += [f"  {path}: is deleted (a step that was begun)" for path in found.parts]
    if found.shared:
        made.append(
            f"  {found.shared:,} of the speeches were said word for word by others too; they go"
            " for all of them"
        )
    made.append("figures (metrics.json) stay; out of reach from here:")
    return made + [f"  {one}" for one in found.rest]


def _agreed(args: argparse.Namespace, read: Callable[[str], str] = input) -> bool:
    """Whether to go on: told so, or asked on a terminal."""
    from psycopref.errors import StoreError

    if args.dry_run or args.yes:
        return bool(args.yes and not args.dry_run)
    if not sys.stdin.isatty():
        raise StoreError("nothing was taken out: add --yes to do it, or --dry-run to look only")
    return read("Take all this out, for good? [y/N] ").strip().lower() in ("y", "yes")


def _unused(args: argparse.Namespace, places: list[Path]) -> int:
    from psycopref.store import steps

    if not places:
        print(f"{args.work}: every step is used by a run")
        return 0
    print(f"{args.work}: no finished run uses")
    for place in places:
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        print(f"  {place.name}  {size / 1e6:,.1f} MB")
    print("(a run that did not end, or that is to be run again, would make them anew)")
    if not _agreed(args):
        return 0
    for place in places:
        steps.remove(place)
    print(f"{len(places):,} folders deleted; calls stay in calls.sqlite")
    return 0
