"""The reward model on test pairs it never saw, beside others and baselines: Table 1 of the paper,
and how far its scores are probabilities.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import polars as pl

from psycopref.report import frames, values
from psycopref.report.data import ReportData
from psycopref.report.frames import Rows
from psycopref.report.metrics import BySlice, by_slice
from psycopref.report.plots import training
from psycopref.report.plots.bars import Dots
from psycopref.report.print import number
from psycopref.report.section import Content, Drawing, Section
from psycopref.tables import Metric

FIGURES = {
    "reward.accuracy": "Accuracy",
    "reward.auc": "AUC",
    "reward.flipped": "flips with the order",
    "reward.accuracy_over": "ours less it",
    "reward.unscored": "pairs not scored",
}
# How far the scores can be taken for probabilities, before and after a temperature.
CALIBRATION = {
    "reward.ece": "ECE",
    "reward.ece_floor": "ECE if calibrated",
    "reward.ece_scaled": "ECE, scaled",
    "reward.brier": "Brier score",
    "reward.brier_scaled": "Brier score, scaled",
    "reward.logloss": "Log-loss",
    "reward.logloss_scaled": "Log-loss, scaled",
}
SHARES = ("reward.accuracy", "reward.auc", "reward.flipped", "reward.accuracy_over")
SETS = {"test": "Best against worst", "test_all": "Every test pair with a gap"}
GROUPS = (
    "Generative judges as rankers",
    "Public reward models",
    "Ours",
    "Without any knowledge of counseling",
    "No pair scored",
)
BASELINES = {"tfidf": "Word counts (TF-IDF Bradley-Terry)", "longer": "Length alone"}
PARTS = ("topic", "gap", "length")
BESIDE = ("reward.length_correlation", "reward.temperature", "pairs.longer_chosen")
READS = frozenset({*FIGURES, *CALIBRATION, *BESIDE})


def content(run: ReportData) -> Content:
    """The tables by set of test pairs, what may be said of them, and the diagrams' dots."""
    metrics = by_slice(run.metrics)
    return {
        "sets": table_one(metrics),
        "sentence": sentence(metrics),
        "reliability": reliability(run.bins),
    }


def table_one(metrics: BySlice) -> list[dict[str, Any]]:
    """Per set of test pairs every model that was asked, in the paper's groups, its accuracy on
    parts of the set, and its calibration.

    Slices are `<set>` for the run's own model and `<set>:<name>` for others, with `:topic:...`,
    `:gap:...` or `:length:...` behind for a part. A ranker has no reward and so no AUC. A model
    that scored no pair has a count of these and nothing else.
    """
    places = list(
        dict.fromkeys(
            place for name, place in metrics if name in ("reward.accuracy", "reward.unscored")
        )
    )
    sets = sorted(
        {place.partition(":")[0] for place in places},
        key=lambda one: (list(SETS).index(one) if one in SETS else len(SETS), one),
    )
    return [
        _set(
            metrics, one, [place for place in places if place == one or place.startswith(f"{one}:")]
        )
        for one in sets
    ]


def _set(metrics: BySlice, name: str, places: Sequence[str]) -> dict[str, Any]:
    models = [place for place in places if not _part(place, name)]
    measured = [place for place in models if ("reward.accuracy", place) in metrics]
    heads = {
        field: title
        for field, title in FIGURES.items()
        if any((field, place) in metrics for place in models)
    }
    order = sorted(
        models, key=lambda place: (GROUPS.index(_group(metrics, place, name)), models.index(place))
    )
    rows: list[dict[str, Any]] = []
    for place in order:
        cells = [metrics.get((field, place)) for field in heads]
        rows.append(
            {"group": _group(metrics, place, name), "name": _model(place, name), "cells": cells}
        )
    for before, row in reversed(list(pairwise(rows))):
        row["group"] = "" if row["group"] == before["group"] else row["group"]
    parts: dict[str, dict[str, Metric]] = {}
    for place in places:
        if part := _part(place, name):
            parts.setdefault(part, {})[place.removesuffix(f":{part}")] = metrics[
                "reward.accuracy", place
            ]
    order = [place for place in order if place in measured]
    return {
        "title": SETS.get(name, name),
        "count": max(metrics["reward.accuracy", place].count for place in order) if order else 0,
        "heads": list(heads.values()),
        "shares": [field in SHARES for field in heads],
        "counts": [field == "reward.unscored" for field in heads],
        "rows": rows,
        "length": metrics.get(("reward.length_correlation", name)),
        "calibration": _calibration(metrics, name, order),
        "longer": metrics.get(("pairs.longer_chosen", name)),
        "parts": {
            "heads": [_model(place, name) for place in order],
            "rows": [(part, [own.get(place) for place in order]) for part, own in parts.items()],
        },
    }


