"""Asks that wait on disk because their model has enough to do, so that the others' asks behind them
can be read.
"""

import pickle
import tempfile
from pathlib import Path

from psycopref.store.calls import Ask


class SpillFile:
    """One model's asks, first in, first out. The file has no name: nobody else can open it, and it
    is gone with the process.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)
        self._read = 0
        self.bytes = self.asks = 0

    def put(self, ask: Ask) -> None:
        """Put one behind the others."""
        self._file.seek(0, 2)
        pickle.dump(ask, self._file, protocol=pickle.HIGHEST_PROTOCOL)
        self.asks, self.bytes = self.asks + 1, self._file.tell()

    def take(self, count: int) -> list[Ask]:
        """The first ones, at most so many."""
        self._file.seek(self._read)
        asks: list[Ask] = [pickle.load(self._file) for _ in range(min(count, self.asks))]
        self._read, self.asks = self._file.tell(), self.asks - len(asks)
        if not self.asks:
            self._file.truncate(0)
            self._read = self.bytes = 0
        return asks

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
