"""The checkpoints of an ablation: offline against online preferences by size and arm."""

from collections.abc import Sequence
from typing import Any

from psycopref.report.data import ReportData
from psycopref.report.plots import training
from psycopref.report.plots.bars import Estimate
from psycopref.report.section import Content, Drawing, Section
from psycopref.tables import Metric

TITLES = {
    "winrate": "win rate",
    "gold_reward": "gold reward",
    "reward": "reward",
    "kl": "nats from the start (KL)",
    "words": "words",
    "finished": "came to an end",
    "pairs": "pairs learnt from",
}
READS = frozenset(f"ablation.{name}" for name in TITLES)


def content(run: ReportData) -> Content:
    """A line for each checkpoint, and the win rates as they are drawn."""
    return {"lines": lines(run.metrics), "checkpoints": winrates(run.metrics)}


def lines(metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    """An ablation's figures by size, arm and checkpoint."""
    by_place: dict[str, dict[str, Metric]] = {}
    for row in metrics:
        if row.name.startswith("ablation."):
            by_place.setdefault(row.slice, {})[row.name.removeprefix("ablation.")] = row
    there = {
        name: title
        for name, title in TITLES.items()
        if any(name in cells for cells in by_place.values())
    }
    return [
        {
            "place": place.split(":"),
            "cells": {title: cells.get(name) for name, title in there.items()},
        }
        for place, cells in by_place.items()
    ]


def winrates(metrics: Sequence[Metric]) -> dict[str, dict[str, list[Estimate]]]:
    """An ablation's win rates by size and arm, in the order of the checkpoints."""
    sizes: dict[str, dict[str, list[Estimate]]] = {}
    for row in metrics:
        if row.name == "ablation.winrate":
            size, arm, number = row.slice.split(":")
            sizes.setdefault(size, {}).setdefault(arm, []).append(
                Estimate(number, row.value, row.low, row.high, row.count)
            )
    return sizes


SECTION = Section(
    "checkpoints",
    "Offline, online",
    lambda content: bool(content["lines"]),
    content,
    {"checkpoints": Drawing(training.checkpoints, ("evaluate",), every=True)},
    READS,
)
