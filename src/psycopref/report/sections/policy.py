"""The policy by round: its rewards, its length, how far it moved, and which guards tripped."""

from collections.abc import Sequence
from typing import Any

from psycopref.report import values
from psycopref.report.data import ReportData
from psycopref.report.plots import training
from psycopref.report.plots.bars import Estimate
from psycopref.report.section import Content, Drawing, Section
from psycopref.tables import Metric

ROUND = "round:"
SERIES = {
    "policy.gold_reward": "gold reward",
    "policy.reward": "reward it was trained on",
    "policy.kl": "nats from the start (KL)",
    "policy.words": "words",
    "policy.finished": "share finished",
}
COLUMNS = {**SERIES, "policy.gold_reward_gain": "gold reward over the start"}
GUARDS = {
    "over_optimised": "its reward rose while the gold reward fell",
    "length": "answers have grown or shrunk by half against the start",
    "unfinished": "over a fifth of the answers did not come to an end, and have no reward",
    "ties": "over half of the speeches gave no pair",
    "diversity": "samples are less than half as varied as in the first round",
    "kl": "its answers have moved further from the start than the limit",
}
READS = frozenset({*COLUMNS, *(f"guard.{name}" for name in GUARDS)})


def content(run: ReportData) -> Content:
    """A line for each round, the series and loss curves as they are drawn, and the guards."""
    tripped = guards(run.metrics)
    return {
        "guards": [warning(row) for row in tripped if row.value],
        "in_words": tripped,
        "lines": lines(run.metrics),
        "rounds": series(run.metrics),
        "curves": {name: points for name, points in run.curves.items() if "loss" in points},
    }


def guards(metrics: Sequence[Metric]) -> list[Metric]:
    """What the guards of a run's rounds (see stages/rounds) found; one that did not trip is 0."""
    names = {f"guard.{name}" for name in GUARDS}
    return [row for row in metrics if row.name in names and row.slice.startswith(ROUND)]


def warning(row: Metric) -> str:
    """What a guard that tripped says of its round."""
    return f"Round {row.slice.removeprefix(ROUND)}: {GUARDS[row.name.removeprefix('guard.')]}."


def by_round(metrics: Sequence[Metric], name: str) -> dict[int, Metric]:
    """A figure's rows by round, the first one first."""
    rows = {
        int(row.slice.removeprefix(ROUND)): row
        for row in metrics
        if row.name == name and row.slice.startswith(ROUND)
    }
    return dict(sorted(rows.items()))


def lines(metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    """The figures of each round by title."""
    columns = {title: by_round(metrics, name) for name, title in COLUMNS.items()}
    rounds = sorted({number for rows in columns.values() for number in rows})
    return [
        {
            "round": number,
            "cells": {title: rows.get(number) for title, rows in columns.items() if rows},
        }
        for number in rounds
    ]


def series(metrics: Sequence[Metric]) -> dict[str, list[Estimate]]:
    """The series by round, as they are drawn."""
    rows = {title: by_round(metrics, name) for name, title in SERIES.items()}
    return {
        title: [
            Estimate(str(at), row.value, row.low, row.high, row.count) for at, row in own.items()
        ]
        for title, own in rows.items()
        if own
    }


SECTION = Section(
    "policy",
    "Policy",
    lambda content: bool(content["lines"] or content["curves"]),
    content,
    {
        "rounds": Drawing(training.rounds, ("score", "drift"), every=True),
        "curves": Drawing(training.curves, ("reward", "policy"), every=True, table=values.curves),
    },
    READS,
)
