"""Recorded models: a provider that answers from a ledger file, so that a finished construction
replays for nothing.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from psycopref.errors import ModelError, StoreError
from psycopref.models.entries import ModelEntry
from psycopref.store.calls import Ask, Reply
from psycopref.store.ledger import Ledger


class Recorded:
    """Answers what was recorded. The file is opened read-only for each batch, so a provider may be
    used in any one thread at a time.
    """

    def __init__(self, entry: ModelEntry, path: Path) -> None:
        self._entry = entry
        self._path = path

    def __repr__(self) -> str:
        return f"Recorded({self._entry.name!r}, {self._path})"

    def call_ids(self) -> frozenset[str]:
        """The calls of this model that were recorded. Cached until the file changes."""
        file = self._path.stat()
        return call_ids(self._path, self._entry.name, (file.st_mtime_ns, file.st_size))

    def stop(self) -> None:
        """Nothing to do: a batch under way is short."""

    def answer(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """Every reply that is there; then ModelError where some were not recorded."""
        ledger = Ledger(self._path, read_only=True)
        try:
            found = ledger.get([ask.call_id for ask in asks], sealed=True)
        finally:
            ledger.close()
        yield from found.values()
        missing = [ask.call_id for ask in asks if ask.call_id not in found]
        if missing:
            raise ModelError(
                f"{len(missing)} calls of model {self._entry.name!r} are not in the recording"
                f" {self._path.name}, the first {missing[0]}; a recording answers only the requests"
                " it was made from: use its own corpus, prompts and instrument, or a live model"
            )


@lru_cache(maxsize=256)
def call_ids(path: Path, model: str, state: tuple[int, int]) -> frozenset[str]:
    """The call ids that a ledger file holds for a model; StoreError where it is not a ledger, or
    the last part of it is still in a WAL. `state` is the file's time and size: another file of that
    name is read anew.
    """
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        raise StoreError(
            f"{path}: its last replies are still in {wal.name}; run `psycopref calls` in that"
            " workspace once, then use it as a recording"
        )
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            kind = db.execute("SELECT type FROM sqlite_master WHERE name = 'calls'").fetchall()
            if kind != [("table",)]:
                raise StoreError(
                    f"{path}: not usable as a recording; give a ledger file such as"
                    " work/calls.sqlite"
                )
            return frozenset(
                row[0] for row in db.execute("SELECT call_id FROM calls WHERE model = ?", [model])
            )
        finally:
            db.close()
    except sqlite3.Error as error:  # its text may quote what stands in a damaged file
        raise StoreError(
            f"{path}: not usable as a recording ({type(error).__name__}); give a ledger file such"
            " as work/calls.sqlite"
        ) from None
