"""Texts that mean the same by the cosine of their vectors: exact, block against block, in order and never along a chain."""

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
_ROWS, _COLUMNS = 1024, 16384  # 64 MB of cosines at a time


def same(vectors: Vectors, threshold: float) -> dict[int, int]:
    """Each row (of length 1) whose cosine with a kept row before it is at least `threshold`, with the first such row.

    Every row is compared with every kept row before it: n**2 d multiplications at most, and twice the memory of the vectors.
    """
    near: dict[int, int] = {}
    kept_KD, kept = np.empty_like(vectors), np.zeros(0, np.int64)
    for start in range(0, len(vectors), _ROWS):
        block_RD = vectors[start : start + _ROWS]
        first = _first(block_RD, kept_KD[: len(kept)], threshold)
        near.update((start + row, int(kept[at])) for row, at in enumerate(first) if at >= 0)
        within_RR = block_RD @ block_RD.T >= threshold
        new: list[int] = []
        for row in np.flatnonzero(first < 0).tolist():
            before = next((other for other in new if within_RR[row, other]), None)
            if before is None:
                new.append(row)
            else:
                near[start + row] = start + before
        kept_KD[len(kept) : len(kept) + len(new)] = block_RD[new]
        kept = np.concatenate([kept, start + np.array(new, dtype=np.int64)])
    return near


def _first(block_RD: Vectors, kept_KD: Vectors, threshold: float) -> npt.NDArray[np.int64]:
    """For each row of the block the first kept row that is close enough, or -1."""
    first = np.full(len(block_RD), -1, np.int64)
    for start in range(0, len(kept_KD), _COLUMNS):
        close_RK = block_RD @ kept_KD[start : start + _COLUMNS].T >= threshold
        new = (first < 0) & close_RK.any(axis=1)
        first[new] = start + close_RK[new].argmax(axis=1)
    return first
