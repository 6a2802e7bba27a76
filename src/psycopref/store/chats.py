"""The messages of the asks in a ledger, each kept once, so that a conversation that is asked about
at every turn takes room for its turns and not for their square.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable

from psycopref.store.keys import encode

FORM = 1  # `PRAGMA user_version` of a ledger all of whose asks are folded

# A chat is a chain of prefixes: the prefix before it (0 for none) and one more message. Both tables
# are numbered, since numbers of one time lie side by side in an index; only digests are spread all
# over theirs.
SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
  number INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, message TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS prefixes (
  number INTEGER PRIMARY KEY, before INTEGER NOT NULL, message INTEGER NOT NULL,
  UNIQUE (before, message)
) STRICT;
"""
# A prefix is younger than the one before it: what is damaged into a circle ends nevertheless.
_CHAIN = """
WITH RECURSIVE chain (number, before, message) AS (
  SELECT number, before, message FROM {0}.prefixes WHERE number = ?
  UNION ALL
  SELECT earlier.number, earlier.before, earlier.message
  FROM chain JOIN {0}.prefixes AS earlier
  ON earlier.number = chain.before AND earlier.number < chain.number
)
SELECT kept.message FROM chain JOIN {0}.messages AS kept ON kept.number = chain.message
ORDER BY chain.number
"""


class Chats:
    """The chats in a ledger's file. One that writes lives as long as its transaction: it remembers
    numbers, which a rollback would take back.
    """

    def __init__(self, db: sqlite3.Connection, database: str = "main") -> None:
        self._db = db
        self._chain = _CHAIN.format(database)
        self._messages: dict[bytes, int] = {}
        self._prefixes: dict[tuple[int, int], int] = {}

    def keep(self, messages: Iterable[str]) -> int:
        """The number of a chat (messages as canonical JSON), kept where it is new; 0 for none."""
        chat = 0
        for message in messages:
            chat = self._prefix(chat, self._message(message))
        return chat

    def _message(self, message: str) -> int:
        digest = hashlib.sha256(message.encode("utf-8", "surrogatepass")).digest()[:16]
        if digest not in self._messages:
            self._messages[digest] = self._number(
                "SELECT number FROM messages WHERE digest = ?",
                (digest,),
                "INSERT INTO messages (digest, message) VALUES (?, ?)",
                (digest, message),
            )
        return self._messages[digest]

    def _prefix(self, before: int, message: int) -> int:
        key = (before, message)
        if key not in self._prefixes:
            self._prefixes[key] = self._number(
                "SELECT number FROM prefixes WHERE before = ? AND message = ?",
                key,
                "INSERT INTO prefixes (before, message) VALUES (?, ?)",
                key,
            )
        return self._prefixes[key]

    def _number(
        self, find: str, key: tuple[object, ...], make: str, row: tuple[object, ...]
    ) -> int:
        found = self._db.execute(find, key).fetchone()
        if found:
            return int(found[0])
        return int(self._db.execute(make, row).lastrowid or 0)

    def fold(self, ask: str) -> str:
        """A canonical ask with a number for its messages; whatever is none stays as it is, so that
        a check still finds it.
        """
        values = _fields(ask)
        messages = values.get("messages")
        if not isinstance(messages, list):
            return ask
        return encode({**values, "messages": self.keep(map(encode, messages))})

    def unfold(self, ask: str) -> str:
        """The canonical ask again; one that was never folded as it is."""
        number = _fields(ask).get("messages")
        if not isinstance(number, int):
            return ask
        messages = ",".join(row[0] for row in self._db.execute(self._chain, [number]))
        # Nowhere else: within a string of canonical JSON these quotes have a backslash before them.
        before, _, after = ask.partition(f'"messages":{number}')
        return f'{before}"messages":[{messages}]{after}'


def _fields(ask: str) -> dict[str, object]:
    """An ask's fields; none where the text is not canonical JSON of an object."""
    try:
        values = json.loads(ask)
        canonical = encode(values)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) and canonical == ask else {}


def fold_all(db: sqlite3.Connection, together: int) -> None:
    """Fold the asks of a ledger from before there were chats, `together` in one transaction.

    A kill leaves some of them folded, which any reader takes, and the next one to open it goes on.
    What is freed is used by the messages of the next transaction or by later calls: the file grows
    by a third where rows are small, and hardly where they are of several pages.
    """
    without_rowid = db.execute("SELECT wr FROM pragma_table_list('calls')").fetchone()[0]
    key = "call_id" if without_rowid else "rowid"
    next_rows = f"SELECT {key}, ask FROM calls WHERE {key} > ? AND ask != '' ORDER BY {key} LIMIT ?"
    last: str | int = "" if without_rowid else -1
    more = True
    while more:
        with db:
            db.execute("BEGIN IMMEDIATE")
            rows = db.execute(next_rows, [last, together]).fetchall()
            chats = Chats(db)
            folded = [(chats.fold(ask), at) for at, ask in rows]
            db.executemany(f"UPDATE calls SET ask = ? WHERE {key} = ?", folded)
            more = len(rows) == together
            if more:
                last = rows[-1][0]
            else:
                db.execute(f"PRAGMA user_version = {FORM}")
