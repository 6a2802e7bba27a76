"""Rows: ids are content, and a figure without interval and count cannot be built unless its name
says that it needs none.
"""

import math

import pytest

from psycopref.tables import Figure, Metric, estimate, kind_of, metric


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
    if "low" in more or "high" in more:
        with pytest.raises(ValueError, match="give its whole interval"):
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


ARM = "{arm=raw|constrained}"
PLACES = ("{part=overall|compliant}:" + ARM, "item:{item}:" + ARM, "topic:{topic}:" + ARM)
MATCH = "{match=winrate|winrate.*|null.*}"
WINS = Figure(MATCH + ".wins", "count", PLACES, "prompts won")
RATE = Figure(MATCH, "estimate", PLACES, "share of prompts won", (WINS,))
AGREEMENT = Figure(
    "expert.agreement", "estimate", ("{item}", "{item}:{who}", "{item}:topic:{topic}"), "share"
)


def test_a_figure_writes_its_name_and_slice_and_reads_them_back() -> None:
    made = [
        *RATE.rows((0.5, 0.4, 0.6, 8), match="winrate.start", part="overall", arm="raw"),
        *RATE.rows((0.5, 0.4, 0.6, 3), match="winrate", topic="grief: loss", arm="constrained"),
        *WINS.rows(3, 8, match="null.echo", item="empathy", arm="raw"),
        *AGREEMENT.rows((0.5, 0.4, 0.6, 8), item="overall", who=""),
    ]
    assert [(row.name, row.slice, row.count) for row in made] == [
        ("winrate.start", "overall:raw", 8),
        ("winrate", "topic:grief: loss:constrained", 3),
        ("null.echo.wins", "item:empathy:raw", 8),
        ("expert.agreement", "overall", 8),
    ]
    assert [fields for fields, _ in RATE.read(made)] == [
        {"match": "winrate.start", "part": "overall", "arm": "raw"},
        {"match": "winrate", "topic": "grief: loss", "arm": "constrained"},
    ]
    assert [row for _, row in RATE.read(made, match="winrate", part="")] == [made[1]]
    assert [row for _, row in WINS.read(made)] == [made[2]]


def test_of_two_slices_that_fit_the_one_that_says_more_is_meant() -> None:
    assert AGREEMENT.fields("overall") == {"item": "overall"}
    assert AGREEMENT.fields("overall:e1") == {"item": "overall", "who": "e1"}
    assert AGREEMENT.fields("overall:topic:a:b") == {"item": "overall", "topic": "a:b"}
    assert RATE.fields("elsewhere") is None
    assert RATE.named("winrate.wins") is None and RATE.named("winrate.without_interval") is None


def test_a_figure_is_refused_where_it_was_not_declared() -> None:
    with pytest.raises(ValueError, match=r"no slice with the fields \{'topic': 'grief'\}"):
        RATE.rows((0.5, 0.4, 0.6, 8), match="winrate", topic="grief")
    with pytest.raises(ValueError, match="no slice"):
        RATE.rows((0.5, 0.4, 0.6, 8), match="winrate", part="elsewhere", arm="raw")
    with pytest.raises(ValueError, match="no name with the fields"):
        WINS.rows(3, match="losses", part="overall", arm="raw")


def test_the_kind_of_a_figure_is_its_declarations() -> None:
    rounds = Figure("training.rounds", "count", ("all",), "rounds that were made")
    assert rounds.rows(3)[0].count == 3
    with pytest.raises(ValueError, match="a count has no interval"):
        rounds.rows((3.0, 2.0, 4.0, 9))
    with pytest.raises(ValueError, match="an estimate is given with its interval"):
        RATE.rows(0.5, match="winrate", part="overall", arm="raw")
    claim = Figure("claim", "p", ("all",), "a test")
    with pytest.raises(ValueError, match="p-value needs the count"):
        claim.rows(0.2)
    assert RATE.rows((0.5, None, None, 4), match="winrate", part="overall", arm="raw") == [
        metric("winrate.without_interval", "overall:raw", 4, count=4)
    ]
