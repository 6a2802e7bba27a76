"""Clean keeps 100 to 1,000 characters and gives a reason for the rest."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from psycopref.lab import Lab
from psycopref.stages.clean import Clean
from psycopref.tables import Speech


def speech(key: str, text: str) -> Speech:
    return Speech(key, "test", text)


def test_each_speech_stands_in_one_table(lab: Lab) -> None:
    words = "I have not slept well since we moved, and nobody at home wants to hear it. " * 20
    texts = {
        "a": words[:99],
        "b": words[:100],
        "c": "1 2 3 4 5 6 7 8 9 10 " * 6,
        "d": words[:1000],
        "e": words[:1001],
        "f": "[deleted]",
        "g": "x" * 200,
    }
    speeches = [speech(key, text) for key, text in texts.items()]
    out = lab.do(Clean(), speeches)
    assert [one.speech_id for one in out.speeches] == ["b", "d"]
    assert [(one.speech_id, one.reason, one.near) for one in out.dropped] == [
        ("a", "short", ""),
        ("c", "wordless", ""),
        ("e", "long", ""),
        ("f", "boilerplate", ""),
        ("g", "boilerplate", ""),
    ]


def test_bounds_are_settings_in_order(lab: Lab) -> None:
    assert len(lab.do(Clean(low=1, high=5), [speech("a", "hello")]).speeches) == 1
    assert len(lab.do(Clean(), []).speeches) == 0
    with pytest.raises(ValidationError, match="above"):
        Clean(low=10, high=5)


@pytest.mark.real
def test_counsel_chat(lab: Lab, real_data: Path) -> None:
    from psycopref.sources import counsel_chat
    from psycopref.stages.collect import prepared

    texts = {
        prepared(one.text, True)
        for one in counsel_chat.read(real_data / "counsel-chat" / "20200325_counsel_chat.csv", {})
    }
    out = lab.do(Clean(), [speech(f"s{at}", text) for at, text in enumerate(sorted(texts))])
    assert (len(out.speeches), len(out.dropped)) == (759, 65)
