"""`psycopref export`: what leaves the workspace."""

import argparse
from pathlib import Path

from psycopref.cli.words import command


def words(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The words of the command."""
    made = command(
        commands,
        "export",
        "write speeches, preferences, the reward model or the policy of a run, with a card",
        [
            "psycopref export preferences pairs    datasets.load_dataset('pairs') reads it",
            "psycopref export preferences pairs --format trl    as TRL reads them",
            "psycopref export speeches intake    what is left after collecting and cleaning",
            "psycopref export policy counselor --run quickstart-20261201T045259",
        ],
    )
    kinds = ["speeches", "preferences", "reward", "policy"]
    made.add_argument("what", choices=kinds, help="what to write")
    made.add_argument("folder", type=Path, help="a new or empty folder")
    made.add_argument(
        "--licence",
        default="",
        help=(
            "what the card says; refused where it allows more than a source does (default: the"
            " sources' own)"
        ),
    )
    made.add_argument(
        "--format",
        choices=["published", "trl"],
        default="published",
        help="layout of preferences: the published dataset's, or TRL's (default: published)",
    )
    made.add_argument("--run", default="", help="the name of a run (default: the newest)")
    made.set_defaults(do=do)


def do(args: argparse.Namespace) -> int:
    """Write it and say where."""
    from psycopref.runs.export import export

    layout = "" if args.format == "published" else args.format
    export(args.what, args.folder, args.work, args.run, args.licence, layout)
    print(f"{args.what} written to {args.folder}")
    return 0
