"""The command line: words to function calls, nothing more. Each command has a file of its own with
its words (`words`) and what it does (`do`), which loads what it needs when it is called.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from psycopref import __version__
from psycopref.cli import (
    calls,
    compare,
    export,
    forget,
    plan,
    recipes,
    report,
    run,
    show,
    verify,
)
from psycopref.cli.words import Help
from psycopref.errors import PsycoprefError
from psycopref.processes import share_the_machine

# In the order of the help; a new command is a file and a name here.
COMMANDS = (run, recipes, show, calls, report, compare, plan, export, forget, verify)
EXAMPLES = """examples:
  psycopref run quickstart            the whole paper on the sample that ships
  psycopref run mine.toml --dry-run   what it will ask and cost, before it does
  psycopref show                      the runs in work/, with headline figures
  psycopref COMMAND --help            a command's words, defaults and examples
"""


def parser() -> argparse.ArgumentParser:
    """The commands."""
    top = argparse.ArgumentParser(
        prog="psycopref",
        description=(
            "Counseling principles into preference data, reward models, aligned models and\n"
            "figures that hold."
        ),
        epilog=EXAMPLES,
        formatter_class=Help,
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.words(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it went well, 1 with a message on standard error, 130 when
    interrupted.
    """
    args = parser().parse_args(argv)
    share_the_machine()
    do: Callable[[argparse.Namespace], int] = args.do
    try:
        return do(args)
    except PsycoprefError as error:
        print(f"psycopref: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            return 0
        from psycopref.store.steps import explain

        print(f"psycopref: {explain(error, Path(error.filename or args.work))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "psycopref: interrupted; what was finished is kept, run again to go on", file=sys.stderr
        )
        return 130


if __name__ == "__main__":
    sys.exit(main())
