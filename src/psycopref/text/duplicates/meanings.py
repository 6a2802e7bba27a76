"""Texts that mean the same by the cosine of their vectors: exact, block against block, in order and
never along a chain.
"""

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
_ROWS, _COLUMNS = 1024, 16384  # 64 MB of cosines at a time


class Meanings:
    """The texts kept so far by their vectors (rows of length 1), asked for in order, some rows at a
    time.

    Every row is compared with every kept row before it: n**2 d multiplications at most, and twice
    the memory of the vectors.
    """

    def __init__(self, vectors: Vectors, threshold: float) -> None:
        self._vectors, self._threshold = vectors, threshold
        self._kept_KD, self._kept = np.empty_like(vectors), np.zeros(len(vectors), np.int64)
        self._count, self._start, self._within = 0, -_ROWS, np.zeros((0, 0), bool)
        self._first: list[int] = []
        self._new: list[int] = []

    def first(self, position: int) -> int:
        """The first kept row whose cosine is at least the threshold, or -1."""
        if position >= self._start + _ROWS:
            self._look(position)
        row = position - self._start
        if self._first[row] >= 0:
            return self._first[row]
        return next((other for other in self._new if self._within[row, other - self._start]), -1)

    def keep(self, position: int) -> None:
        """Keep a row, to be met by those that come after it."""
        self._new.append(position)

    def _look(self, position: int) -> None:
        """Compare the next rows with all that are kept, and with each other."""
        stop = self._count + len(self._new)
        self._kept_KD[self._count : stop], self._kept[self._count : stop] = (
            self._vectors[self._new],
            self._new,
        )
        self._count, self._start, self._new = stop, position, []
        block_RD = self._vectors[position : position + _ROWS]
        first = _first(block_RD, self._kept_KD[:stop], self._threshold)
        self._first = np.where(first < 0, -1, self._kept[first]).tolist()
        self._within = block_RD @ block_RD.T >= self._threshold


def _first(block_RD: Vectors, kept_KD: Vectors, threshold: float) -> npt.NDArray[np.int64]:
    """For each row of the block the first kept row that is close enough, or -1."""
    first = np.full(len(block_RD), -1, np.int64)
    for start in range(0, len(kept_KD), _COLUMNS):
        close_RK = block_RD @ kept_KD[start : start + _COLUMNS].T >= threshold
        new = (first < 0) & close_RK.any(axis=1)
        first[new] = start + close_RK[new].argmax(axis=1)
    return first
