"""How far a judge can be trusted: position, swaps, repeats, several judges, opponents that say nothing."""

import re
from collections.abc import Sequence
from typing import Any

from psycopref.report import frames
from psycopref.tables import Metric

_NULL = re.compile(r"(^|[.:])null([.:]|$)")
PARTS = {
    "position": ("Place of a response in a call", re.compile(r"position\.")),
    "judges": ("Several judges of the dataset", re.compile(r"judges\.")),
    "repeats": ("Repeated ratings and verdicts", re.compile(r"(repeats?|stability)\.")),
    "verdicts": ("Verdicts in both orders", re.compile(r"(judge|verdicts?)\.(?!expert)|.*\.(first_rate|first|consistency|swap\w*)$")),
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
            made.append({"name": name, "title": title, **frames.pivot(rows, {}, _start(rows))})
    return made


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
    return [f"An answer that says nothing wins {100 * row.value:.0f} % ({row.name}, {row.slice}): the judge can be won over without content." for row in beaten]


def _rate(row: Metric) -> bool:
    last = row.name.rpartition(".")[2]
    return last in ("winrate", "null", "rate") or row.name.startswith("null") and last not in ("wins", "ties", "losses", "flips", "failed", "best", "worst")
