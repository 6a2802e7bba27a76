"""`psycopref compare`: two finished runs side by side."""

import argparse

from psycopref.cli.report import out, write
from psycopref.cli.words import command


def words(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The words of the command."""
    made = command(
        commands,
        "compare",
        "two finished runs side by side: settings, figures, paired differences",
        [
            "psycopref compare mine-20261201T045259 mine-20261202T101500",
            "psycopref compare mine-20261201T045259 ../b/runs/mine-20261202T101500",
        ],
    )
    made.add_argument(
        "first",
        metavar="RUN",
        help="a run's name, or the path of a run's folder in another workspace",
    )
    made.add_argument("second", metavar="RUN", help="the other run, named likewise")
    out(made)
    made.set_defaults(do=do)


def do(args: argparse.Namespace) -> int:
    """Print or write the comparison."""
    from psycopref.report import again

    write(again.compared(args.work, args.first, args.second), args.out)
    return 0
