"""Which figures a run can show, and their drawing."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from psycopref.report import expert_figures, frames, judges, responders, statistics
from psycopref.report.frames import Rows
from psycopref.report.plots import bars, data, experts
from psycopref.report.plots.bars import Dots, Estimate

if TYPE_CHECKING:
    from psycopref.report.data import ReportData

SERIES = {
    "policy.gold_reward": "gold reward",
    "policy.reward": "reward it was trained on",
    "policy.kl": "nats from the start (KL)",
    "policy.words": "words",
    "policy.finished": "share finished",
}


def numbers(content: "ReportData") -> dict[str, Any]:
    """What the figures of a run show, by figure: small tables, from which alone they are drawn. A
    figure without data is not there.
    """
    counts = frames.chosen_counts(content.responses, content.preferences)
    overlapping = statistics.overlap(content)
    entries = content.responders
    bins = statistics.histogram(content.speeches)
    found: dict[str, Any] = {
        "topics": frames.topic_counts(content.speeches),
        "sources": statistics.sources(content),
        "lengths": (
            {"bins": bins, "responses": statistics.lengths(content.responses, "model")}
            if bins
            else {}
        ),
        "overlap": overlapping if len(overlapping.get("names", ())) > 1 else {},
        "chosen": counts,
        "sizes": responders.by_size(counts, entries),
        "organisations": responders.by_organisation(counts, entries),
        "reliability": reliability_of(content.bins),
        "curves": {name: series for name, series in content.curves.items() if "loss" in series},
        "rounds": rounds_of(content.metrics),
        "checkpoints": checkpoints_of(content.metrics),
        "judges": judges.estimates(content.metrics),
        "principles": [row[:4] for row in expert_figures.choices(content.metrics)],
        "absolute": expert_figures.scores(content.metrics),
        "matches": {
            name: rows
            for name in matches(content.metrics)
            if (rows := estimates(content.metrics, name))
        },
    }
    return {name: value for name, value in found.items() if value}


DRAWN: dict[str, Callable[[Any], str]] = {
    "topics": bars.topics,
    "sources": data.sources,
    "lengths": lambda found: data.lengths(
        found["bins"], [row for row in found["responses"] if row["name"] != "all"], "model"
    ),
    "overlap": data.overlap,
    "chosen": bars.chosen,
    "sizes": lambda found: bars.chosen(found, "sizes", "Chosen and rejected by size of the model"),
    "organisations": lambda found: bars.chosen(
        found, "organisations", "Chosen and rejected by organisation"
    ),
    "reliability": bars.reliability,
    "curves": bars.curves,
    "rounds": bars.rounds,
    "checkpoints": bars.checkpoints,
    "judges": bars.judges,
    "principles": experts.principles,
    "absolute": experts.absolute,
}


def draw(found: Mapping[str, Any]) -> dict[str, str]:
    """Every figure of `numbers` as inline SVG by name; one for each match of 'matches', by the
    match's name.
    """
    drawn = {name: DRAWN[name](value) for name, value in found.items() if name != "matches"}
    return drawn | {
        name: bars.winrates(rows, name) for name, rows in found.get("matches", {}).items()
    }


def reliability_of(bins: Rows) -> dict[str, Sequence[Dots]]:
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


def rounds_of(metrics: Rows) -> dict[str, Sequence[Estimate]]:
    """The policy's series by round."""
    found: dict[str, Sequence[Estimate]] = {}
    for name, title in SERIES.items():
        rows = [
            (int(row.slice.removeprefix("round:")), row)
            for row in metrics
            if row.name == name and row.slice.startswith("round:")
        ]
        if rows:
            found[title] = [
                Estimate(str(at), row.value, row.low, row.high, row.count)
                for at, row in sorted(rows, key=lambda pair: pair[0])
            ]
    return found


def checkpoints_of(metrics: Rows) -> dict[str, dict[str, list[Estimate]]]:
    """An ablation's win rates by size and arm, in the order of the checkpoints."""
    found: dict[str, dict[str, list[Estimate]]] = {}
    for row in metrics:
        if row.name == "ablation.winrate":
            size, arm, number = row.slice.split(":")
            found.setdefault(size, {}).setdefault(arm, []).append(
                Estimate(number, row.value, row.low, row.high, row.count)
            )
    return found


def matches(metrics: Rows) -> list[str]:
    """The names of the win rates: whatever has a `<name>.wins`, so that one without a single
    verdict is there too, in the order they were made.

    Null opponents stand elsewhere.
    """
    names = dict.fromkeys(
        row.name.removesuffix(".wins") for row in metrics if row.name.endswith(".wins")
    )
    return [name for name in names if not name.startswith("null.")]


def estimates(metrics: Rows, name: str) -> list[Estimate]:
    """Overall by arm, then by topic: the widest first."""
    rows: list[Any] = [row for row in metrics if row.name == name]
    overall = [row for row in rows if row.slice.startswith("overall:")]
    topics = sorted(
        (row for row in rows if row.slice.startswith("topic:") and row.slice.endswith(":raw")),
        key=lambda row: (-row.count, row.slice),
    )
    titles = {"raw": "overall", "constrained": "overall, length asked for"}
    named = [(titles.get(row.slice.split(":")[1], row.slice), row) for row in overall]
    named += [(row.slice.removeprefix("topic:").removesuffix(":raw"), row) for row in topics]
    return [Estimate(title, row.value, row.low, row.high, row.count) for title, row in named]
