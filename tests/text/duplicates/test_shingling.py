"""Words and their runs: as strings and as hashes the same, in every script."""

import random

import pytest

from psycopref.text.duplicates import shingling
from psycopref.text.duplicates.shingling import hashed, shingles, words

TOKENS = [13458157771271402630, 7554085758888714787, 0, 9634292663835783347, 15253022375146202427]
LETTERS = [
    "a",
    "b",
    "B",
    " ",
    " ",
    " ",
    "é",
    "ß",
    "İ",
    "中",
    "ก",
    "ั",
    "\n",
    "😀",
    "❤️",
    ".",
    "_",
    "５",
    "\u0301",
    "Ａ",
    "क",
    "ि",
    "\ud800",
    "𠀀",
    "ｶ",
    "ﬁ",
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello, WORLD_2 -- it's", ["hello", "world_2", "it", "s"]),
        ("", []),
        ("?! ❤️", []),
        ("我很难过。abc中文", ["我", "很", "难", "过", "abc", "中", "文"]),
        ("ฉัน ok", ["ฉ", "ั", "น", "ok"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("cafe\u0301 ＡＢＣ", ["café", "abc"]),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_the_short_way_to_words_is_the_long_one() -> None:
    latin = "".join(map(chr, range(0x300))) * 2
    assert words(latin) == shingling._word().findall(shingling.plain(latin))


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_hashes_are_those_of_the_strings(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One hash for one string, wherever it stands, and no two strings with one hash, over many
    small parts.
    """
    monkeypatch.setattr(shingling, "LETTERS", 500)
    rng = random.Random(length)
    texts = ["".join(rng.choices(LETTERS, k=rng.randint(0, 40))) for _ in range(4000)]
    found = hashed(texts, length)
    single = [
        hashed(sorted(shingles(text, length)), length) if words(text) else None
        for text in texts[:50]
    ]
    assert sum(one is not None for one in single) > 30
    of: dict[int, str] = {}
    for at, text in enumerate(texts):
        numbers, strings = (
            set(found.tokens[found.offsets[at] : found.offsets[at + 1]].tolist()),
            shingles(text, length),
        )
        assert len(numbers) == len(strings)
        if at < 50 and single[at] is not None:
            assert set(single[at].tokens.tolist()) == numbers  # type: ignore[union-attr]
        if len(strings) == 1:
            string = next(iter(strings))
            assert of.setdefault(numbers.pop(), string) == string
    assert len(of) == len(set(of.values())) > 100


def test_hashes_are_the_same_on_every_machine() -> None:
    assert hashed(["I feel so alone", "", "我很难过"], 3).tokens.tolist() == TOKENS
    assert hashed([], 3).offsets.tolist() == [0]
