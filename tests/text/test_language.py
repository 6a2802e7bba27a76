"""The screen of language drops what is plainly in another language and keeps English in all its
spellings; texts in languages.toml are made up.
"""

import json
import tomllib
import unicodedata
from pathlib import Path

import pytest
from pydantic import ValidationError

from psycopref.lab import Lab
from psycopref.sources.sample import FOLDER
from psycopref.stages.clean import Clean
from psycopref.tables import Speech
from psycopref.text.language import foreign, languages

SET = tomllib.loads(Path(__file__).with_name("languages.toml").read_text(encoding="utf-8"))
OTHER = [(code, text) for code, texts in SET["other"].items() for text in texts]


def bare(text: str) -> str:
    return "".join(
        letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter)
    )


def test_english_is_kept_with_slang_typos_capitals_and_words_of_other_languages() -> None:
    texts = [*SET["english"], *SET["mixed"]]
    texts += [
        json.loads(line)["text"]
        for line in (FOLDER / "speeches.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(texts) == 25 + 8 + 222
    assert [
        text
        for text in texts
        if foreign(text, "en") or foreign(text.upper(), "en") or foreign(text.lower(), "en")
    ] == []


def test_other_languages_are_found_also_in_capitals_and_without_accents() -> None:
    assert len(OTHER) == 93 and len(SET["other"]) == 28
    assert [
        text
        for _, text in OTHER
        if not all(foreign(form, "en") for form in (text, text.upper(), bare(text), text.lower()))
    ] == []


def test_another_language_can_be_wanted() -> None:
    assert [text for code, text in OTHER if foreign(text, code)] == []
    assert all(foreign(text, "de") == "en" for text in SET["english"] if "Abeg" not in text)


def test_too_little_to_tell_is_kept() -> None:
    for text in (
        "",
        "ok",
        "<NAME> <NAME>",
        "12 34",
        "Hm, ja",
        "Ich bin so traurig and I do not know what to do, meine Mutter said no",
    ):
        assert foreign(text, "en") == ""


def test_the_stage_says_which_language(lab: Lab) -> None:
    rows = [
        Speech(f"s{at}", "test", text)
        for at, text in enumerate([SET["english"][0], SET["other"]["de"][0], SET["other"]["fr"][0]])
    ]
    out = lab.do(Clean(language="en"), rows)
    assert [one.speech_id for one in out.speeches] == ["s0"] and [
        one.reason for one in out.dropped
    ] == ["language de", "language fr"]
    assert len(lab.do(Clean(), rows).speeches) == 3
    assert [one.speech_id for one in lab.do(Clean(language="de"), rows).speeches] == ["s1"]


def test_a_language_that_is_not_known() -> None:
    assert {"en", "de", "es", "zh"} <= set(languages())
    with pytest.raises(ValidationError, match="no language 'english'; give an ISO 639 code"):
        Clean(language="english")
    with pytest.raises(ValidationError, match="know English only"):
        Clean(language="de", request=True)


@pytest.mark.real
def test_counsel_chat_is_english(real_data: Path) -> None:
    from psycopref.sources import counsel_chat
    from psycopref.stages.collect import prepared

    read = counsel_chat.read(real_data / "counsel-chat" / "20200325_counsel_chat.csv", {})
    texts = [
        text for text in (prepared(one.text, False) for one in read) if 100 <= len(text) <= 1000
    ]
    assert len(texts) > 750 and sum(bool(foreign(text, "en")) for text in texts) == 0