def _calibration(metrics: BySlice, name: str, places: Sequence[str]) -> dict[str, Any]:
    """A line for each model whose scores are taken for probabilities, with the temperature of its
    dev pairs; empty where there is none.
    """
    heads = {
        field: title
        for field, title in CALIBRATION.items()
        if any((field, place) in metrics for place in places)
    }
    rows = [
        {
            "name": _model(place, name),
            "cells": [metrics.get((field, place)) for field in heads],
            "hot": metrics.get(("reward.temperature", _dev(place, name))),
        }
        for place in places
        if any((field, place) in metrics for field in heads)
    ]
    return {"heads": list(heads.values()), "rows": rows} if rows else {}


def _dev(place: str, name: str) -> str:
    rest = place[len(name) + 1 :]
    return f"dev:{rest}" if rest else "dev"


def _part(place: str, name: str) -> str:
    """The part of a set that a slice is of ('topic:Career'); '' for the whole."""
    pieces = place.split(":")
    at = next(
        (at for at, piece in enumerate(pieces[1:3], 1) if piece in PARTS and len(pieces) > at + 1),
        0,
    )
    return ":".join(pieces[at:]) if at else ""


def _group(metrics: BySlice, place: str, name: str) -> str:
    rest = place[len(name) + 1 :]
    if ("reward.accuracy", place) not in metrics:
        return GROUPS[4]
    if not rest:
        return GROUPS[2]
    if rest in BASELINES:
        return GROUPS[3]
    scored = ("reward.auc", place) in metrics or ("reward.brier", place) in metrics
    return GROUPS[1 if scored else 0]


def _model(place: str, name: str) -> str:
    rest = place[len(name) + 1 :]
    return BASELINES.get(rest) or rest or "Reward model"


def sentence(metrics: BySlice) -> str:
    """What the paired comparison with word counts allows to be said, on the widest set of pairs."""
    row = metrics.get(("reward.accuracy_over", "test_all:tfidf")) or metrics.get(
        ("reward.accuracy_over", "test:tfidf")
    )
    if row is None:
        return ""
    on, points = (
        f"On the same {row.count:,} pairs",
        f"{number(100 * abs(row.value), 1)} points of accuracy",
    )
    if row.low is None or row.high is None:
        return (
            f"{on} the reward model and word counts are {points} apart; no interval can be given."
        )
    ends = (
        f"reward model less word counts: {number(100 * row.value, 1)}, 95 % interval by speech"
        f" {number(100 * row.low, 1)} to {number(100 * row.high, 1)}"
    )
    if row.low > 0:
        return f"{on} the reward model is ahead of word counts by {points} ({ends})."
    if row.high < 0:
        return (
            f"{on} the reward model is behind word counts by {points} ({ends}): it has learnt less"
            " than the words give away."
        )
    return f"{on} neither the reward model nor word counts is shown to be better ({ends})."


def reliability(bins: Rows) -> dict[str, Sequence[Dots]]:
    """The diagrams of the reward model and the TF-IDF baseline on the widest set of test pairs
    there is.
    """
    if not len(bins):
        return {}
    rows = frames.collected(frames.lazy(bins))
    widest = "test_all" if (rows["slice"] == "test_all").any() else "test"
    names = {widest: "reward model", f"{widest}:tfidf": "word counts (TF-IDF)"}
    return {
        title: dots
        for place, title in names.items()
        if (dots := _dots(rows.filter(pl.col("slice") == place)))
    }


def _dots(rows: pl.DataFrame) -> list[Dots]:
    return [
        Dots(*row)
        for row in (
            rows.sort("number")
            .select("confidence", "right", "right_low", "right_high", "count")
            .iter_rows()
        )
    ]


SECTION = Section(
    "reward",
    "Reward model",
    lambda content: bool(content["sets"]),
    content,
    {"reliability": Drawing(training.reliability, ("calibrate",), table=values.reliability)},
    READS,
    {"sets": ("calibrate",)},
)
