"""Pairs that stand for those of responses that nobody has rated yet."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import polars as pl

from psycopref.needs import PAIRS
from psycopref.store.parquet import Table
from psycopref.tables import Preference, Rating, Response, Speech


class Standing(NamedTuple):
    """Pairs of every split, and of the test split all that there can be."""

    preferences: list[Preference]
    measure: list[Preference]


def unrated(responses: Table[Response], ratings: Table[Rating]) -> dict[str, list[str]] | None:
    """The ids of all responses by speech where some speech has none that is rated; None where each
    speech has one.
    """
    rated = ratings.pick("subject_id")["subject_id"].unique()
    by_speech = (
        responses.pick("response_id", "speech_id")
        .group_by("speech_id")
        .agg(pl.col("response_id"), rated=pl.col("response_id").is_in(rated.implode()).any())
    )
    if by_speech["rated"].all():
        return None
    return dict(by_speech.select("speech_id", "response_id").iter_rows())


def standing_for(
    speeches: Sequence[Speech],
    responses: Mapping[str, Sequence[str]],
    gap: float,
    every_train: bool,
    every_test: bool,
) -> Standing:
    """As many pairs as the paper had for its speeches (of each split, to the nearest whole number),
    or one a speech where only best and worst are paired. `responses` has their ids by speech.
    """
    out = Standing([], [])
    seen: Counter[str] = Counter()
    for speech in speeches:
        is_test = speech.split == "test"
        every = every_test if is_test else every_train
        rows = [
            Preference(f"preference-{one}-{two}", speech.speech_id, one, two, gap, speech.split)
            for one, two in combinations(sorted(responses.get(speech.speech_id, ())), 2)
        ]
        each = PAIRS if every else 1.0
        before = seen[speech.split]
        seen[speech.split] += 1
        out.preferences.extend(rows[: round((before + 1) * each) - round(before * each)])
        out.measure.extend(rows if is_test else ())
    return out
