"""Which figures a run can show, and their drawing."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from psycopref.report import frames, judges, plots
from psycopref.report.frames import Rows
from psycopref.report.plots import Dots, Estimate

SERIES = {
    "policy.gold_reward": "gold reward",
    "policy.reward": "reward it was trained on",
    "policy.kl": "nats from the start (KL)",
    "policy.words": "words",
    "policy.finished": "share that came to an end",
}


def draw(speeches: Rows, responses: Rows, preferences: Rows, metrics: Rows, bins: Rows, curves: Mapping[str, Rows]) -> dict[str, str]:
    """Every figure that the tables allow, by name: topics, chosen, reliability, curves, rounds, checkpoints, judges, and one for each match of `matches`."""
    found: dict[str, str] = {}
    groups = frames.topic_counts(speeches)
    if groups:
        found["topics"] = plots.topics(groups)
    counts = frames.chosen_counts(responses, preferences)
    if counts:
        found["chosen"] = plots.chosen(*(list(column) for column in zip(*counts, strict=True)))
    diagrams = reliability_of(bins)
    if diagrams:
        found["reliability"] = plots.reliability(diagrams)
    runs = {name: series for name, points in curves.items() if "loss" in (series := frames.series(points))}
    if runs:
        found["curves"] = plots.curves(runs)
    by_round = rounds_of(metrics)
    if by_round:
        found["rounds"] = plots.rounds(by_round)
    sizes = checkpoints_of(metrics)
    if sizes:
        found["checkpoints"] = plots.checkpoints(sizes)
    compared = judges.estimates(metrics)
    if compared:
        found["judges"] = plots.judges(compared)
    for name in matches(metrics):
        found[name] = plots.winrates(estimates(metrics, name), name)
    return found


def reliability_of(bins: Rows) -> dict[str, Sequence[Dots]]:
    """The diagrams of the reward model and the TF-IDF baseline on the widest set of test pairs there is."""
    rows = frames.frame(bins)
    if not rows.height:
        return {}
    widest = "test_all" if (rows["slice"] == "test_all").any() else "test"
    names = {widest: "reward model", f"{widest}:tfidf": "word counts (TF-IDF)"}
    return {title: dots for place, title in names.items() if (dots := _dots(rows.filter(pl.col("slice") == place)))}


def _dots(rows: pl.DataFrame) -> list[Dots]:
    return [Dots(*row) for row in rows.sort("number").select("confidence", "right", "right_low", "right_high", "count").iter_rows()]


def rounds_of(metrics: Rows) -> dict[str, Sequence[Estimate]]:
    """The policy's series by round."""
    found: dict[str, Sequence[Estimate]] = {}
    for name, title in SERIES.items():
        rows = [(int(row.slice.removeprefix("round:")), row) for row in metrics if row.name == name and row.slice.startswith("round:")]
        if rows:
            found[title] = [Estimate(str(at), row.value, row.low, row.high, row.count) for at, row in sorted(rows, key=lambda pair: pair[0])]
    return found


def checkpoints_of(metrics: Rows) -> dict[str, dict[str, list[Estimate]]]:
    """An ablation's win rates by size and arm, in the order of the checkpoints."""
    found: dict[str, dict[str, list[Estimate]]] = {}
    for row in metrics:
        if row.name == "ablation.winrate":
            size, arm, number = row.slice.split(":")
            found.setdefault(size, {}).setdefault(arm, []).append(Estimate(number, row.value, row.low, row.high, row.count))
    return found


def matches(metrics: Rows) -> list[str]:
    """The names of the win rates there are: whatever has a `<name>.wins` beside it, in the order they were made."""
    names = {row.name for row in metrics}
    return [name for name in dict.fromkeys(row.name for row in metrics) if f"{name}.wins" in names]


def estimates(metrics: Rows, name: str) -> list[Estimate]:
    """Overall by arm, then by topic: the widest first."""
    rows: list[Any] = [row for row in metrics if row.name == name]
    overall = [row for row in rows if row.slice.startswith("overall:")]
    topics = sorted((row for row in rows if row.slice.startswith("topic:") and row.slice.endswith(":raw")), key=lambda row: (-row.count, row.slice))
    titles = {"raw": "overall", "constrained": "overall, length asked for"}
    named = [(titles.get(row.slice.split(":")[1], row.slice), row) for row in overall]
    named += [(row.slice.removeprefix("topic:").removesuffix(":raw"), row) for row in topics]
    return [Estimate(title, row.value, row.low, row.high, row.count) for title, row in named]
