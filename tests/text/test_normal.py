"""Repair undoes accidents and leaves what was said."""

import pytest

from psycopref.sources import sample
from psycopref.text.normal import folded, repair


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("donâ€™t  stop", "don't stop"),
        ("a &amp;amp; b &lt;3", "a & b <3"),
        ("<p>One.</p><p>Two<br/>three</p>", "One.\nTwo\nthree"),
        ("&lt;p&gt;hidden&lt;/p&gt;", "hidden"),
        ("<script>alert(1)</script>so <!-- no --> yes", "so yes"),
        ("I \u201cmean\u201d it\u00a0\u00a0now\u2019s", 'I "mean" it now\'s'),
        ("one\r\n\r\n\r\n\r\ntwo \n three", "one\n\ntwo\nthree"),
        ("soft\u00adhyphen zero\u200bwidth \ufeffmark \x07bell", "softhyphen zerowidth mark bell"),
        ("I <3 him; 3 < 4 and 5 > 4", "I <3 him; 3 < 4 and 5 > 4"),
        ("call <NAME> at <PHONE>", "call <NAME> at <PHONE>"),
        ("", ""),
        (" \n\t ", ""),
    ],
)
def test_repair(before: str, after: str) -> None:
    assert repair(before) == after
    assert repair(after) == after


def test_family_emoji_and_accents_stay() -> None:
    text = "my family \U0001f468\u200d\U0001f469\u200d\U0001f467 at the café"
    assert repair(text) == text


def test_the_sample_needs_no_repair() -> None:
    assert all(repair(found.text) == found.text for found in sample.read(None, {}))


def test_folded_keeps_words_only() -> None:
    assert (
        folded("I'm  TIRED, so tired!") == folded("i'm tired -- so tired") == "i m tired so tired"
    )
    assert folded("...!") == ""


def test_slips_of_pasting_go_and_what_was_said_stays() -> None:
    from psycopref.text.normal import repair

    said = "I keep telling her that I am sorry and she does not hear me."
    assert repair(f"{said}\nI cannot sleep.\n{said}") == f"{said}\nI cannot sleep."
    assert repair(said + said) == repair(f"{said}\n\n{said}") == said
    assert repair("No.\nNo.\nNo.") == "No.\nNo.\nNo."
    for line in (
        "Sent from my iPhone",
        "Sent from my Samsung Galaxy S9.",
        "Get Outlook for iOS",
        "Von meinem iPhone gesendet",
        "Enviado desde mi iPhone",
    ):
        assert repair(f"{said}\n\n{line}") == said
    assert repair("He wrote: sent from my heart") == "He wrote: sent from my heart"
    assert (
        repair(f"{said}\nSent from my heart, to my phone")
        == f"{said}\nSent from my heart, to my phone"
    )


def test_a_text_pasted_many_times_is_repaired_in_one_go() -> None:
    said = "I have not slept since my mother died, and nobody asks me how I am."
    for between in ("", " ", "\n"):
        text = between.join([said] * 1024)
        assert repair(text) == said == repair(repair(text))
    escaped = "a & b"
    for _ in range(12):
        escaped = escaped.replace("&", "&amp;")
    assert repair(escaped) == "a & b"
