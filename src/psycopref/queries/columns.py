"""Columns that several stages add to their tables: rewards, words, coarse topics."""

from collections.abc import Sequence
from functools import lru_cache

import polars as pl

from psycopref.errors import TableError
from psycopref.labels.topic_list import load_topics
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


@lru_cache
def _groups() -> dict[str, str]:
    return {topic.name: group.name for group in load_topics().coarse for topic in group.topics}


def coarse(topic: str) -> str:
    """The coarse topic of a fine one; '' for none; a topic of another list than the shipped one
    stands for itself.
    """
    return _groups().get(topic, topic)


def coarse_column(column: str = "topic") -> pl.Expr:
    """`coarse` as a column."""
    return pl.col(column).replace(_groups())
