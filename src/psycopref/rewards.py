"""Reward scores among ratings: one figure per response, columnar."""

from collections.abc import Sequence

import polars as pl

from psycopref.errors import TableError
from psycopref.store.parquet import table
from psycopref.tables import Rating

ITEM = "reward"


def reward_of(scores: Sequence[Rating]) -> pl.DataFrame:
    """The reward of each response as (response_id, reward, judge); TableError where one has two, since which is meant is unknown."""
    frame = table(Rating, scores).frame.filter(pl.col("item") == ITEM).select(response_id="subject_id", reward="score", judge="judge")
    twice = frame.filter(pl.col("response_id").is_duplicated())
    if twice.height:
        raise TableError(f"scores: {twice['response_id'][0]!r} has more than one reward; give the scores of one reward model")
    return frame
