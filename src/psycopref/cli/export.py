"""`psycopref export`: what leaves the workspace."""

import argparse
from pathlib import Path

from psycopref.cli.words import command


def words(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The words of the command."""
    made = command(
        commands,
        "export",
        "write preferences, the reward model or the policy of a run to a folder, with a card",
        [
            "psycopref export preferences pairs    datasets.load_dataset('pairs') reads it",
            "psycopref export policy counselor --run quickstart-20261201T045259",
        ],
    )
    made.add_argument("what", choices=["preferences", "reward", "policy"], help="what to write")
    made.add_argument("folder", type=Path, help="a new or empty folder")
    made.add_argument(
        "--licence",
        default="",
        help=(
            "what the card says; refused where it allows more than a source does (default: the"
            " sources' own)"
        ),
    )
    made.add_argument("--run", default="", help="the name of a run (default: the newest)")
    made.set_defaults(do=do)


def do(args: argparse.Namespace) -> int:
    """Write it and say where."""
    from psycopref.runs.export import export

    export(args.what, args.folder, args.work, args.run, args.licence)
    print(f"{args.what} written to {args.folder}")
    return 0
