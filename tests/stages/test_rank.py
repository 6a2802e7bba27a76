"""A judge as a ranker: both orders of every pair, what fails is said, and strangers are refused."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from helpers.loopback import Behaviour, Loopback
from helpers.small_world import small_world

from psycopref.errors import TableError
from psycopref.lab import Lab
from psycopref.models.entries import ModelEntry
from psycopref.stages.rank import Rank, Ranked

W = small_world(10)
PAIRS = W.preferences[:6]
SHOWN = re.compile(r'<response id="\d">\n(.*?)\n</response>', re.DOTALL)
TEXTS = {row.response_id: row.text for row in W.responses}


def ranked(lab: Lab, says: Callable[[str, str], str]) -> tuple[Ranked, int]:
    """The stage over a judge that says who wins of the two texts it is shown, and how many answers
    the server sent.
    """

    def answer(body: Mapping[str, Any]) -> str:
        first, second = SHOWN.findall(body["messages"][-1]["content"])
        return json.dumps({"rationale": "so", "winner": says(first, second)})

    with Loopback({"judge": Behaviour()}) as server:
        server.extra = answer
        stage = Rank(judge=ModelEntry(name="judge", kind="openai", url=server.url))
        out = lab.do(stage, W.speeches, W.responses, PAIRS)
        return out, sum(server.book.answers.values())


def test_each_pair_is_asked_about_in_both_orders_and_the_winner_is_a_side(lab: Lab) -> None:
    out, calls = ranked(lab, lambda first, second: "1" if first < second else "2")
    assert calls == len(out.verdicts) == 2 * len(PAIRS) and not len(out.failures)
    sides = [(row.first_id, row.second_id) for row in out.verdicts]
    pairs = [(row.chosen_id, row.rejected_id) for row in PAIRS]
    assert sorted(sides) == sorted([*pairs, *(pair[::-1] for pair in pairs)])
    for row in out.verdicts:
        smaller = TEXTS[row.first_id] < TEXTS[row.second_id]
        assert row.winner == ("first" if smaller else "second") and row.judge == "judge"


def test_an_answer_without_a_winner_is_asked_again_and_then_a_failure(lab: Lab) -> None:
    lost = {TEXTS[PAIRS[0].chosen_id], TEXTS[PAIRS[0].rejected_id]}
    out, calls = ranked(lab, lambda *shown: "neither" if set(shown) == lost else "tie")
    assert len(out.failures) == 2 and calls == 2 * len(PAIRS) + 2
    assert {row.winner for row in out.verdicts} == {"tie"}
    assert len(out.verdicts) == 2 * len(PAIRS) - 2


@pytest.mark.parametrize("missing", ["speeches", "responses"])
def test_pairs_of_other_tables_are_refused_before_anything_is_asked(lab: Lab, missing: str) -> None:
    tables = {"speeches": W.speeches, "responses": W.responses}
    stage = Rank(judge=ModelEntry(name="judge", kind="openai", url="http://localhost:1"))
    with pytest.raises(TableError, match="give the tables that they were made of"):
        lab.do(stage, **{**tables, missing: []}, preferences=PAIRS)
    assert lab.calls_made == 0
