"""Rows: ids are content, and a figure without interval and count cannot be built unless its name
says that it needs none.
"""

import math

import pytest

from psycopref.tables import Metric, estimate, kind_of, metric


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"count": 5},
        {"low": 0.1, "count": 5},
        {"high": 0.9, "count": 5},
        {"low": 0.1, "high": 0.9},
    ],
)
def test_a_bare_estimate_is_refused(more: dict[str, float]) -> None:
    with pytest.raises(
        ValueError, match=r"'winrate' of 'overall:raw': an estimate needs low, high and a count"
    ):
        metric("winrate", "overall:raw", 0.5, **more)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="KINDS"):
        Metric("metric-1", "winrate", "overall:raw", 0.5, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("winrate.wins", "count"),
        ("pairs", "count"),
        ("rate.lost.without_interval", "count"),
        ("guard.length", "count"),
        ("speeches.read", "count"),
        ("seconds", "duration"),
        ("calls.dollars", "money"),
        ("winrate.holm_p", "p"),
        ("winrate.start", "estimate"),
        ("rate.lost.refused", "estimate"),
        ("wins.share", "estimate"),
        ("pairs.longer_chosen", "estimate"),
    ],
)
def test_the_last_word_of_a_name_says_what_it_is(name: str, kind: str) -> None:
    assert kind_of(name) == kind
    if kind in ("count", "duration", "money"):
        assert metric(name, "all", 3).value == 3


def test_a_p_value_needs_what_it_rests_on() -> None:
    assert metric("winrate.interaction_p", "topics:raw", 0.2, count=40).count == 40
    with pytest.raises(ValueError, match="p-value"):
        metric("winrate.interaction_p", "topics:raw", 0.2)


def test_a_figure_without_interval_is_a_count_of_what_it_rests_on() -> None:
    assert estimate("policy.words", "round:0", (12.0, 10.0, 14.0, 9)) == [
        metric("policy.words", "round:0", 12.0, 10.0, 14.0, 9)
    ]
    assert estimate("policy.words", "round:0", (12.0, None, None, 9)) == [
        metric("policy.words.without_interval", "round:0", 9, count=9)
    ]
    assert estimate("policy.words", "round:0", (math.nan, None, None, 0)) == []
