"""Null opponents: what they say, to whom, and the same again."""

import pytest
from helpers.small_world import small_world

from psycopref.lab import Lab
from psycopref.stages.nulls import NULLS, Nulls

W = small_world(20)
TEST = [row for row in W.speeches if row.split == "test"]
THEIRS = [row for row in W.responses if row.model == "hazel"]


def by_kind(lab: Lab, stage: Nulls) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {kind: {} for kind in NULLS}
    for row in lab.do(stage, TEST, W.responses, THEIRS).responses:
        found[row.model.removeprefix("null:")][row.speech_id] = row.text
    return found


def test_each_kind_answers_every_speech_once_as_it_says(lab: Lab) -> None:
    found, own = by_kind(lab, Nulls()), {row.speech_id: row.text for row in THEIRS}
    lengths = {
        one.speech_id: [
            len(row.text.split()) for row in W.responses if row.speech_id == one.speech_id
        ]
        for one in TEST
    }
    for one in TEST:
        key = one.speech_id
        assert found["constant"][key] == Nulls().constant and found["echo"][key] == one.text
        assert found["other"][key] in own.values() and found["other"][key] != own[key], (
            "another client's answer, never its own"
        )
        assert len(found["longest"][key].split()) == max(lengths[key]) and len(
            found["shortest"][key].split()
        ) == min(lengths[key])
    assert sorted(found["other"].values()) == sorted(own[one.speech_id] for one in TEST), (
        "every answer is used once"
    )


def test_a_larger_sample_holds_a_smaller_one(lab: Lab) -> None:
    few, more = by_kind(lab, Nulls(speeches=3))["echo"], by_kind(lab, Nulls(speeches=6))["echo"]
    assert len(few) == 3 and few.keys() < more.keys()
    assert not len(lab.do(Nulls(speeches=0), TEST, W.responses, THEIRS).responses)


def test_without_answers_of_others_there_is_nothing_to_borrow(lab: Lab) -> None:
    made = lab.do(Nulls(), TEST[:1], [], THEIRS).responses
    assert {row.model for row in made} == {"null:constant", "null:echo"}


def test_a_kind_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="each once"):
        Nulls(kinds=("echo", "echo"))
