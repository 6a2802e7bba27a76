"""Experts on a policy's answers beside an opponent's: the judge's verdict over both orders, win rates by principle, agreement."""

import numpy as np
import pytest
from small_world import small_world

from psycopref.experts.matches import drawn_matches, matched
from psycopref.lab import Lab
from psycopref.stages.validate import Validate
from psycopref.tables import Annotation, Response, Verdict, content_id

W = small_world(size=60)
OURS = [Response(f"our-{n}", row.speech_id, "policy", f"ours {n}") for n, row in enumerate(W.speeches)]
THEIRS = [Response(f"their-{n}", row.speech_id, "opponent", f"theirs {n}") for n, row in enumerate(W.speeches[:50])]


def verdict(first: str, second: str, winner: str) -> Verdict:
    return Verdict(content_id("verdict", first, second), "s", first, second, "overall", "judge", winner)  # type: ignore[arg-type]


def both_orders(answer) -> list[Verdict]:
    """`answer(n)` is 'ours', 'theirs', or 'first' for a judge that follows the position."""
    made = []
    for n in range(50):
        said = answer(n)
        made.append(verdict(f"our-{n}", f"their-{n}", {"ours": "first", "theirs": "second"}.get(said, said)))
        made.append(verdict(f"their-{n}", f"our-{n}", {"ours": "second", "theirs": "first"}.get(said, said)))
    return made


def test_a_verdict_is_over_both_orders_and_missing_where_one_is() -> None:
    said = ["ours", "theirs", "first", "tie"]
    verdicts = both_orders(lambda n: said[n % 4])
    made = {row.chosen: row.judged for row in matched("raw", W.speeches, OURS, THEIRS, verdicts, 2)}
    assert len(made) == 50 and [made[f"ours {n}"] for n in range(4)] == ["chosen", "rejected", "tie", "tie"]
    lost = {row.chosen: row.judged for row in matched("raw", W.speeches, OURS, THEIRS, verdicts[1:], 2)}
    assert lost["ours 0"] == "" and lost["ours 1"] == "rejected"
    alone = [verdict("our-0", "their-0", "second")]
    assert {row.judged for row in matched("raw", W.speeches[:1], OURS, THEIRS, alone, 1)} == {"rejected"}, "a reward model is asked once"


def test_arms_share_their_speeches() -> None:
    rows = [row for arm in ("raw", "constrained") for row in matched(arm, W.speeches, OURS, THEIRS, [], 2)]
    drawn = drawn_matches(rows, 10, 0)
    by_arm = [{row.speech_id for row in drawn if row.arm == arm} for arm in ("raw", "constrained")]
    assert by_arm[0] == by_arm[1] and len(by_arm[0]) == 10


def test_experts_have_a_win_rate_by_principle_and_the_judge_is_held_to_their_choice(lab: Lab) -> None:
    """The judge always prefers ours; experts do on 4 of 5 matches overall and on half of them as to safety."""
    games = matched("raw", W.speeches, OURS, THEIRS, both_orders(lambda n: "ours"), 2)
    notes = [
        Annotation(content_id("annotation", row.match_id, who, item), row.match_id, who, item, "chosen" if n % step else "rejected")
        for n, row in enumerate(games)
        for who in ("ann", "ben")
        for item, step in (("overall", 5), ("safety", 2))
    ]
    stage = Validate(pairs=5, matches=50, annotators=2, items="all", draws=200)
    out = lab.do(stage, W.speeches, W.responses, W.preferences, notes, [], [], games)
    found = {(row.name, row.slice): row for row in out.metrics}
    assert found["expert.winrate", "overall:raw"].value == pytest.approx(0.8) and found["expert.winrate", "overall:raw"].count == 100
    assert found["expert.winrate", "safety:raw:ann"].value == pytest.approx(0.5)
    assert found["judge.expert.agreement", "overall"].value == found["judge.expert.agreement", "overall:raw:ben"].value == pytest.approx(0.8)
    assert found["experts.raw", "overall:raw"].value == 1 and found["expert.answered", "matches:ann"].value == 50
    assert not [name for name, _ in found if name == "expert.agreement"], "a match has no label"
    width = found["expert.winrate", "overall:raw"].high - found["expert.winrate", "overall:raw"].low
    assert width == pytest.approx(3.92 * np.sqrt(0.8 * 0.2 / 50), rel=0.25), "two experts on one speech are not two speeches"


def test_the_sheet_shows_answers_unsigned_on_balanced_sides(lab: Lab) -> None:
    games = matched("raw", W.speeches, OURS, THEIRS, [], 2)
    rows = [row for row in lab.do(Validate(pairs=5, matches=40), W.speeches, W.responses, W.preferences, [], [], [], games).sheet if row.kind == "matches"]
    assert len(rows) == 40 and sum(row.first.startswith("ours") for row in rows) == 20
    assert all((row.shown_first == "chosen") == row.first.startswith("ours") for row in rows)
