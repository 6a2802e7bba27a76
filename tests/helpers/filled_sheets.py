"""Sheets of the small world, and the expert who fills them."""

import csv
from collections.abc import Callable
from pathlib import Path

from helpers.small_world import small_world
from psycopref.experts.sheets import SheetRow
from psycopref.lab import Lab
from psycopref.stages.validate import Validate, Validated

WORLD = small_world(size=60)


def sheet_of(lab: Lab, **settings: object) -> list[SheetRow]:
    out: Validated = lab.do(
        Validate(draws=100, **settings), WORLD.speeches, WORLD.responses, WORLD.preferences, []
    )  # type: ignore[arg-type]
    return list(out.sheet)


def fill(
    path: Path,
    answer: Callable[[int, dict[str, str]], dict[str, str]],
    encoding: str = "utf-8-sig",
    delimiter: str = ",",
) -> None:
    """Fill a CSV sheet as a spreadsheet would: `answer` gives what is written into a row's
    cells.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row |= answer(number, row)
    with path.open("w", encoding=encoding, newline="", errors="replace") as file:
        writer = csv.DictWriter(file, rows[0], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
