"""The ledger: calls.sqlite, every model call that has its final answer, and nothing else."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopref.errors import StoreError
from psycopref.models.chat import Ask, Reply
from psycopref.store.keys import canonical, digest

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
  call_id TEXT PRIMARY KEY, model TEXT NOT NULL, ask TEXT NOT NULL, outcome TEXT NOT NULL, text TEXT NOT NULL,
  tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, seconds REAL NOT NULL, version TEXT NOT NULL,
  stage TEXT NOT NULL, finished_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
_COLUMNS = "call_id, outcome, text, tokens_in, tokens_out, seconds, version"


class Ledger:
    """One SQLite file in WAL mode, synchronous FULL: a committed reply survives a killed process and a power cut."""

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.path = path
        try:
            uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1" if read_only else path.absolute().as_uri()
            self._db = sqlite3.connect(uri, uri=True, timeout=30.0)
            if not read_only:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.executescript(_SCHEMA)
            self._db.execute("SELECT 1 FROM calls LIMIT 1")
        except sqlite3.Error as error:
            raise StoreError(f"{path}: not usable as a ledger of calls ({error}); move it away, or choose another --work folder") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def get(self, call_ids: Sequence[str]) -> dict[str, Reply]:
        """The replies that are there, by call id."""
        found: dict[str, Reply] = {}
        for start in range(0, len(call_ids), 500):
            part = call_ids[start : start + 500]
            marks = ",".join("?" * len(part))
            for row in self._db.execute(f"SELECT {_COLUMNS} FROM calls WHERE call_id IN ({marks})", list(part)):
                found[row[0]] = Reply(*row)
        return found

    def add(self, rows: Iterable[tuple[Ask, Reply]], stage: str) -> int:
        """Keep finished calls in one commit; a call that is there already stays as it is. Gives how many were new."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        values = [(r.call_id, a.model, canonical(a), r.outcome, r.text, r.tokens_in, r.tokens_out, r.seconds, r.version, stage, now) for a, r in rows]
        try:
            with self._db:
                before = self._db.total_changes
                self._db.executemany("INSERT OR IGNORE INTO calls VALUES (?,?,?,?,?,?,?,?,?,?,?)", values)
                return self._db.total_changes - before
        except sqlite3.Error as error:
            raise StoreError(
                f"{self.path}: {len(values)} finished calls could not be kept ({error}); free some space or end the other program, and run again"
            ) from error

    def summary(self) -> list[dict[str, Any]]:
        """Calls, outcomes and tokens by stage and model."""
        query = """SELECT stage, model, outcome, COUNT(*) AS calls, SUM(tokens_in) AS tokens_in, SUM(tokens_out) AS tokens_out
                   FROM calls GROUP BY stage, model, outcome ORDER BY stage, model, outcome"""
        cursor = self._db.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def merge(self, other: Path) -> int:
        """Take in the calls of another ledger file; gives how many were new."""
        Ledger(other, read_only=True).close()
        try:
            self._db.execute("ATTACH DATABASE ? AS other", [str(other)])
            with self._db:
                before = self._db.total_changes
                self._db.execute("INSERT OR IGNORE INTO calls SELECT * FROM other.calls WHERE ask != ''")
                return self._db.total_changes - before
        except sqlite3.Error as error:
            raise StoreError(f"{other}: its calls could not be taken in ({error})") from error
        finally:
            self._db.execute("DETACH DATABASE other")

    def pack(self) -> None:
        """Make it one small recording to ship: no WAL beside it, no dates, no requests (their ids find the answers)."""
        self._db.execute("UPDATE calls SET finished_at = '', ask = ''")
        self._db.commit()
        self._db.execute("PRAGMA journal_mode=DELETE")
        self._db.execute("VACUUM")

    def ids(self) -> frozenset[str]:
        """All call ids."""
        return frozenset(row[0] for row in self._db.execute("SELECT call_id FROM calls"))

    def ask_text(self, call_id: str) -> str | None:
        """The canonical request of a call, or None."""
        row = self._db.execute("SELECT ask FROM calls WHERE call_id = ?", [call_id]).fetchone()
        return str(row[0]) if row else None

    def check(self) -> list[str]:
        """What SQLite's integrity check finds wrong; an empty list where all is well."""
        rows = [row[0] for row in self._db.execute("PRAGMA integrity_check")]
        return [] if rows == ["ok"] else rows

    def wrong_ids(self) -> list[str]:
        """Calls whose id is not the digest of their request."""
        return [row[0] for row in self._db.execute("SELECT call_id, ask FROM calls") if "call-" + digest(json.loads(row[1]))[:24] != row[0]]
