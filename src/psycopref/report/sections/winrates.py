"""Win rates of two systems: Table 2 of the paper by coarse topic, and of every comparison its
counts, what length has to do with it, and its rates by principle and topic.
"""

from collections.abc import Sequence
from typing import Any

from psycopref.report import values
from psycopref.report.data import ReportData
from psycopref.report.metrics import MATCH, BySlice, by_slice, matches
from psycopref.report.plots import bars
from psycopref.report.plots.bars import Estimate
from psycopref.report.section import Content, Drawing, Section
from psycopref.tables import Metric

ARMS = {"raw": "as they answer", "constrained": "length asked for"}
COUNTS = (
    "wins",
    "ties",
    "losses",
    "flips",
    "failed",
    "unmatched",
    "words_ours",
    "words_theirs",
    "compliance",
    "length_correlation",
    "worst",
    "best",
)
VIEWS = {
    "": "as judged",
    ".length_controlled": "at equal length (model of length)",
    ".length_matched": "on pairs of about one length",
    ".pooled": "pooled over topics",
}
NOT_GIVEN = {
    "no_overlap": "too few prompts on one side of it",
    "separated": "length alone tells wins from losses",
}
ALSO = {
    "pooled": "pooled",
    "holm_p": "p (Holm)",
    "wins": "won",
    "ties": "tied",
    "losses": "lost",
    "flips": "flips",
}
ALSO |= {"failed": "failed", "worst": "if all failed were lost", "best": "if won"}
LENGTH = ("length_coefficient", "longer", "shorter")
READS = frozenset(
    {
        MATCH,
        f"{MATCH}.interaction_p",
        *(f"{MATCH}.{field}" for field in (*COUNTS, *LENGTH, *ALSO)),
        *(MATCH + view for view in VIEWS),
        *(f"{MATCH}.length_controlled.{why}" for why in NOT_GIVEN),
    }
)


def content(run: ReportData) -> Content:
    """Table 2, and of each comparison all there is."""
    metrics, names = by_slice(run.metrics), matches(run.metrics)
    tables = {name: estimates(run.metrics, name) for name in names}
    return {
        "matches": {name: rows for name, rows in tables.items() if rows},
        "table_two": table_two(run, metrics),
        "comparisons": [comparison(run, metrics, name) for name in names],
    }


def comparison(run: ReportData, metrics: BySlice, name: str) -> dict[str, Any]:
    """One comparison of two systems."""
    by_topic = parts(metrics, name, "topic", list(run.listed))
    tests = [metrics.get((f"{name}.interaction_p", f"topics:{arm}")) for arm in ARMS]
    return {
        "name": name,
        "title": run.titles.get(name, name),
        "arms": arms(metrics, name),
        "views": views(metrics, name),
        "lengths": by_length(metrics, name),
        "by_item": parts(metrics, name, "item", run.items),
        "by_topic": by_topic,
        "interaction": tests if by_topic else [],
    }


def arms(metrics: BySlice, name: str) -> list[dict[str, Any]]:
    """Of a comparison per arm rate, counts, lengths and compliance."""
    rows = []
    for arm, title in (("raw", "As they answer"), ("constrained", "Length asked for")):
        place = f"overall:{arm}"
        if (f"{name}.wins", place) in metrics:
            rows.append(
                {
                    "title": title,
                    "rate": metrics.get((name, place)),
                    **{field: metrics.get((f"{name}.{field}", place)) for field in COUNTS},
                }
            )
    return rows


def table_two(run: ReportData, metrics: BySlice) -> dict[str, Any]:
    """Win rates by coarse topic and overall, a row for each comparison and arm; empty where nothing
    was compared.
    """
    topics: dict[str, None] = dict.fromkeys(run.listed)
    rows: list[dict[str, Any]] = []
    for name in matches(run.metrics):
        for arm, how in ARMS.items():
            cells = {
                own.removeprefix("topic:").removesuffix(f":{arm}"): row
                for (field, own), row in metrics.items()
                if field == name and _of_topic(own, arm)
            }
            overall = metrics.get((name, f"overall:{arm}"))
            if overall or cells:
                topics |= dict.fromkeys(cells)
                rows.append(
                    {
                        "title": run.titles.get(name, name),
                        "arm": how,
                        "cells": cells,
                        "overall": overall,
                    }
                )
    for row in rows:
        row["by_topic"] = [row["cells"].get(topic) for topic in topics]
    return {"topics": list(topics), "rows": rows} if any(row["cells"] for row in rows) else {}


