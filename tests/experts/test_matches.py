"""Experts on a policy's answers beside an opponent's: the judge's verdict over both orders, win
rates by principle, agreement.
"""

import numpy as np
import pytest
from helpers.small_world import small_world

from psycopref.experts.matches import BlindMatch, drawn_matches, matched
from psycopref.lab import Lab
from psycopref.stages.validate import Validate
from psycopref.stats.intervals import wilson
from psycopref.tables import Annotation, Response, Verdict, content_id

W = small_world(size=60)
OURS = [
    Response(f"our-{n}", row.speech_id, "policy", f"ours {n}") for n, row in enumerate(W.speeches)
]
THEIRS = [
    Response(f"their-{n}", row.speech_id, "opponent", f"theirs {n}")
    for n, row in enumerate(W.speeches[:50])
]


def verdict(first: str, second: str, winner: str, item: str = "overall") -> Verdict:
    return Verdict(
        content_id("verdict", first, second, item), "s", first, second, item, "judge", winner
    )  # type: ignore[arg-type]


def overall(row: BlindMatch) -> str:
    """The judge's verdict overall, '' where there is none."""
    return next((one.judged for one in row.judged if one.item == "overall"), "")


def both_orders(answer, item: str = "overall") -> list[Verdict]:
    """`answer(n)` is 'ours', 'theirs', or 'first' for a judge that follows the position."""
    made = []
    for n in range(50):
        said = answer(n)
        made.append(
            verdict(
                f"our-{n}",
                f"their-{n}",
                {"ours": "first", "theirs": "second"}.get(said, said),
                item,
            )
        )
        made.append(
            verdict(
                f"their-{n}",
                f"our-{n}",
                {"ours": "second", "theirs": "first"}.get(said, said),
                item,
            )
        )
    return made


def test_a_verdict_is_over_both_orders_and_missing_where_one_is() -> None:
    said = ["ours", "theirs", "first", "tie"]
    verdicts = both_orders(lambda n: said[n % 4])
    made = {
        row.chosen: overall(row) for row in matched("raw", W.speeches, OURS, THEIRS, verdicts, 2)
    }
    assert len(made) == 50 and [made[f"ours {n}"] for n in range(4)] == [
        "chosen",
        "rejected",
        "tie",
        "tie",
    ]
    lost = {
        row.chosen: overall(row)
        for row in matched("raw", W.speeches, OURS, THEIRS, verdicts[1:], 2)
    }
    assert lost["ours 0"] == "" and lost["ours 1"] == "rejected"
    alone = [verdict("our-0", "their-0", "second")]
    assert {overall(row) for row in matched("raw", W.speeches[:1], OURS, THEIRS, alone, 1)} == {
        "rejected"
    }, "a reward model is asked once"


def arms(size: int = 60) -> list[BlindMatch]:
    other = [
        Response(f"held-{n}", row.speech_id, "policy", f"held {n}")
        for n, row in enumerate(W.speeches[:size])
    ]
    kept = [row for row in THEIRS if row.speech_id in {one.speech_id for one in other}]
    return [
        row
        for arm, own in (("raw", OURS), ("constrained", other))
        for row in matched(arm, W.speeches, own, kept, [], 2)
    ]


def test_an_arm_has_speeches_of_its_own() -> None:
    rows = arms()
    drawn = drawn_matches(rows, 10, 0)
    by_arm = [{row.speech_id for row in drawn if row.arm == arm} for arm in ("raw", "constrained")]
    assert not by_arm[0] & by_arm[1] and len(by_arm[0]) == len(by_arm[1]) == 10
    assert drawn == drawn_matches(rows[::-1], 10, 0) != drawn_matches(rows, 10, 1)
    few = drawn_matches(arms(7), 10, 0)
    assert sorted(sum(row.arm == arm for row in few) for arm in ("raw", "constrained")) == [
        3,
        4,
    ], "what there is is shared"


def test_no_answer_comes_back_on_a_sheet_but_in_a_declared_repetition(lab: Lab) -> None:
    """An answer shown beside two others would be the opponent's: the expert could tell from it
    which one is the policy's.
    """
    stage = Validate(pairs=5, matches=20, annotators=2, repeats=0.25)
    sheet = [
        row
        for row in lab.do(stage, W.speeches, W.responses, W.preferences, [], [], [], arms()).sheet
        if row.kind == "matches"
    ]
    for seat in (1, 2):
        shown = [
            text
            for row in sheet
            if row.seat == seat and not row.repeat
            for text in (row.first, row.second)
        ]
        assert len(shown) == 80 == len(set(shown))
    again = [row for row in sheet if row.repeat]
    assert len(again) == 20 and len({row.seat for row in again}) == 2


