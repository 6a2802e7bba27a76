"""The same meaning: exact cosines, in order, never along a chain."""

import numpy as np
import pytest

from psycopref.text.duplicates import meanings
from psycopref.text.duplicates.meanings import Meanings


def unit(rows: np.ndarray) -> np.ndarray:
    out: np.ndarray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return out


def same(vectors: np.ndarray, threshold: float) -> dict[int, int]:
    kept, near = Meanings(vectors, threshold), {}
    for at in range(len(vectors)):
        first = kept.first(at)
        if first < 0:
            kept.keep(at)
        else:
            near[at] = first
    return near


@pytest.mark.parametrize("rows", [3, 16, 1024])
def test_agrees_with_comparing_everything(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meanings, "_ROWS", rows)
    monkeypatch.setattr(meanings, "_COLUMNS", rows)
    rng = np.random.default_rng(0)
    base = rng.normal(size=(40, 12))
    vectors = unit(base[rng.integers(0, 40, 300)] + 0.18 * rng.normal(size=(300, 12)))
    want: dict[int, int] = {}
    for at in range(300):
        first = next(
            (
                other
                for other in range(at)
                if other not in want and vectors[at] @ vectors[other] >= 0.95
            ),
            None,
        )
        if first is not None:
            want[at] = first
    assert same(vectors, 0.95) == want and 50 < len(want) < 290


def test_never_along_a_chain() -> None:
    angles = np.array([0.0, 0.3, 0.6])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert same(vectors, 0.95) == {1: 0}
    assert same(np.zeros((0, 2), np.float32), 0.95) == {}
