"""Screens give one fixed word; boilerplate, first person and request keep what a client says."""

import json
import time
from pathlib import Path

import pytest

from psycopref.sources.sample import FOLDER
from psycopref.text.screens import boilerplate, first_person, request, screen


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a" * 99, "short"),
        ("a" * 100, ""),
        ("a" * 1000, ""),
        ("a" * 1001, "long"),
        ("1234 " * 30, "wordless"),
        ("<NAME> " * 30, "wordless"),
        ("ich bin müde " * 10, ""),
    ],
)
def test_screen(text: str, reason: str) -> None:
    assert screen(text, 100, 1000) == reason


SPEECH = (
    "I have not slept since my mother died and I do not know whom to tell. My husband says I should"
    " move on."
)


@pytest.mark.parametrize(
    "text",
    [
        "[deleted]",
        "[removed]",
        "deleted by user",
        "N/A",
        "null",
        "Test",
        "test test 123",
        "this is a test",
        "asdf asdf asdf, asdf!",
        "See title.",
        "#REF!",
        "...",
        "This question has been merged with another one. Please see the original thread.",
        (
            "Your post has been removed. I am a bot, and this action was performed automatically."
            " Please contact the moderators of this subreddit."
        ),
        (
            "We use cookies to improve your experience. Accept all cookies. Privacy policy. All"
            " rights reserved."
        ),
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit",
        "404: page not found",
        "Please log in or register to reply.",
        "x" * 150,
        "haha" * 40,
        "asdfgh" * 20 + " sorry",
        "qwe " * 50,
    ],
)
def test_what_nobody_says_is_boilerplate(text: str) -> None:
    assert boilerplate(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        SPEECH,
        SPEECH + " This post was removed once already.",
        SPEECH + "\n\nYour post has been flagged for review.",
        (
            "I feel like a test that nobody passes. My father deleted me from his life and I keep"
            " asking why."
        ),
        "I am not a bot, I am just tired. I can't log in to my own feelings any more.",
        (
            "He found my letters, closed the door and moved out. I want to know whether this"
            " question will ever be closed."
        ),
        "why why why why why why does he do that to me, I cannot bear it any more",
        "hello",
        "aaaaaaah I cannot bear it",
    ],
)
def test_what_somebody_says_is_not(text: str) -> None:
    assert boilerplate(text) == (text == "")


def test_first_person_and_request() -> None:
    assert (
        first_person("im so tired")
        and first_person("He left ME")
        and first_person("we don’t talk")
        and first_person("She calls my son names")
    )
    assert not first_person("How does counseling end? It is a mystery.") and not first_person(
        "Iowa in May, mess and weather."
    )
    for asking in (
        "Is that normal?",
        "any advice welcome",
        "pls help",
        "I don't know what to do",
        "I wonder if it gets better",
        "how do i stop this",
    ):
        assert request(asking)
    assert not request(
        "My companion tells me he has had enough. Then he turns right back around and says he"
        " loves me."
    )


def test_the_sample_keeps_every_speech() -> None:
    texts = [
        json.loads(line)["text"]
        for line in (FOLDER / "speeches.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(texts) == 222 and not any(map(boilerplate, texts)) and all(map(first_person, texts))
    assert sum(not request(text) for text in texts) == 43


@pytest.mark.real
def test_counsel_chat(real_data: Path) -> None:
    from psycopref.sources import counsel_chat
    from psycopref.stages.collect import prepared

    read = counsel_chat.read(real_data / "counsel-chat" / "20200325_counsel_chat.csv", {})
    texts = [
        text for text in (prepared(one.text, False) for one in read) if 100 <= len(text) <= 1000
    ]
    assert not any(map(boilerplate, texts))
    assert (
        sum(not first_person(text) for text in texts),
        sum(not request(text) for text in texts),
    ) == (9, 25)


@pytest.mark.parametrize(
    "unit", ["a", "[deleted] ", "test ", "this post was ", "I want to ", "n/a,", "i w", " "]
)
def test_no_screen_takes_long_over_a_long_text(unit: str) -> None:
    text = (unit * 200_000)[:200_000]
    start = time.process_time()
    boilerplate(text), first_person(text), request(text), screen(text, 1, 1_000_000)
    assert time.process_time() - start < 5
