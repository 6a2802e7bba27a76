"""How far a judge can be trusted: position, swaps, repeats, several judges, opponents that say
nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopref.report import frames
from psycopref.tables import Metric

CHANCE = 0.5
_NULL = re.compile(r"null\.|guard\.null_opponents$")
PARTS = {
    "position": ("Place of a response in a call", re.compile(r"position\.")),
    "judges": ("Several judges of the dataset", re.compile(r"judges\.")),
    "repeats": ("Repeated ratings and verdicts", re.compile(r"(repeats?|stability)\.")),
    "verdicts": (
        "Verdicts in both orders",
        re.compile(r"(judge|verdicts?)\.(?!expert)|.*\.(first_position|consistent|repeat_\w+)$"),
    ),
    "null": ("Answers that no one should prefer, against the opponent's", _NULL),
    "cost": ("What verdicts cost", re.compile(r".*\.dollars\w*$")),
    "systems": (
        "States of the policy against one opponent",
        re.compile(r"systems\.(winrate|strength|rank)"),
    ),
    "differences": ("Paired differences between them", re.compile(r"systems\.difference")),
}
TITLES = {
    "winrate": "win rate",
    "strength": "strength (log-odds)",
    "rank": "rank, best to worst",
    "difference": "difference in win rate",
    "difference.above": "higher",
    "difference.below": "lower",
    "difference.level": "level",
    "difference.unpaired": "not paired",
    "difference.holm_p": "p (Holm)",
}
_LEFT_TO_JSON = ("sign_p", "mcnemar_p")  # beside Holm's they invite picking
KINDS = {
    "constant": "one warm reply to everyone",
    "echo": "the client's own words",
    "other": "the opponent's answer to another client",
    "longest": "the longest answer in the dataset",
    "shortest": "the shortest answer in the dataset",
}
_EMPTY = (
    "constant",
    "echo",
    "other",
)  # these should lose; an answer of the dataset may win by merit


def tables(metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    """A table for each kind of figure there is, a row for each slice."""
    made = []
    for name, (title, pattern) in PARTS.items():
        rows = [row for row in metrics if _part(row) == name and pattern]
        if rows:
            made.append({"name": name, "title": title, **_table(name, rows)})
    return made


def _table(name: str, rows: Sequence[Metric]) -> dict[str, Any]:
    if name == "null":
        return frames.pivot([_by_kind(row) for row in rows], {"": "win rate"})
    if name in ("systems", "differences"):
        shown = [row for row in rows if row.name.rpartition(".")[2] not in _LEFT_TO_JSON]
        return frames.pivot(
            shown, {f"systems.{what}": title for what, title in TITLES.items()}, "systems."
        )
    return frames.pivot(rows, {}, _start(rows))


@dataclass(frozen=True, slots=True)
class _Renamed:
    """A figure of a null opponent as a cell: its kind as the line, what is said of it as the
    column.
    """

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
    return _Renamed(what, KINDS.get(kind, kind), row.value, row.low, row.high, row.count)


def claims(row: Metric) -> bool:
    """Whether a figure stands in this section."""
    return _part(row) != ""


def _part(row: Metric) -> str:
    if row.name.startswith(("expert.", "experts.")):
        return ""
    if _NULL.match(row.name):
        return "null"
    return next((name for name, (_, pattern) in PARTS.items() if pattern.match(row.name)), "")


def _start(rows: Sequence[Metric]) -> str:
    """What all names begin with, up to a full stop."""
    first = rows[0].name.partition(".")[0] + "."
    return first if all(row.name.startswith(first) for row in rows) else ""


def warnings(metrics: Sequence[Metric]) -> list[str]:
    """What the head of the page says of null opponents: those that beat chance, and of those that
    should lose the ones not shown to.
    """
    said = []
    for row in metrics:
        if (
            not row.name.startswith("null.")
            or not _rate(row)
            or row.low is None
            or row.high is None
        ):
            continue
        kind = row.name.removeprefix("null.")
        what, share = (
            KINDS.get(kind, row.name),
            f"{100 * row.value:.0f} % [{100 * row.low:.0f}, {100 * row.high:.0f}], n {row.count:,}",
        )
        if row.low > CHANCE and kind in _EMPTY:
            said.append(
                f"The judge prefers {what} to the opponent's answers ({share}): it can be won over"
                " without content."
            )
        elif row.low > CHANCE:
            said.append(
                f"The judge prefers {what} to the opponent's answers ({share}); look whether length"
                " is why."
            )
        elif row.high >= CHANCE and kind in _EMPTY:
            said.append(
                f"It is not shown that {what} loses to the opponent's answers ({share}): whether"
                " the judge minds what was said to it is open."
            )
    return said


def _rate(row: Metric) -> bool:
    return row.name.rpartition(".")[2] not in (
        "wins",
        "ties",
        "losses",
        "flips",
        "failed",
        "best",
        "worst",
        "without_interval",
    )
