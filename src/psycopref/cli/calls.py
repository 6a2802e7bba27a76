"""`psycopref calls`: what was asked of which model, and calls that are made elsewhere."""

import argparse
import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from psycopref.cli.words import command


def words(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The words of the command."""
    made = command(
        commands,
        "calls",
        "show the model calls made here, write out those still missing, or add a file of replies",
        [
            "psycopref calls                                  by stage, model, day",
            "psycopref calls missing mine.toml > asks.jsonl   for a batch service",
            "psycopref calls add answers.jsonl                what came back",
        ],
    )
    made.add_argument("action", nargs="?", choices=["missing", "add"], help="nothing: a summary")
    made.add_argument(
        "file", nargs="?", help="missing: the recipe; add: a .jsonl or .sqlite file with replies"
    )
    made.set_defaults(do=do)


def do(args: argparse.Namespace) -> int:
    """A summary, the missing calls as JSON lines, or replies taken in."""
    from psycopref.errors import StoreError

    if args.action is None:
        _summary(args.work)
    elif args.file is None:
        what = "the recipe" if args.action == "missing" else "the file of replies"
        raise StoreError(f"calls {args.action}: name {what}")
    elif args.action == "missing":
        _missing(args.work, args.file)
    else:
        _add(args.work, Path(args.file))
    return 0


def _summary(work: Path) -> None:
    from psycopref.cli import view
    from psycopref.runs.checks import ledger

    numbers = ["calls", "tokens in", "tokens out", "dollars"]
    with closing(ledger(work)) as kept:
        whole = [_money(row) for row in kept.summary()]
        days = [_money(row) for row in kept.by_day()]
        spent = kept.spent()
    view.table(
        f"calls in {work}", ["stage", "model", "outcome", *numbers], whole, numbers, ["model"]
    )
    view.table("by day (UTC)", ["day", "model", *numbers], days, numbers, ["model"])
    print(
        f"{spent:,.2f} dollars, as far as prices were known when the calls were made\n(price_in and"
        " price_out in the pool)"
    )


def _money(row: dict[str, Any]) -> list[str]:
    cells = [
        f"{value:,}" if isinstance(value, int) else str(value)
        for name, value in row.items()
        if name != "dollars"
    ]
    cost = row["dollars"]
    return [*cells, "–" if cost is None else f"{cost:,.4f}"]


def _missing(work: Path, recipe: str) -> None:
    from psycopref.runs.elsewhere import missing

    lines = missing(work, recipe)
    for line in lines:
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    print(f"{len(lines)} calls are missing", file=sys.stderr)


def _add(work: Path, path: Path) -> None:
    from psycopref.lab import Lab
    from psycopref.runs.elsewhere import add

    with Lab(work) as lab:
        added = add(lab.ledger, path)
    if added.passed:
        why = ", ".join(f"{count} {reason}" for reason, count in sorted(added.passed.items()))
        print(
            f"{path}: {added.passed.total()} lines were passed over ({why}); their calls are still"
            " missing",
            file=sys.stderr,
        )
    print(f"{added.new} replies added")
