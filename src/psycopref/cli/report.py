"""`psycopref report`: a finished run's report again, on the terminal or in a file."""

import argparse
import os
import sys
from pathlib import Path

from psycopref.cli.words import command


def words(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The words of the command."""
    made = command(
        commands,
        "report",
        "print the report of a finished run as Markdown, or write it anew to a file",
        [
            "psycopref report | less",
            "psycopref report quickstart-20261201T045259 --out report.html",
        ],
    )
    made.add_argument(
        "name", nargs="?", default="", metavar="RUN", help="the name of a run (default: the newest)"
    )
    out(made)
    made.add_argument(
        "--texts",
        action="store_true",
        help="show clients' words in case studies even where their source has no known licence",
    )
    made.set_defaults(do=do)


def out(made: argparse.ArgumentParser) -> None:
    """The word `--out`."""
    made.add_argument(
        "--out", type=Path, metavar="FILE", help="a .html or .md file instead of the terminal"
    )


def do(args: argparse.Namespace) -> int:
    """Print or write the report."""
    from psycopref.report import again
    from psycopref.report.markdown import twin
    from psycopref.runs import exported
    from psycopref.store.run_folder import latest

    page = again.reported(args.work, args.name, args.texts)
    if args.out is None and sys.stdout.isatty():
        print(short(twin(page)))
        return 0
    if args.out is not None:
        exported.add(args.work, "report", latest(args.work, args.name).name, args.out)
    write(page, args.out)
    return 0


def short(text: str) -> str:
    """A report's head, and how to have the rest: all of it is some thousand lines."""
    head, *rest = text.split("\n## ")
    names = ", ".join(part.partition("\n")[0] for part in rest)
    more = "the whole: psycopref report | less, or --out report.html"
    return f"{head.strip()}\n\n{len(rest)} more parts: {names}\n{more}"


def write(page: str, path: Path | None) -> None:
    """A page on the terminal as Markdown, or in a file, as HTML where its name ends so; nobody else
    may read the file, since it may hold client text.
    """
    from psycopref.report.markdown import twin
    from psycopref.store.steps import explain

    if path is None:
        print(twin(page), end="")
        return
    try:
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(page if path.suffix in (".html", ".htm") else twin(page))
    except OSError as error:
        raise explain(error, path) from error
    print(f"written to {path}")
