"""The ledger: calls.sqlite, every model call that has its final answer, and nothing else."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopref.errors import StoreError
from psycopref.store import chats, erasing
from psycopref.store.calls import Ask, Reply, altered, reply_digest, shown
from psycopref.store.chats import Chats
from psycopref.store.keys import digest

# a row goes to the end of the file and only its id into an index: ids are random, and rows of many
# kilobytes should not be sorted by them
_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
  call_id TEXT NOT NULL UNIQUE, model TEXT NOT NULL, ask TEXT NOT NULL, outcome TEXT NOT NULL,
  text TEXT NOT NULL, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL,
  seconds REAL NOT NULL, version TEXT NOT NULL, stage TEXT NOT NULL, finished_at TEXT NOT NULL,
  digest TEXT NOT NULL DEFAULT '', dollars REAL
) STRICT;
"""
_REPLY = "call_id, outcome, text, tokens_in, tokens_out, seconds, version"
_COLUMNS = (
    "call_id, model, ask, outcome, text, tokens_in, tokens_out, seconds, version, stage,"
    " finished_at"
)
_INSERT = (
    f"INSERT OR IGNORE INTO calls ({_COLUMNS}, digest, dollars) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
FOLDED = 1_000  # asks of an old ledger that are folded in one transaction
_TAKEN = 500  # calls of another ledger that are taken in together
_WHY = {
    "SQLITE_FULL": "no room to write; free some space and run again",
    "SQLITE_IOERR": "no room to write, or the disk failed; free some space and run again",
    "SQLITE_BUSY": "another program is writing to it; wait for it or end it, and run again",
    "SQLITE_LOCKED": "another program is writing to it; wait for it or end it, and run again",
    "SQLITE_READONLY": "may not be written; choose another --work folder or change its rights",
    "SQLITE_CANTOPEN": "cannot be opened; choose another --work folder or change its rights",
}
_DAMAGED = "damaged, or not a ledger of calls; move it away, or choose another --work folder"


class Ledger:
    """One SQLite file in WAL mode, synchronous FULL: a committed reply survives a killed process
    and a power cut.

    The messages of asks are kept once (`store.chats`). A ledger from before that is brought into
    this form when it is opened, `folded` asks in one transaction; a read-only one is read as it is.
    """

    def __init__(self, path: Path, read_only: bool = False, folded: int = FOLDED) -> None:
        self.path = path
        if not read_only and not path.exists():
            with suppress(OSError):  # SQLite says what is wrong with the folder
                path.touch(mode=0o600)
        with self._sound():
            uri = (
                f"{path.absolute().as_uri()}?mode=ro&immutable=1"
                if read_only
                else path.absolute().as_uri()
            )
            self._db = sqlite3.connect(uri, uri=True, timeout=30.0)
            if not read_only:
                self._prepare()
            form = self._known(path)
        if form < chats.FORM and not read_only:
            with self._sound("its requests could not be brought into today's form: "):
                chats.fold_all(self._db, folded)

    def _prepare(self) -> None:
        """The pragmas and the tables; a ledger from before there were digests or dollars gets the
        columns.
        """
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA + chats.SCHEMA)
        self._db.create_function("reply_digest", 7, reply_digest, deterministic=True)
        if self._has("digest") and self._has("dollars"):
            return
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if not self._has("digest"):
                self._db.execute("ALTER TABLE calls ADD COLUMN digest TEXT NOT NULL DEFAULT ''")
                self._db.execute(f"UPDATE calls SET digest = reply_digest({_REPLY})")
            if not self._has("dollars"):
                self._db.execute("ALTER TABLE calls ADD COLUMN dollars REAL")

    def _known(self, path: Path, database: str = "main") -> int:
        """The form of a ledger's asks; StoreError for one of a later version, at `path`, or whose
        calls are no table (a view may go on without end).
        """
        kind = f"SELECT type FROM {database}.sqlite_master WHERE name = 'calls'"
        if self._db.execute(kind).fetchall() != [("table",)]:
            raise StoreError(f"{path}: {_DAMAGED}")
        form = int(self._db.execute(f"PRAGMA {database}.user_version").fetchone()[0])
        if form > chats.FORM:
            raise StoreError(f"{path}: written by a newer psycopref; install that one")
        return form

    def _has(self, column: str, database: str = "main") -> bool:
        return column in [
            row[0]
            for row in self._db.execute(
                "SELECT name FROM pragma_table_info('calls', ?)", [database]
            )
        ]

    @contextmanager
    def _sound(self, what: str = "") -> Iterator[None]:
        """StoreError for whatever SQLite cannot do, without its own words: they may quote a
        reply.
        """
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "") or ""
            why = next((said for start, said in _WHY.items() if name.startswith(start)), _DAMAGED)
            raise StoreError(f"{self.path}: {what}{why}{f' ({name})' if name else ''}") from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def get(self, call_ids: Sequence[str], sealed: bool = False) -> dict[str, Reply]:
        """The replies that are there, by call id. `sealed` is for a ledger that somebody else
        keeps: StoreError where a reply is not the one that was written.
        """
        found: dict[str, Reply] = {}
        digest = "digest" if sealed and self._has("digest") else "NULL"
        with self._sound():
            for start in range(0, len(call_ids), 500):
                part = call_ids[start : start + 500]
                marks = ",".join("?" * len(part))
                for row in self._db.execute(
                    f"SELECT {_REPLY}, {digest} FROM calls WHERE call_id IN ({marks})", list(part)
                ):
                    if sealed and altered(*row):
                        raise StoreError(
                            f"{self.path}: the reply of {shown(row[0])} is not as it was written;"
                            " get the recording again"
                        )
                    found[row[0]] = Reply(*row[:-1])
        return found

    def add(
        self,
        rows: Iterable[tuple[Ask, Reply]],
        stage: str,
        dollars: Callable[[Ask, Reply], float | None] = lambda ask, reply: None,
    ) -> int:
        """Keep finished calls in one commit, each with what it cost; a call that is there already
        stays as it is. Gives how many were new.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        pairs = list(rows)
        with self._sound(f"{len(pairs)} finished calls could not be kept: "), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            kept = Chats(self._db)
            values = [
                (
                    reply.call_id,
                    ask.model,
                    ask.written(kept.keep(message.canonical for message in ask.messages)),
                    reply.outcome,
                    reply.text,
                    reply.tokens_in,
                    reply.tokens_out,
                    reply.seconds,
                    reply.version,
                    stage,
                    now,
                    reply.digest,
                    dollars(ask, reply),
                )
                for ask, reply in pairs
            ]
            return self._db.executemany(_INSERT, values).rowcount

    def summary(self) -> list[dict[str, Any]]:
        """Calls, tokens and dollars (None where no price was known) by stage, model and outcome."""
        return self._grouped(stage="stage", model="model", outcome="outcome")

    def by_day(self) -> list[dict[str, Any]]:
        """The same by day (UTC) and model."""
        return self._grouped(day="substr(finished_at, 1, 10)", model="model")

    def spent(self) -> float:
        """Dollars that the calls in here have cost, as far as their prices were known."""
        with self._sound():
            return float(self._db.execute("SELECT TOTAL(dollars) FROM calls").fetchone()[0])

    def cost_of(self, call_ids: Sequence[str]) -> tuple[int, float | None]:
        """How many of some calls are in here, and the dollars they cost (None where no price was
        known).
        """
        calls, dollars = 0, None
        with self._sound():
            for start in range(0, len(call_ids), 500):
                part = list(call_ids[start : start + 500])
                found = self._db.execute(
                    "SELECT COUNT(*), SUM(dollars) FROM calls WHERE call_id IN"
                    f" ({','.join('?' * len(part))})",
                    part,
                ).fetchone()
                calls += int(found[0])
                dollars = dollars if found[1] is None else (dollars or 0.0) + float(found[1])
        return calls, dollars

    def _grouped(self, **columns: str) -> list[dict[str, Any]]:
        chosen = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
        sums = (
            "COUNT(*) AS calls, SUM(tokens_in) AS tokens_in, SUM(tokens_out) AS tokens_out,"
            " SUM(dollars) AS dollars"
        )
        order = ", ".join(columns)
        with self._sound():
            cursor = self._db.execute(
                f"SELECT {chosen}, {sums} FROM calls GROUP BY {order} ORDER BY {order}"
            )
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def merge(self, other: Path) -> int:
        """Take in the calls of another ledger file; gives how many were new."""
        with self._sound(f"the calls of {other} could not be taken in: "):
            self._db.execute("ATTACH DATABASE ? AS other", [str(other)])
            try:
                self._known(other, "other")
                problems = self._changed("other")
                if problems:
                    raise StoreError(
                        f"{other}: {len(problems)} replies are not as they were written, the first"
                        f" {problems[0]}; nothing was taken in"
                    )
                with self._db:
                    self._db.execute("BEGIN IMMEDIATE")
                    return self._take("other")
            finally:
                self._db.execute("DETACH DATABASE other")

    def _take(self, database: str) -> int:
        """Insert the calls of an attached ledger of any form that are not here yet; a packed one
        has no requests and so nothing to take.
        """
        dollars = "dollars" if self._has("dollars", database) else "NULL"
        there = self._db.execute(
            f"SELECT {_COLUMNS}, reply_digest({_REPLY}), {dollars} FROM {database}.calls"
            " WHERE ask != '' AND call_id NOT IN (SELECT call_id FROM main.calls)"
        )
        theirs = Chats(self._db, database)
        ours = Chats(self._db)
        new = 0
        while rows := there.fetchmany(_TAKEN):
            values = [
                (call_id, model, ours.fold(theirs.unfold(ask)), *rest)
                for call_id, model, ask, *rest in rows
            ]
            new += self._db.executemany(_INSERT, values).rowcount
        return new

    def pack(self) -> None:
        """Make it one small recording to ship: no WAL beside it, no dates, no requests (their ids
        find the answers).
        """
        with self._sound():
            self._db.execute("UPDATE calls SET finished_at = '', ask = ''")
            self._db.execute("DELETE FROM prefixes")
            self._db.execute("DELETE FROM messages")
            self._db.commit()
            self._db.execute("PRAGMA journal_mode=DELETE")
            self._db.execute("VACUUM")

    def about(self, told: erasing.Told, call_ids: Iterable[str]) -> set[str]:
        """The calls with certain words in request or reply, and those of `call_ids`."""
        with self._sound():
            return erasing.about(self._db, told, call_ids)

    def forget(self, call_ids: Iterable[str]) -> None:
        """Take calls out for good: their words are then nowhere in the file."""
        with self._sound("nothing was taken out: "):
            erasing.erase(self._db, call_ids)

    def ids(self) -> frozenset[str]:
        """All call ids."""
        with self._sound():
            return frozenset(row[0] for row in self._db.execute("SELECT call_id FROM calls"))

    def ask_text(self, call_id: str) -> str | None:
        """The canonical request of a call, or None."""
        with self._sound():
            row = self._db.execute("SELECT ask FROM calls WHERE call_id = ?", [call_id]).fetchone()
            return Chats(self._db).unfold(row[0]) if row else None

    def check(self) -> list[str]:
        """What SQLite's integrity check finds wrong; an empty list where all is well."""
        with self._sound():
            rows = [row[0] for row in self._db.execute("PRAGMA integrity_check")]
        return [] if rows == ["ok"] else rows

    def wrong_ids(self) -> list[str]:
        """Calls whose id is not the digest of their request, or whose messages are not there."""
        kept = Chats(self._db)
        with self._sound():
            return [
                call_id
                for call_id, ask in self._db.execute("SELECT call_id, ask FROM calls")
                if _id_of(kept.unfold(ask)) != call_id
            ]

    def changed(self) -> list[str]:
        """Calls whose reply is not the one that was written (a recording from before there were
        digests is not known to be changed).
        """
        with self._sound():
            return self._changed("main")

    def _changed(self, database: str) -> list[str]:
        digest = "digest" if self._has("digest", database) else "NULL"
        return [
            shown(row[0])
            for row in self._db.execute(f"SELECT {_REPLY}, {digest} FROM {database}.calls")
            if altered(*row)
        ]


def _id_of(ask: str) -> str:
    try:
        return "call-" + digest(json.loads(ask))[:24]
    except ValueError:
        return ""
