"""Dedup keeps the first of near duplicates, and a held-out test speech before any other."""

from psycopref.lab import Lab
from psycopref.stages.dedup import Dedup
from psycopref.tables import Speech, Split

LONG = " ".join(f"word{number}" for number in range(60))


def speech(key: str, text: str, split: Split = "") -> Speech:
    return Speech(key, "test", text, split=split)


def test_first_kept_wins_and_is_named(lab: Lab) -> None:
    out = lab.do(Dedup(), [speech("a", LONG), speech("b", "something else entirely here"), speech("c", LONG.upper() + "!"), speech("d", LONG + " more")])
    assert [one.speech_id for one in out.speeches] == ["a", "b"]
    assert [(one.speech_id, one.reason, one.near) for one in out.dropped] == [("c", "near duplicate", "a"), ("d", "near duplicate", "a")]


def test_a_test_speech_stays_and_the_order_too(lab: Lab) -> None:
    out = lab.do(Dedup(), [speech("a", LONG, "train"), speech("b", "something else entirely here", "train"), speech("c", LONG + " more", "test")])
    assert [one.speech_id for one in out.speeches] == ["b", "c"]
    assert [(one.speech_id, one.near) for one in out.dropped] == [("a", "c")]


def test_the_threshold_is_a_setting(lab: Lab) -> None:
    half = " ".join(f"word{number}" for number in range(30)) + " " + " ".join(f"other{number}" for number in range(5))
    assert len(lab.do(Dedup(), [speech("a", LONG), speech("b", half)]).dropped) == 0
    assert len(lab.do(Dedup(threshold=0.3), [speech("a", LONG), speech("b", half)]).dropped) == 1
    assert len(lab.do(Dedup(), []).speeches) == 0
