"""Columns that several stages add to their tables: rewards, words, coarse topics."""

from collections.abc import Mapping, Sequence

import polars as pl

from psycopref.errors import TableError
from psycopref.store.parquet import table
from psycopref.tables import Rating

REWARD = "reward"


def reward_of(scores: Sequence[Rating]) -> pl.DataFrame:
    """The reward of each response as (response_id, reward, judge); TableError where one has two,
    since which is meant is unknown.
    """
    frame = (
        table(Rating, scores)
        .frame.filter(pl.col("item") == REWARD)
        .select(response_id="subject_id", reward="score", judge="judge")
    )
    twice = frame.filter(pl.col("response_id").is_duplicated())
    if twice.height:
        raise TableError(
            f"scores: {twice['response_id'][0]!r} has more than one reward; give the scores of one"
            " reward model"
        )
    return frame


def words(column: str) -> pl.Expr:
    """The words of a text column, by white space, as stats.length.words counts them."""
    return pl.col(column).str.count_matches(r"\S+").cast(pl.Int64)


def coarse_column(groups: Mapping[str, str], column: str = "topic") -> pl.Expr:
    """The coarse topic of each row; `groups` are those of the run's topic list
    (`labels.topic_list.groups`). A coarse topic, '' and a topic that the list does not have stand
    for themselves.
    """
    return pl.col(column).replace(dict(groups))


def outcome_column(column: str = "reason") -> pl.Expr:
    """The outcome of each failure's reason, as `tables.reason_of` reads it."""
    return pl.col(column).str.split(": ").list.first()
