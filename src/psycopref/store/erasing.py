"""Calls taken out of a ledger so that its file has none of their words any more."""

import json
import sqlite3
from collections.abc import Callable, Iterable

Told = Callable[[str], bool]  # whether a text has words that are to go


def about(db: sqlite3.Connection, told: Told, call_ids: Iterable[str] = ()) -> set[str]:
    """The calls whose request or reply has such words, and those of `call_ids` that are here."""
    messages = {
        number
        for number, message in db.execute("SELECT number, message FROM messages")
        if told(_content(message))
    }
    prefixes: set[int] = set()
    for number, before, message in db.execute(
        "SELECT number, before, message FROM prefixes ORDER BY number"
    ):
        if message in messages or before in prefixes:
            prefixes.add(number)
    wanted = set(call_ids)
    return {
        call_id
        for call_id, ask, text in db.execute("SELECT call_id, ask, text FROM calls")
        if call_id in wanted or _chat(ask) in prefixes or told(text)
    }


def erase(db: sqlite3.Connection, call_ids: Iterable[str]) -> None:
    """Delete calls and the messages that no other call has, and write the file anew, so that
    neither a free page nor the write-ahead log keeps a word.
    """
    db.execute("PRAGMA secure_delete = ON")
    with db:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("DELETE FROM calls WHERE call_id = ?", [[one] for one in call_ids])
        before = dict(db.execute("SELECT number, before FROM prefixes"))
        used: set[int] = set()
        for (ask,) in db.execute("SELECT ask FROM calls"):
            number = _chat(ask)
            while number and number in before and number not in used:
                used.add(number)
                number = before[number]
        db.executemany(
            "DELETE FROM prefixes WHERE number = ?", [[one] for one in before if one not in used]
        )
        db.execute("DELETE FROM messages WHERE number NOT IN (SELECT message FROM prefixes)")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.execute("VACUUM")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _chat(ask: str) -> int:
    """The number of an ask's chat; 0 where it has none."""
    try:
        number = json.loads(ask).get("messages")
    except (ValueError, AttributeError):
        return 0
    return number if isinstance(number, int) else 0


def _content(message: str) -> str:
    try:
        return str(json.loads(message)["content"])
    except (ValueError, KeyError, TypeError):
        return message
