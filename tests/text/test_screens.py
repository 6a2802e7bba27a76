"""Screens give one fixed word."""

import pytest

from psycopref.text.screens import screen


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
