"""Drop-out: shares lost by group and outcome, with intervals that know of clusters."""

import polars as pl
import pytest

from psycopref.stats.dropout import dropout
from psycopref.stats.intervals import wilson


def rows(clusters: list[str]) -> pl.DataFrame:
    """Twenty rows of two topics; of topic a every second is refused, of topic b one is filtered."""
    lost = [int(at < 10 and at % 2 == 0) for at in range(20)]
    columns = {
        "cluster": clusters,
        "topic": ["a"] * 10 + ["b"] * 9 + [""],
        "asked": [1] * 20,
        "refused": lost,
    }
    return pl.DataFrame({**columns, "filtered": [int(at == 12) for at in range(20)]})


def test_shares_by_group_and_outcome() -> None:
    found = {
        (outcome, where.get("topic", "all")): share
        for outcome, where, share in dropout(
            rows([str(at) for at in range(20)]), ["refused", "filtered"], {"topic": "topic"}
        )
    }
    assert found["", "all"].value == pytest.approx(6 / 20)
    assert found["", "a"].value == 0.5 and found["", "b"].n == 9
    assert found["refused", "a"].value == 0.5 and ("filtered", "a") not in found
    assert ("", "") not in found, "what has no topic is in none"
    assert found["", "a"][1:3] == pytest.approx(wilson(0.5, 10), abs=1e-8)


def test_rows_of_one_cluster_that_fall_together_count_for_less() -> None:
    pairs = [str(at) if at % 2 == 0 else str(at + 1) for at in range(20)]
    together = rows(pairs).with_columns(
        refused=pl.Series([int(at < 10 and (at + 1) // 2 % 2 == 0) for at in range(20)])
    )
    wide, narrow = (
        next(dropout(frame, ["refused"], {})).share
        for frame in (together, together.with_columns(cluster=pl.Series(map(str, range(20)))))
    )
    assert wide.value == narrow.value and (wide.high or 0) - (wide.low or 0) > 1.2 * (
        (narrow.high or 0) - (narrow.low or 0)
    )


def test_nothing_asked_is_nothing_lost() -> None:
    assert list(dropout(rows(["x"] * 20).clear(), [], {"topic": "topic"})) == []