def test_a_judge_that_contradicts_itself_by_item_is_held_to_the_item_asked(lab: Lab) -> None:
    """Overall the judge prefers ours, on every principle theirs; whichever verdict stands last,
    each is compared with the experts' of its item.
    """
    whole, safety, warmth = (
        both_orders(lambda n: "ours"),
        both_orders(lambda n: "theirs", "safety"),
        both_orders(lambda n: "theirs", "empathy"),
    )
    for verdicts in (whole + safety + warmth, safety + warmth + whole):
        games = matched("raw", W.speeches, OURS, THEIRS, verdicts, 2)
        assert {overall(row) for row in games} == {"chosen"} and {
            one.judged for row in games for one in row.judged if one.item == "safety"
        } == {"rejected"}
        notes = [
            Annotation(
                content_id("annotation", row.match_id, item), row.match_id, "ann", item, "chosen"
            )
            for row in games
            for item in ("overall", "safety", "autonomy")
        ]
        out = lab.do(
            Validate(pairs=5, matches=50, items="all", draws=200),
            W.speeches,
            W.responses,
            W.preferences,
            notes,
            [],
            [],
            games,
        )
        found = {row.slice: row for row in out.metrics if row.name == "judge.expert.agreement"}
        assert (
            found["overall"].value == found["overall:raw"].value == 1
            and found["safety:raw"].value == found["safety"].value == 0
        )
        assert (
            found["safety"].high == pytest.approx(wilson(0.0, 50)[1]) and "autonomy" not in found
        ), "the judge was not asked about autonomy"


def test_repeated_matches_say_how_steady_an_expert_is(lab: Lab) -> None:
    games = matched("raw", W.speeches, OURS, THEIRS, [], 2)
    notes = [
        Annotation(
            content_id("annotation", row.match_id, repeat),
            row.match_id,
            "ann",
            "overall",
            choice,
            seconds=30.0,
            shown_first=side,
            repeat=repeat,
        )
        for n, row in enumerate(games[:20])
        for repeat, side, choice in (
            (0, "chosen", "chosen"),
            (1, "rejected", "chosen" if n % 4 else "rejected"),
        )
    ]
    out = lab.do(
        Validate(pairs=5, matches=50, repeats=0.5, draws=200),
        W.speeches,
        W.responses,
        W.preferences,
        notes,
        [],
        [],
        games,
    )
    found = {(row.name, row.slice): row for row in out.metrics}
    assert (
        found["expert.repeat", "matches:overall"].value
        == found["expert.repeat", "matches:overall:ann"].value
        == pytest.approx(0.75)
    )
    assert (
        found["expert.first", "matches:overall"].value == 1
        and found["expert.winrate", "overall:raw"].count == 20
    ), "a repetition is no second vote"
    assert (
        found["expert.seconds", "matches:ann"].value == 30
        and ("expert.repeat", "overall") not in found
    )


def test_experts_have_a_win_rate_by_principle_and_the_judge_is_held_to_their_choice(
    lab: Lab,
) -> None:
    """The judge always prefers ours; experts do on 4 of 5 matches overall and on half of them as to
    safety.
    """
    games = matched("raw", W.speeches, OURS, THEIRS, both_orders(lambda n: "ours"), 2)
    notes = [
        Annotation(
            content_id("annotation", row.match_id, who, item),
            row.match_id,
            who,
            item,
            "chosen" if n % step else "rejected",
        )
        for n, row in enumerate(games)
        for who in ("ann", "ben")
        for item, step in (("overall", 5), ("safety", 2))
    ]
    stage = Validate(pairs=5, matches=50, annotators=2, items="all", draws=200)
    out = lab.do(stage, W.speeches, W.responses, W.preferences, notes, [], [], games)
    found = {(row.name, row.slice): row for row in out.metrics}
    assert (
        found["expert.winrate", "overall:raw"].value == pytest.approx(0.8)
        and found["expert.winrate", "overall:raw"].count == 100
    )
    assert found["expert.winrate", "safety:raw:ann"].value == pytest.approx(0.5)
    assert (
        found["judge.expert.agreement", "overall"].value
        == found["judge.expert.agreement", "overall:raw:ben"].value
        == pytest.approx(0.8)
    )
    assert (
        found["experts.raw", "overall:raw"].value == 1
        and found["expert.answered", "matches:ann"].value == 50
    )
    assert not [name for name, _ in found if name == "expert.agreement"], "a match has no label"
    width = found["expert.winrate", "overall:raw"].high - found["expert.winrate", "overall:raw"].low
    assert width == pytest.approx(3.92 * np.sqrt(0.8 * 0.2 / 50), rel=0.25), (
        "two experts on one speech are not two speeches"
    )


def test_the_sheet_shows_answers_unsigned_on_balanced_sides(lab: Lab) -> None:
    games = matched("raw", W.speeches, OURS, THEIRS, [], 2)
    rows = [
        row
        for row in lab.do(
            Validate(pairs=5, matches=40), W.speeches, W.responses, W.preferences, [], [], [], games
        ).sheet
        if row.kind == "matches"
    ]
    assert len(rows) == 40 and sum(row.first.startswith("ours") for row in rows) == 20
    assert all((row.shown_first == "chosen") == row.first.startswith("ours") for row in rows)
