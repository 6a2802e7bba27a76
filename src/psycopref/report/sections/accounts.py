"""What was left out, and why: every speech read, response asked for and rating asked for, once."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from psycopref.report import frames
from psycopref.report.data import ReportData
from psycopref.report.metrics import WITHOUT_INTERVAL, BySlice, by_slice
from psycopref.report.section import Content, Section
from psycopref.tables import Failure, Metric, reason_of

LOST = {"respond.lost": "Responses", "rate.lost": "Ratings"}
OUTCOMES = {
    "respond.lost": ("empty", "filtered", "overlong", "refused", "truncated"),
    "rate.lost": ("filtered", "malformed", "overlong", "refused", "truncated"),
}
READ, ASKED = "speeches.read", "ratings.asked"
READS = frozenset(
    {READ, ASKED, *LOST, *(f"{name}.{one}" for name, every in OUTCOMES.items() for one in every)}
)
GROUPS = ("all", "topic", "model", "judge")  # what shares are lost of, in this order


def content(run: ReportData) -> Content:
    """Accounts that add up, and who was left out."""
    metrics = by_slice(run.metrics)
    return {
        "accounts": accounts(run, metrics),
        "lost": lost_rows(metrics),
        "others": other_failures(run.failures),
    }


def accounts(run: ReportData, metrics: BySlice) -> list[dict[str, Any]]:
    """Every speech read, response asked for and rating asked for, once: kept, or left out with a
    reason.
    """
    read = metrics.get((READ, "all"))
    parts = []
    if len(run.speeches):
        total = int(read.value) if read else None
        dropped = frames.reasons(run.dropped)
        parts.append(_account("Speeches", total, ("kept", len(run.speeches)), dropped))
    lost = frames.reasons(run.failures)
    if len(run.responses):
        unanswered = {
            why: count for why, count in lost.items() if reason_of(why).stage == "respond"
        }
        whole = _answers(run, metrics)
        parts.append(_account("Responses", whole, ("answered", len(run.responses)), unanswered))
    asked = metrics.get((ASKED, "all"))
    if len(run.responses) and (frames.rated(run.ratings) or (asked and asked.value)):
        total = int(asked.value) if asked else _expected(run)
        # Several judges or repeats rate an item more than once.
        scored = frames.rated(run.ratings) if asked else _scored(run)
        parts.append(_account("Ratings", total, ("scored", scored), _rating_failures(lost)))
    return parts


def _answers(run: ReportData, metrics: BySlice) -> int | None:
    """The answers that were asked for, and those that the source brought; None where nobody
    counted.
    """
    asked = metrics.get(("respond.lost", "all")) or metrics.get(
        (f"respond.lost{WITHOUT_INTERVAL}", "all")
    )
    if asked is None:
        return None
    return asked.count + frames.among(run.responses, "call_id", [""]).height


def _expected(run: ReportData) -> int:
    """A rating of each response on each item."""
    items = frames.judged(run.ratings).select(pl.col("item").n_unique())
    return len(run.responses) * int(frames.collected(items).item())


def _scored(run: ReportData) -> int:
    """Items of responses that were rated, however often."""
    by_response = frames.judged(run.ratings).group_by("subject_id").agg(pl.col("item").n_unique())
    return int(frames.collected(by_response.select(pl.col("item").sum())).item())


def lost_rows(metrics: BySlice) -> list[dict[str, Any]]:
    """Drop-out over all, by topic, model and judge, for what lost anything: the share with its
    interval and the outcomes.
    """
    lines = []
    for name, title in LOST.items():
        whole = metrics.get((name, "all"))
        if whole is None or not whole.value:
            continue
        rows = [row for (field, _), row in metrics.items() if field == name]
        for row in sorted(rows, key=_place):
            parts = {one: metrics.get((f"{name}.{one}", row.slice)) for one in OUTCOMES[name]}
            outcomes = {one: part for one, part in parts.items() if part}
            why = ", ".join(f"{one} {100 * part.value:.1f} %" for one, part in outcomes.items())
            place = row.slice.replace(":", ": ", 1)
            lines.append(
                {"what": title, "place": place, "row": row, "why": why, "outcomes": outcomes}
            )
    return lines


def _place(row: Metric) -> tuple[int, float, str]:
    return GROUPS.index(row.slice.partition(":")[0]), -row.value, row.slice


def _rating_failures(lost: Mapping[str, int]) -> dict[str, int]:
    """Failed ratings by outcome, summed over items."""
    counts: dict[str, int] = {}
    for reason, count in lost.items():
        parts = reason_of(reason)
        if parts.stage == "rate":
            whole = parts._replace(item="").text()
            counts[whole] = counts.get(whole, 0) + count
    return counts


def _account(
    name: str, total: int | None, kept: tuple[str, int], left: Mapping[str, int]
) -> dict[str, Any]:
    """`total` is what was counted at the start, apart from the parts; None where only the parts are
    known.
    """
    parts = sum(left.values())
    whole = kept[1] + parts if total is None else total
    return {
        "name": name,
        "total": whole,
        "kept": kept,
        "left": list(left.items()),
        "counted": total is not None,
        "missing": whole - kept[1] - parts,
    }


def other_failures(failures: Sequence[Failure]) -> list[tuple[str, int]]:
    """Failures outside `respond` and `rate`, by reason."""
    return [
        (reason, count)
        for reason, count in frames.reasons(failures).items()
        if reason_of(reason).stage not in ("respond", "rate")
    ]


SECTION = Section(
    "accounts",
    "Left out",
    lambda content: bool(content["accounts"]),
    content,
    reads=READS,
)
