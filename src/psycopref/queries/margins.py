"""What gives margins of preference pairs: reward models by their scores, and two baselines that
know no counseling.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from psycopref.queries.columns import reward_of
from psycopref.queries.pairs import margins
from psycopref.stats.baselines import Tfidf, length_fit, tfidf_fit, tfidf_scores
from psycopref.stats.intervals import Floats
from psycopref.store.parquet import Table, table
from psycopref.tables import Rating

BASELINES = ("tfidf", "longer")


class _Rewards(NamedTuple):
    """A reward model: margins of pairs from the rewards of their responses."""

    rewards: pl.DataFrame

    def __call__(self, pairs: pl.DataFrame) -> Floats:
        return margins(pairs, self.rewards)


class _Words(NamedTuple):
    """The TF-IDF baseline: margins of pairs from their texts."""

    model: Tfidf

    def __call__(self, pairs: pl.DataFrame) -> Floats:
        return tfidf_scores(self.model, pairs["chosen_text"].to_list()) - tfidf_scores(
            self.model, pairs["rejected_text"].to_list()
        )


class _Length(NamedTuple):
    """The length baseline: margins of pairs from their words."""

    per_word: float

    def __call__(self, pairs: pl.DataFrame) -> Floats:
        return self.per_word * (pairs["chosen_words"] - pairs["rejected_words"]).to_numpy()


Margins = _Rewards | _Words | _Length


def models(
    train: pl.DataFrame, scores: Sequence[Rating], others: Sequence[Rating]
) -> dict[str, Margins]:
    """What gives margins, by name: the reward model (''), the baselines (none without train pairs),
    the reward models of others.
    """
    made: dict[str, Margins] = {"": _Rewards(reward_of(scores))}
    if train.height:
        made |= _baselines(train)
    for (judge,), rows in sorted(
        table(Rating, others).frame.group_by("judge"), key=lambda one: str(one[0])
    ):
        made[str(judge)] = _Rewards(reward_of(Table(Rating, rows)))
    return made


def _baselines(train: pl.DataFrame) -> dict[str, Margins]:
    """Both baselines fitted on the train pairs."""
    sides = (
        pl.concat(
            [train.select(id=f"{side}_id", text=f"{side}_text") for side in ("chosen", "rejected")]
        )
        .unique("id")
        .sort("id")
    )
    index = {one: number for number, one in enumerate(sides["id"])}
    where = [np.array([index[one] for one in train[side]]) for side in ("chosen_id", "rejected_id")]
    words = tfidf_fit(sides["text"].to_list(), *where)
    length = length_fit(train["chosen_words"].to_numpy(), train["rejected_words"].to_numpy())
    return dict(zip(BASELINES, (_Words(words), _Length(length)), strict=True))
