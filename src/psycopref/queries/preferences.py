"""Scored responses to preference pairs, columnar: no text is read and no row is an object.

`scored` has a row for each response: row (its number), speech, speech_id, response_id, overall,
split.
"""

import polars as pl

from psycopref.store.parquet import Table
from psycopref.tables import Failure, Preference, Reason


def ends(scored: pl.DataFrame) -> pl.DataFrame:
    """The best and the worst response of each speech; equal scores are settled by id (rows are in
    the order of ids).
    """
    ranked = scored.select("row", "speech", "overall").sort("speech", "overall", "row")
    last = pl.col("speech") != pl.col("speech").shift(-1)
    first = pl.col("speech") != pl.col("speech").shift(1)
    return ranked.filter(first.fill_null(True) | last.fill_null(True))


def ordered_pairs(scored: pl.DataFrame) -> pl.DataFrame:
    """All ordered pairs of one speech with a positive gap, as row numbers."""
    one, two = (
        scored.select("speech", "row", "overall"),
        scored.select("speech", other="row", low="overall"),
    )
    gap = (pl.col("overall") - pl.col("low")).round(9)
    return (
        one.lazy()
        .join(two.lazy(), on="speech")
        .select("row", "other", gap=gap)
        .filter(pl.col("gap") > 0)
        .collect()
    )


def preference_rows(scored: pl.DataFrame, pairs: pl.DataFrame) -> Table[Preference]:
    """Preferences of `ordered_pairs` of the scored responses, in the order of their ids."""
    chosen, rejected = (scored["response_id"].gather(pairs[side]) for side in ("row", "other"))
    made = pl.DataFrame(
        {
            "speech_id": scored["speech_id"].gather(pairs["row"]),
            "chosen_id": chosen,
            "rejected_id": rejected,
            "gap": pairs["gap"],
        }
    )
    key = pl.format(
        "preference-{}-{}", pl.col("chosen_id").str.slice(9), pl.col("rejected_id").str.slice(9)
    )
    whole = made.with_columns(preference_id=key, split=scored["split"].gather(pairs["row"]))
    return Table(
        Preference,
        whole.select("preference_id", "speech_id", "chosen_id", "rejected_id", "gap", "split").sort(
            "preference_id"
        ),
    )


def unrated(responses: pl.DataFrame) -> Table[Failure]:
    """A failure for each of the responses, which lack a rating."""
    key = pl.format("failure-unrated-{}", "response_id")
    rows = responses.select(
        failure_id=key,
        subject_id="response_id",
        reason=pl.lit(Reason("unrated", "pair").text()),
        call_id=pl.lit(""),
    )
    return Table(Failure, rows.sort("failure_id"))
