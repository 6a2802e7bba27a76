"""Near duplicates: exact similarity decides, the first kept wins, never along a chain."""

import random

import pytest

from psycopref.text.near import bands, jaccard, repeats, shingles

WORDS = [f"w{number}" for number in range(400)]


def text(words: list[str]) -> str:
    return " ".join(words)


def varied(words: list[str], changes: int, seed: int) -> list[str]:
    rng, out = random.Random(seed), list(words)
    for at in rng.sample(range(len(out)), changes):
        out[at] = f"x{seed}-{at}"
    return out


def test_agrees_with_comparing_everything() -> None:
    rng = random.Random(1)
    texts = []
    for number in range(60):
        base = [rng.choice(WORDS) for _ in range(80)]
        texts += [text(base)] + [text(varied(base, changes, number * 10 + changes)) for changes in (1, 2, 4, 8)]
    rng.shuffle(texts)
    own = [shingles(one, 3) for one in texts]
    want: list[int] = []
    for at in range(len(texts)):
        want.append(next((kept for kept in range(at) if want[kept] < 0 and jaccard(own[at], own[kept]) >= 0.8), -1))
    assert repeats(texts, 0.8) == want
    assert sum(kept >= 0 for kept in want) > 30


def test_never_along_a_chain() -> None:
    base = WORDS[:40]
    second = base[:36] + ["a", "b", "c", "d"]
    third = second[4:] + ["e", "f", "g", "h"]
    first_two = jaccard(shingles(text(base), 1), shingles(text(second), 1))
    last_two = jaccard(shingles(text(second), 1), shingles(text(third), 1))
    ends = jaccard(shingles(text(base), 1), shingles(text(third), 1))
    assert min(first_two, last_two) > 0.8 > ends
    assert repeats([text(base), text(second), text(third)], 0.8, words=1) == [-1, 0, -1]


def test_short_and_empty_texts() -> None:
    assert repeats(["hi there", "Hi, there!", "", "", "hi"], 0.8) == [-1, 0, -1, 2, -1]
    assert repeats([], 0.8) == []


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8, 0.95, 1.0])
def test_bands_miss_few(threshold: float) -> None:
    count = bands(threshold, 128)
    assert 128 % count == 0
    assert (1 - threshold ** (128 / count)) ** count <= 1e-3 or count == 128
