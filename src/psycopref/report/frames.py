"""What the report counts: tables in, small summaries out; columnar, so that a large dataset costs little."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from psycopref.columns import REWARD, coarse
from psycopref.instruments import load_instrument
from psycopref.store.parquet import table
from psycopref.toml_files import shipped

Rows = Sequence[Any]


def frame(rows: Rows) -> pl.DataFrame:
    """The columns of a table; an empty frame without columns where there are no rows."""
    return table(type(rows[0]), rows).frame if len(rows) else pl.DataFrame()


def topic_counts(speeches: Rows) -> dict[str, dict[str, int]]:
    """Speeches by coarse and fine topic; those without a topic are left out."""
    groups: dict[str, dict[str, int]] = {}
    people = frame(speeches)
    if people.height:
        for topic, count in sorted(people.filter(pl.col("topic") != "").group_by("topic").len().iter_rows()):
            groups.setdefault(coarse(topic), {})[topic] = count
    return groups


def item_order(names: Sequence[str]) -> list[str]:
    """Items in the order of the shipped instrument that has them all, else by name."""
    for name in shipped("instruments"):
        known = [item.name for item in load_instrument(name).items]
        if set(names) <= set(known):
            return [item for item in known if item in names]
    return sorted(names)


def judged(ratings: Rows) -> pl.DataFrame:
    """Ratings by a judge on an instrument's items; reward models' scores are left out."""
    scores = frame(ratings)
    return scores.filter(pl.col("item") != REWARD) if scores.height else scores


def score_table(responses: Rows, ratings: Rows) -> tuple[list[str], list[dict[str, Any]]]:
    """Items in order, and per model its mean score on each, the mean over items and its responses; best model first."""
    scores, answers = judged(ratings), frame(responses)
    if not scores.height or not answers.height:
        return [], []
    both = scores.join(answers.select("response_id", "model"), left_on="subject_id", right_on="response_id")
    items = item_order(both["item"].unique().to_list())
    means = both.group_by("model", "item").agg(pl.col("score").mean()).pivot("item", index="model", values="score")
    counts = dict(both.group_by("model").agg(pl.col("subject_id").n_unique()).iter_rows())
    rows = [{"model": row["model"], "n": counts[row["model"]], "scores": [row[item] for item in items]} for row in means.iter_rows(named=True)]
    for row in rows:
        known = [score for score in row["scores"] if score is not None]
        row["overall"] = sum(known) / len(known)
    return items, sorted(rows, key=lambda row: (-row["overall"], row["model"]))


def chosen_counts(responses: Rows, preferences: Rows) -> list[tuple[str, int, int]]:
    """Per model how often a response of it was chosen and rejected, by the share that was chosen."""
    pairs, answers = frame(preferences), frame(responses)
    if not pairs.height or not answers.height:
        return []
    model = answers.select("response_id", "model")
    sides = [pairs.join(model, left_on=f"{side}_id", right_on="response_id").group_by("model").len(side) for side in ("chosen", "rejected")]
    both = sides[0].join(sides[1], on="model", how="full", coalesce=True).fill_null(0)
    both = both.with_columns(share=pl.col("chosen") / (pl.col("chosen") + pl.col("rejected"))).sort(["share", "model"], descending=[True, False])
    return list(both.select("model", "chosen", "rejected").iter_rows())


def chosen_topics(speeches: Rows, preferences: Rows) -> list[dict[str, Any]]:
    """Per coarse topic its speeches with pairs, pairs and mean gap."""
    pairs, people = frame(preferences), frame(speeches)
    if not pairs.height or not people.height:
        return []
    both = pairs.join(people.filter(pl.col("topic") != "").select("speech_id", "topic"), on="speech_id")
    groups = {topic: coarse(topic) for topic in both["topic"].unique()}
    found = (
        both.with_columns(pl.col("topic").replace(groups))
        .group_by("topic")
        .agg(speeches=pl.col("speech_id").n_unique(), pairs=pl.len(), gap=pl.col("gap").mean())
    )
    return list(found.sort(["pairs", "topic"], descending=[True, False]).iter_rows(named=True))


def series(points: Rows) -> dict[str, tuple[list[int], list[float]]]:
    """The curves of one training run: name to steps and values."""
    found = frame(points)
    if not found.height:
        return {}
    parts = found.sort("step").partition_by("name", as_dict=True)
    return {str(name): (part["step"].to_list(), part["value"].to_list()) for (name,), part in parts.items()}


def reasons(rows: Rows) -> dict[str, int]:
    """How many rows there are of each reason, most first."""
    found = frame(rows)
    if not found.height:
        return {}
    return dict(found.group_by("reason").len().sort(["len", "reason"], descending=[True, False]).iter_rows())


def by_slice(metrics: Rows) -> Mapping[tuple[str, str], Any]:
    """Metric rows by name and slice."""
    return {(row.name, row.slice): row for row in metrics}
