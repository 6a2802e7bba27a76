"""How a command is described: one line, examples, defaults shown."""

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path

COLUMNS = 80


class Help(argparse.RawDescriptionHelpFormatter):
    """Help that keeps the lines of examples and says every default that there is."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help or ""
        silent = (None, "", False, argparse.SUPPRESS)
        if any(action.default is one or action.default == one for one in silent):
            return text
        return text if "default" in text else f"{text} (default: %(default)s)"


def command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    says: str,
    examples: Sequence[str],
) -> argparse.ArgumentParser:
    """A command with its one line, its examples and the workspace it works in."""
    made = commands.add_parser(
        name,
        help=says,
        description=textwrap.fill(says[0].upper() + says[1:] + ".", COLUMNS),
        epilog="\n".join(["examples:", *(f"  {line}" for line in examples)]),
        formatter_class=Help,
    )
    made.add_argument(
        "--work", type=Path, default=Path("work"), metavar="DIR", help="the workspace"
    )
    return made
