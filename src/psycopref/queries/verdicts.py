"""Verdicts as scores: the one definition of what a prompt's verdicts, in both orders, come to."""

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from psycopref.stats import winrate
from psycopref.stats.intervals import Floats
from psycopref.store.parquet import table
from psycopref.tables import Verdict, Winner

OVERALL = "overall"
POINTS: dict[Winner, float] = {"first": 1.0, "tie": 0.5, "second": 0.0}
"""What a verdict is worth to the answer that was shown first; the other one has the rest of 1."""


def of_item(verdicts: Sequence[Verdict], item: str = OVERALL) -> pl.DataFrame:
    """The verdicts on one item, only the columns that scores are made of."""
    rows = table(Verdict, verdicts)
    query = rows.lazy().filter(pl.col("item") == item)
    return rows.collected(query.select("speech_id", "first_id", "second_id", "winner"))


def votes(
    ours: Sequence[str] | pl.Series,
    theirs: Sequence[str] | pl.Series,
    verdicts: pl.DataFrame,
    orders: int = 2,
) -> Floats:
    """What was said of each match, (matches, orders): 1 ours won, 0.5 tie, 0 theirs won, NaN where
    that order has no verdict.

    Ours stands first in the first column and second in the second one. `verdicts` (first_id,
    second_id, winner) are those of one judge on one item.
    """
    known = verdicts.unique(["first_id", "second_id"], keep="last", maintain_order=True).select(
        "first_id",
        "second_id",
        vote=pl.col("winner").replace_strict(POINTS, return_dtype=pl.Float64),
    )
    matches = pl.DataFrame(
        {"ours": ours, "theirs": theirs}, schema={"ours": pl.String, "theirs": pl.String}
    )
    columns = []
    for shown in (["ours", "theirs"], ["theirs", "ours"])[:orders]:
        found = matches.join(
            known, left_on=shown, right_on=["first_id", "second_id"], how="left",
            maintain_order="left",
        )  # fmt: skip
        vote = found["vote"].fill_null(float("nan")).to_numpy()
        columns.append(vote if shown[0] == "ours" else 1 - vote)
    return np.column_stack(columns)


def prompt_scores(
    verdicts: Sequence[Verdict], ours: Iterable[str], orders: int, item: str = OVERALL
) -> pl.DataFrame:
    """Each prompt's score for the system that gave the responses `ours`, as (speech_id, ours,
    theirs, score, flipped, failed), in the order of the verdicts.

    The score is the mean over the orders in which the judge was asked (`stats.winrate`): 1 ours
    won, 0.5 tied. A prompt of which an order failed has no score (null), whatever the other order
    said: that one alone would keep the pull of the place. A prompt that failed in every order has
    no verdict and so no row. Verdicts between two other systems are passed over.
    """
    rows = of_item(verdicts, item)
    own = pl.Series(sorted(set(ours)), dtype=pl.String).implode()
    first = pl.col("first_id").is_in(own)
    matches = (
        rows.filter(first | pl.col("second_id").is_in(own))
        .select(
            "speech_id",
            ours=pl.when(first).then("first_id").otherwise("second_id"),
            theirs=pl.when(first).then("second_id").otherwise("first_id"),
        )
        .unique(maintain_order=True)
    )
    scores, flips = winrate.prompt_scores(votes(matches["ours"], matches["theirs"], rows, orders))
    return matches.with_columns(
        score=pl.Series(scores, dtype=pl.Float64).fill_nan(None),
        flipped=pl.Series(flips == 1, dtype=pl.Boolean),
        failed=pl.Series(np.isnan(scores), dtype=pl.Boolean),
    )


def scores_by_speech(
    verdicts: Sequence[Verdict], ours: Iterable[str], orders: int
) -> dict[str, float]:
    """`prompt_scores` overall, by speech, of the prompts that have one."""
    judged = prompt_scores(verdicts, ours, orders).drop_nulls("score")
    return dict(judged.select("speech_id", "score").iter_rows())
