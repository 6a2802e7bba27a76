"""How far a judge can be trusted: position, swaps, repeats, several judges, opponents that say nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopref.report import frames
from psycopref.tables import Metric

_NULL = re.compile(r"(^|[.:])null([.:]|$)")
PARTS = {
    "position": ("Place of a response in a call", re.compile(r"position\.")),
    "judges": ("Several judges of the dataset", re.compile(r"judges\.")),
    "repeats": ("Repeated ratings and verdicts", re.compile(r"(repeats?|stability)\.")),
    "verdicts": ("Verdicts in both orders", re.compile(r"(judge|verdicts?)\.(?!expert)|.*\.(first_position|consistent|repeat_\w+)$")),
    "null": ("Opponents that say nothing", _NULL),
    "cost": ("What verdicts cost", re.compile(r".*\.dollars\w*$")),
    "systems": ("All systems against one opponent", re.compile(r"systems\.")),
}


def tables(metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    """A table for each kind of figure there is, a row for each slice."""
    made = []
    for name, (title, pattern) in PARTS.items():
        rows = [row for row in metrics if _part(row) == name and pattern]
        if rows:
            table = frames.pivot([_by_kind(row) for row in rows], {"": "win rate"}) if name == "null" else frames.pivot(rows, {}, _start(rows))
            made.append({"name": name, "title": title, **table})
    return made


@dataclass(frozen=True, slots=True)
class _Renamed:
    """A figure of a null opponent as a cell: its kind as the line, what is said of it as the column."""

    name: str
    slice: str
    value: float
    low: float | None
    high: float | None
    count: int


def _by_kind(row: Metric) -> _Renamed:
    """`null.<kind>` and `null.<kind>.<what>`: a line for each kind."""
    pieces = row.name.split(".")
    at = pieces.index("null") if "null" in pieces else -1
    kind = pieces[at + 1] if 0 <= at < len(pieces) - 1 else row.slice
    what = ".".join(pieces[at + 2 :]) if 0 <= at < len(pieces) - 1 else row.name
    return _Renamed(what, kind, row.value, row.low, row.high, row.count)


def claims(row: Metric) -> bool:
    """Whether a figure stands in this section."""
    return _part(row) != ""


def _part(row: Metric) -> str:
    if row.name.startswith(("expert.", "experts.")):
        return ""
    if _NULL.search(row.name) or _NULL.search(row.slice):
        return "null"
    return next((name for name, (_, pattern) in PARTS.items() if pattern.match(row.name)), "")


def _start(rows: Sequence[Metric]) -> str:
    """What all names begin with, up to a full stop."""
    first = rows[0].name.partition(".")[0] + "."
    return first if all(row.name.startswith(first) for row in rows) else ""


def warnings(metrics: Sequence[Metric]) -> list[str]:
    """What the head of the page says of opponents that say nothing and yet beat chance: such a judge can be won over without an answer."""
    beaten = [row for row in metrics if _NULL.search(f"{row.name}:{row.slice}") and _rate(row) and (row.low if row.low is not None else row.value) > 0.5]
    return [
        f"An answer that says nothing to the client wins {100 * row.value:.0f} % ({row.name}): the judge can be won over without content." for row in beaten
    ]


def _rate(row: Metric) -> bool:
    return row.name.rpartition(".")[2] not in ("wins", "ties", "losses", "flips", "failed", "best", "worst", "without_interval")
