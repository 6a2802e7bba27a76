"""What the report counts: tables in, small summaries out; as queries that read only the columns
they need, so that a large dataset costs little.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from psycopref.queries.columns import REWARD
from psycopref.store.parquet import Table, table

Rows = Sequence[Any]
Listed = Mapping[str, Sequence[str]]  # a topic list: coarse to fine
Series = Mapping[str, tuple[Sequence[int], Sequence[float]]]  # curve name to steps and values


class Chained(Sequence[Any]):
    """Tables of one row type one after another, none of them held."""

    def __init__(self, *parts: Rows) -> None:
        self.parts = [part for part in parts if len(part)]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[Any]:
        for part in self.parts:
            yield from part

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]


def lazy(rows: Rows) -> pl.LazyFrame:
    """A table as a query; an empty query without columns where there are no rows."""
    if isinstance(rows, Chained):
        return pl.concat([lazy(part) for part in rows.parts]) if rows.parts else pl.LazyFrame()
    return _typed(rows).lazy() if len(rows) else pl.LazyFrame()


def _typed(rows: Rows) -> Table[Any]:
    return rows if isinstance(rows, Table) else table(type(rows[0]), rows)


def collected(query: pl.LazyFrame) -> pl.DataFrame:
    """The result of a query, without ever holding the tables it reads."""
    return query.collect(engine="streaming")


def among(rows: Rows, column: str, values: Sequence[str]) -> pl.DataFrame:
    """The rows of a table whose column holds one of some values; the rest is not kept."""
    return collected(lazy(rows).filter(pl.col(column).is_in(list(values))))


def coarse_of(listed: Listed) -> dict[str, str]:
    """Fine topic to coarse topic of a run's list (coarse to fine); what is not in it stands for
    itself.
    """
    return {fine: coarse for coarse, group in listed.items() for fine in group}


def topic_counts(speeches: Rows, listed: Listed) -> dict[str, dict[str, int]]:
    """Speeches by coarse and fine topic; those without a topic are left out."""
    groups: dict[str, dict[str, int]] = {}
    coarse = coarse_of(listed)
    if len(speeches):
        counts = collected(lazy(speeches).filter(pl.col("topic") != "").group_by("topic").len())
        for topic, count in sorted(counts.iter_rows()):
            groups.setdefault(coarse.get(topic, topic), {})[topic] = count
    return groups


def item_order(names: Sequence[str], items: Sequence[str]) -> list[str]:
    """Items as the run's instrument has them (`items`), then what it has not, by name."""
    return [
        *(item for item in items if item in names),
        *sorted(name for name in names if name not in items),
    ]


def judged(ratings: Rows) -> pl.LazyFrame:
    """Ratings by a judge on an instrument's items; reward models' scores are left out."""
    return lazy(ratings).filter(pl.col("item") != REWARD) if len(ratings) else pl.LazyFrame()


def rated(ratings: Rows) -> int:
    """How many ratings by judges there are."""
    return int(collected(judged(ratings).select(pl.len())).item()) if len(ratings) else 0


def scale(ratings: Rows) -> tuple[float, float]:
    """The lowest and highest score on an instrument's items (1 to 5 where there are none)."""
    if not rated(ratings):
        return 1.0, 5.0
    low, high = collected(
        judged(ratings).select(low=pl.col("score").min(), high=pl.col("score").max())
    ).row(0)
    return float(low), float(high)


def score_table(
    responses: Rows, ratings: Rows, order: Sequence[str]
) -> tuple[list[str], list[dict[str, Any]]]:
    """Items in `order`, and per model its mean score on each, the mean over items and how many
    responses it gave; best model first.
    """
    if not rated(ratings) or not len(responses):
        return [], []
    models = lazy(responses).select("response_id", "model")
    both = (
        judged(ratings)
        .select("subject_id", "item", "score")
        .join(models, left_on="subject_id", right_on="response_id")
    )
    long = collected(both.group_by("model", "item").agg(pl.col("score").mean()))
    counts = dict(
        collected(both.group_by("model").agg(pl.col("subject_id").n_unique())).iter_rows()
    )
    items = item_order(long["item"].unique().to_list(), order)
    means = long.pivot("item", index="model", values="score")
    rows = [
        {"model": row["model"], "n": counts[row["model"]], "scores": [row[item] for item in items]}
        for row in means.iter_rows(named=True)
    ]
    for row in rows:
        known = [score for score in row["scores"] if score is not None]
        row["overall"] = sum(known) / len(known)
    return items, sorted(rows, key=lambda row: (-row["overall"], row["model"]))


def chosen_counts(responses: Rows, preferences: Rows) -> list[tuple[str, int, int]]:
    """Per model how often a response of it was chosen and rejected, by the share that was
    chosen.
    """
    if not len(preferences) or not len(responses):
        return []
    pairs, model = lazy(preferences), lazy(responses).select("response_id", "model")
    sides = [
        collected(
            pairs.select(f"{side}_id")
            .join(model, left_on=f"{side}_id", right_on="response_id")
            .group_by("model")
            .agg(pl.len().alias(side))
        )
        for side in ("chosen", "rejected")
    ]
    both = sides[0].join(sides[1], on="model", how="full", coalesce=True).fill_null(0)
    both = both.with_columns(share=pl.col("chosen") / (pl.col("chosen") + pl.col("rejected"))).sort(
        ["share", "model"], descending=[True, False]
    )
    return list(both.select("model", "chosen", "rejected").iter_rows())


def chosen_topics(speeches: Rows, preferences: Rows, listed: Listed) -> list[dict[str, Any]]:
    """Per coarse topic its speeches with pairs, pairs and mean gap."""
    if not len(preferences) or not len(speeches):
        return []
    coarse = pl.col("topic").replace(coarse_of(listed))
    labelled = lazy(speeches).filter(pl.col("topic") != "").select("speech_id", coarse)
    both = lazy(preferences).select("speech_id", "gap").join(labelled, on="speech_id")
    counts = collected(
        both.group_by("topic").agg(
            speeches=pl.col("speech_id").n_unique(), pairs=pl.len(), gap=pl.col("gap").mean()
        )
    )
    return list(counts.sort(["pairs", "topic"], descending=[True, False]).iter_rows(named=True))


def series(points: Rows) -> dict[str, tuple[list[int], list[float]]]:
    """The curves of one training run: name to steps and values."""
    if not len(points):
        return {}
    parts = collected(lazy(points)).sort("step").partition_by("name", as_dict=True)
    return {
        str(name): (part["step"].to_list(), part["value"].to_list())
        for (name,), part in parts.items()
    }


def reasons(rows: Rows) -> dict[str, int]:
    """How many rows there are of each reason, most first."""
    if not len(rows):
        return {}
    return dict(
        collected(lazy(rows).group_by("reason").len())
        .sort(["len", "reason"], descending=[True, False])
        .iter_rows()
    )