def _of_topic(place: str, arm: str) -> bool:
    return place.startswith("topic:") and place.endswith(f":{arm}")


def views(metrics: BySlice, name: str) -> list[dict[str, Any]]:
    """One win rate seen in several ways, side by side: as judged, at equal length, over those that
    kept the length.
    """
    rows = []
    for arm, how in ARMS.items():
        seen = [
            (title, metrics.get((name + field, f"overall:{arm}"))) for field, title in VIEWS.items()
        ]
        for why, why_not in NOT_GIVEN.items():
            if (f"{name}.length_controlled.{why}", f"overall:{arm}") in metrics:
                seen.append(
                    (
                        f"at equal length: not given, {why_not}",
                        metrics[f"{name}.length_controlled.{why}", f"overall:{arm}"],
                    )
                )
        seen.append(("where the length was kept", metrics.get((name, f"compliant:{arm}"))))
        rows += [
            {"arm": how, "view": title, "row": row, "given": ": not given" not in title}
            for title, row in seen
            if row
        ]
    return rows if any(row["view"] != VIEWS[""] for row in rows) else []


def by_length(metrics: BySlice, name: str) -> list[dict[str, Any]]:
    """What length has to do with winning, by arm: log-odds of a win per standard deviation of the
    difference, prompts with the longer and shorter answer.
    """
    rows = []
    for arm, how in ARMS.items():
        cells = [metrics.get((f"{name}.{what}", f"overall:{arm}")) for what in LENGTH]
        if any(cells):
            rows.append({"arm": how, "cells": cells})
    return rows


def parts(
    metrics: BySlice, name: str, kind: str, order: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """A comparison's rates by topic or by item (`kind`), with what else there is of each: the
    pooled rate, the adjusted p-value.
    """
    rows: list[dict[str, Any]] = []
    for place in dict.fromkeys(
        place for field, place in metrics if field in (name, f"{name}.wins")
    ):
        if place.startswith(f"{kind}:") and place.endswith(":raw"):
            also = {title: metrics.get((f"{name}.{what}", place)) for what, title in ALSO.items()}
            rows.append(
                {
                    "name": place.removeprefix(f"{kind}:").removesuffix(":raw"),
                    "rate": metrics.get((name, place)),
                    "also": also,
                }
            )
    if kind == "topic" and not any(any(row["also"].values()) for row in rows):
        return []  # Table 2 has all there is
    ranked = {one: at for at, one in enumerate(order)}
    return sorted(rows, key=lambda row: ranked.get(row["name"], len(ranked)))


def estimates(metrics: Sequence[Metric], name: str) -> list[Estimate]:
    """Overall by arm, then by topic: the widest first."""
    rows = [row for row in metrics if row.name == name]
    overall = [row for row in rows if row.slice.startswith("overall:")]
    topics = sorted(
        (row for row in rows if row.slice.startswith("topic:") and row.slice.endswith(":raw")),
        key=lambda row: (-row.count, row.slice),
    )
    titles = {"raw": "overall", "constrained": "overall, length asked for"}
    named = [(titles.get(row.slice.split(":")[1], row.slice), row) for row in overall]
    named += [(row.slice.removeprefix("topic:").removesuffix(":raw"), row) for row in topics]
    return [Estimate(title, row.value, row.low, row.high, row.count) for title, row in named]


def unjudged(run: ReportData) -> list[str]:
    """What the head of the page says of comparisons that came to no verdict."""
    notes = []
    for (field, place), row in by_slice(run.metrics).items():
        name = field.removesuffix(".failed")
        if (
            field.endswith(".failed")
            and place.startswith("overall:")
            and row.value
            and row.value == row.count
        ):
            arm = "" if place == "overall:raw" else f" ({place.removeprefix('overall:')})"
            notes.append(
                f"{run.titles.get(name, name)}{arm}: no win rate, since no verdict came of any"
                f" of the {row.count:,} prompts; see the failures."
            )
    return notes


SECTION = Section(
    "winrates",
    "Win rates",
    lambda content: bool(content["comparisons"]),
    content,
    {"matches": Drawing(bars.winrates, ("evaluate",), each=True, table=values.winrates)},
    READS,
)
