"""Bounds on similarity: never below what two texts reach, and tight enough to leave out most
others.
"""

import random

import numpy as np
import pytest

from psycopref.text.duplicates import sketches
from psycopref.text.duplicates.shingling import hashed, jaccard, shingles
from psycopref.text.duplicates.sketches import Sketches


def mixed_texts(seed: int, longest: int) -> list[str]:
    """Texts of all lengths, many of them edits of an earlier one, some with words said again and
    again.
    """
    rng, texts = random.Random(seed), ["", "one", "one two"]
    while len(texts) < 120:
        words = rng.choices(
            [f"w{number}" for number in range(rng.choice((4, 300)))], k=rng.randint(1, longest)
        )
        for _ in range(rng.randint(1, 5)):
            words[rng.randrange(len(words))] = f"e{rng.random()}"
            texts += [" ".join(words)] * rng.choice((1, 1, 1, 2))
    return texts


@pytest.mark.parametrize("longest", [40, 900])
@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 1.0])
def test_no_pair_at_the_threshold_is_left_out(
    longest: int, threshold: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sketches, "_MADE", 17)
    texts = mixed_texts(longest, longest)
    sets, found = [shingles(text, 3) for text in texts], Sketches(hashed(texts, 3))
    all_rows, left, alike = np.arange(len(texts)), 0, 0
    for row in all_rows[::-1].tolist():
        apart = found.apart(row, all_rows[:row])
        assert (apart == found.apart(row, slice(0, row))).all()
        assert all(
            bound <= len(sets[row] ^ sets[other]) for other, bound in enumerate(apart.tolist())
        )
        within = found.within(row, all_rows[:row], apart, threshold)
        sharing = found.sharing(row, within, threshold).tolist()
        want = {other for other in range(row) if jaccard(sets[row], sets[other]) >= threshold}
        assert want <= set(sharing) <= set(within.tolist())
        left, alike = left + len(sharing), alike + len(want)
    assert 0 < alike <= left < alike + 0.01 * len(texts) ** 2


def test_sizes_count_every_shingle_once() -> None:
    texts = ["a b a b a b", "a b c", "", "x"]
    found = Sketches(hashed(texts, 2))
    found.apart(3, slice(0, 3))
    assert found.sizes(np.arange(4)).tolist() == [2, 2, 1, 1]


def test_none_to_compare_with() -> None:
    found, none = Sketches(hashed(["a b c d"], 2)), np.zeros(0, np.int64)
    assert (
        found.sharing(0, found.within(0, none, found.apart(0, slice(0, 0)), 0.5), 0.5).tolist()
        == []
    )
