"""Preference pairs with what measuring them needs beside them: texts, words, margins of rewards,
votes of rankers, and parts by topic, gap and length.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from psycopref.errors import TableError
from psycopref.queries.columns import coarse_column, words
from psycopref.stats.intervals import Floats

GAPS = ((0.5, "under 0.5"), (1.0, "0.5 to 1"), (2.0, "1 to 2"), (float("inf"), "2 and more"))
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]
ALIKE = 0.1  # a difference in words of at most this share of the longer one


def with_texts(pairs: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    """Preferences with both texts and their words; TableError where a response is not there."""
    for side in ("chosen", "rejected"):
        pairs = pairs.join(
            texts.select(
                pl.col("response_id").alias(f"{side}_id"), pl.col("text").alias(f"{side}_text")
            ),
            on=f"{side}_id",
            how="left",
        )
        lost = pairs.filter(pl.col(f"{side}_text").is_null())
        if lost.height:
            first = lost[f"{side}_id"][0]
            raise TableError(
                f"calibrate: the {side} response {first!r} of a preference is not among the"
                " responses; give those that the pairs were made of"
            )
    return pairs.with_columns(
        words(f"{side}_text").cast(pl.Float64).alias(f"{side}_words")
        for side in ("chosen", "rejected")
    )


def margins(pairs: pl.DataFrame, rewards: pl.DataFrame) -> Floats:
    """Reward of the chosen minus reward of the rejected for each pair; NaN where one of them has
    none. `rewards` is (response_id, reward).
    """
    known = rewards.select("response_id", "reward")
    both = pairs.select("chosen_id", "rejected_id").join(
        known, left_on="chosen_id", right_on="response_id", how="left", maintain_order="left"
    )
    both = both.join(
        known.rename({"reward": "other"}),
        left_on="rejected_id",
        right_on="response_id",
        how="left",
        maintain_order="left",
    )
    return (both["reward"] - both["other"]).fill_null(float("nan")).to_numpy()


def parts(pairs: pl.DataFrame, groups: Mapping[str, str]) -> dict[tuple[str, str], Mask]:
    """Which pairs (pairs,) belong to each coarse topic ('topic', <name>), band of the gap ('gap',
    <band>) and order of lengths ('length', <order>); pairs without a topic, or a table without
    gaps, are in none. `groups` as for `coarse_column`.
    """
    found: dict[tuple[str, str], pl.Series] = {}
    if "topic" in pairs.columns:
        topics = pairs.select(coarse_column(groups))["topic"]
        found |= {("topic", name): topics == name for name in sorted(topics.unique()) if name}
    low = 0.0
    for high, name in GAPS if pairs["gap"].abs().sum() else ():
        found["gap", name] = (pairs["gap"] >= low) & (pairs["gap"] < high)
        low = high
    longest = pairs.select(pl.max_horizontal("chosen_words", "rejected_words")).to_series()
    difference = pairs["chosen_words"] - pairs["rejected_words"]
    alike = difference.abs() <= ALIKE * longest
    found |= {
        ("length", "chosen longer"): ~alike & (difference > 0),
        ("length", "alike"): alike,
        ("length", "rejected longer"): ~alike & (difference < 0),
    }
    return {name: mask.to_numpy() for name, mask in found.items() if mask.any()}
