"""How far a judge can be trusted: position, swaps, repeats, several judges, opponents that say
nothing; and how the states of the policy rank by it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from psycopref.report.data import ReportData
from psycopref.report.metrics import (
    MATCH,
    expanded,
    matches,
    named,
    pivot,
    table,
)
from psycopref.report.section import Content, Section
from psycopref.tables import Metric

CHANCE = 0.5
KINDS = {
    "constant": "one warm reply to everyone",
    "echo": "the client's own words",
    "other": "the opponent's answer to another client",
    "longest": "the longest answer in the dataset",
    "shortest": "the shortest answer in the dataset",
}
EMPTY = ("constant", "echo", "other")  # should lose; an answer of the dataset may win by merit
COUNTS = ("wins", "ties", "losses", "flips", "failed")
BOUNDS = ("worst", "best")
GUARD = "guard.null_opponents"
RATES = tuple(f"null.{kind}" for kind in KINDS)
NULLS = (GUARD, *RATES, *(f"{rate}.{what}" for rate in RATES for what in (*COUNTS, *BOUNDS)))
# Beside Holm's p these invite picking: metrics.json has them.
UNADJUSTED = ("systems.difference.sign_p", "systems.difference.mcnemar_p")
PARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "position": ("Place of a response in a call", ("position.score", "position.effect")),
    "judges": (
        "Several judges of the dataset",
        ("judges.spearman", "judges.kappa", "judges.difference"),
    ),
    "verdicts": (
        "Verdicts in both orders",
        tuple(
            f"{MATCH}.{name}"
            for name in (
                "first_position",
                "consistent",
                "repeat_failed",
                "repeat_agreement",
                "repeat_kappa",
            )
        ),
    ),
    "null": ("Answers that no one should prefer, against the opponent's", NULLS),
    "systems": (
        "States of the policy against one opponent",
        ("systems.winrate", "systems.strength", "systems.strength.apart", "systems.rank"),
    ),
    "differences": (
        "Paired differences between them",
        tuple(
            f"systems.difference{name}"
            for name in ("", ".above", ".below", ".level", ".unpaired", ".holm_p")
        ),
    ),
}
TITLES = {
    "systems.winrate": "win rate",
    "systems.strength": "strength (log-odds)",
    "systems.rank": "rank, best to worst",
    "systems.difference": "difference in win rate",
    "systems.difference.above": "higher",
    "systems.difference.below": "lower",
    "systems.difference.level": "level",
    "systems.difference.unpaired": "not paired",
    "systems.difference.holm_p": "p (Holm)",
}
READS = frozenset({*UNADJUSTED, *(name for _, names in PARTS.values() for name in names)})


def content(run: ReportData) -> Content:
    """A table for each kind of figure there is."""
    return {"tables": tables(run.metrics), "in_words": named(run.metrics, UNADJUSTED)}


def tables(metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    """A table for each kind of figure there is, a row for each slice."""
    comparisons, made = matches(metrics), []
    for part, (title, names) in PARTS.items():
        rows = named(metrics, expanded(names, comparisons))
        if rows:
            made.append({"name": part, "title": title, **_table(part, rows)})
    return made


def _table(part: str, rows: Sequence[Metric]) -> dict[str, Any]:
    if part == "null":
        return table(_by_kind(rows), {"": "win rate"})
    if part in ("systems", "differences"):
        return pivot(rows, TITLES, "systems.")
    return pivot(rows, {}, _start(rows))


def _by_kind(rows: Sequence[Metric]) -> Iterator[tuple[str, str, Metric]]:
    """`null.<kind>` and `null.<kind>.<what>`: a line for each kind."""
    for row in rows:
        if row.name == GUARD:
            yield row.slice, row.name, row
        else:
            kind, _, what = row.name.removeprefix("null.").partition(".")
            yield KINDS.get(kind, kind), what, row


def _start(rows: Sequence[Metric]) -> str:
    """What all names begin with, up to a full stop."""
    first = rows[0].name.partition(".")[0] + "."
    return first if all(row.name.startswith(first) for row in rows) else ""


def warnings(metrics: Sequence[Metric]) -> list[str]:
    """What the head of the page says of null opponents: those that beat chance, and of those that
    should lose the ones not shown to.
    """
    notes = []
    for row in metrics:
        if row.name not in RATES or row.low is None or row.high is None:
            continue
        kind = row.name.removeprefix("null.")
        what, ends = KINDS[kind], f"[{100 * row.low:.0f}, {100 * row.high:.0f}]"
        share = f"{100 * row.value:.0f} % {ends}, n {row.count:,}"
        if row.low > CHANCE and kind in EMPTY:
            notes.append(
                f"The judge prefers {what} to the opponent's answers ({share}): it can be won over"
                " without content."
            )
        elif row.low > CHANCE:
            notes.append(
                f"The judge prefers {what} to the opponent's answers ({share}); look whether length"
                " is why."
            )
        elif row.high >= CHANCE and kind in EMPTY:
            notes.append(
                f"It is not shown that {what} loses to the opponent's answers ({share}): whether"
                " the judge minds what was said to it is open."
            )
    return notes


SECTION = Section(
    "judge",
    "Judge",
    lambda content: bool(content["tables"]),
    content,
    reads=READS,
)
