"""Two judges on the same responses: how far they agree, and what becomes of clear pairs."""

from collections.abc import Sequence
from typing import Any

from psycopref.report.data import ReportData
from psycopref.report.plots import bars
from psycopref.report.plots.bars import Estimate
from psycopref.report.section import Content, Drawing, Section
from psycopref.tables import Metric

AGREEMENT = {
    "kappa": "weighted kappa",
    "spearman": "rank correlation",
    "exact": "same score",
    "bias": "new less old, points",
}
PAIRS = {
    "pairs_same": "ordered the same",
    "pairs_tied": "tied by the new judge",
    "pairs_turned": "turned round",
    "best_changed": "speeches with another best response",
}
READS = frozenset(
    f"compare.{name}" for name in (*AGREEMENT, *PAIRS, "rank", "tau", "responses", "failures")
)


def content(run: ReportData) -> Content:
    """Tables and the drawing's estimates."""
    return {"agreement": tables(run.metrics), "judges": estimates(run.metrics)}


def tables(metrics: Sequence[Metric]) -> dict[str, Any]:
    """Rows by item, what becomes of clear pairs, and the responders' ranks; empty where no judges
    were compared.
    """
    by_place: dict[str, dict[str, Metric]] = {}
    for row in metrics:
        if row.name.startswith("compare."):
            by_place.setdefault(row.slice, {})[row.name.removeprefix("compare.")] = row
    if "responses" not in by_place.get("all", {}):
        return {}
    items = [
        (place.removeprefix("item:"), cells)
        for place, cells in by_place.items()
        if "kappa" in cells or "bias" in cells
    ]
    return {
        "lines": [
            {"name": name, "cells": {title: cells.get(field) for field, title in AGREEMENT.items()}}
            for name, cells in items
        ],
        "pairs": {title: by_place.get("overall", {}).get(field) for field, title in PAIRS.items()},
        "ranks": [
            (place.removeprefix("model:"), cells["rank"])
            for place, cells in by_place.items()
            if "rank" in cells
        ],
        "tau": by_place.get("models", {}).get("tau"),
        "count": by_place["all"]["responses"].count,
        "lost": by_place["all"].get("failures"),
    }


def estimates(metrics: Sequence[Metric]) -> dict[str, list[Estimate]]:
    """Kappa and bias by item, for a drawing; empty where no judges were compared."""
    panels: dict[str, list[Estimate]] = {}
    for row in metrics:
        field = row.name.removeprefix("compare.")
        if row.name.startswith("compare.") and field in ("kappa", "bias"):
            panels.setdefault(AGREEMENT[field], []).append(
                Estimate(row.slice.removeprefix("item:"), row.value, row.low, row.high, row.count)
            )
    return panels


SECTION = Section(
    "rejudge",
    "Another judge",
    lambda content: bool(content["agreement"]),
    content,
    {"judges": Drawing(bars.judges, ("compare",))},
    READS,
)
