"""A recording that somebody else kept is believed row by row, and refused where it was altered."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from psycopref.errors import StoreError
from psycopref.lab import Lab
from psycopref.models.entries import ModelEntry
from psycopref.store.calls import Ask, Message, Reply
from psycopref.store.ledger import Ledger

SECRET = "Barnaby told me everything"
ASKS = [Ask("m", (Message("user", f"speech {n}"),)) for n in range(3)]


def recording(folder: Path) -> Path:
    path = folder / "recording.sqlite"
    with closing(Ledger(path)) as ledger:
        ledger.add([(ask, Reply(ask.call_id, "ok", f"hello {SECRET}")) for ask in ASKS], "s")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
    return path


def edited(path: Path, *lines: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        for line in lines:
            db.execute(line)
        db.commit()


def loose(*values: str) -> tuple[str, ...]:
    """The table without its types, so that anything may stand in a column."""
    columns = "call_id, model, ask, outcome, text, tokens_in, tokens_out, seconds, version, stage"
    columns += ", finished_at, digest, dollars"
    return (
        "ALTER TABLE calls RENAME TO old",
        f"CREATE TABLE calls ({columns})",
        f"INSERT INTO calls SELECT {columns} FROM old",
        "DROP TABLE old",
        *values,
    )


ALTERED = {
    "another text": ("UPDATE calls SET text = 'forged' WHERE rowid = 2",),
    "another outcome": ("UPDATE calls SET outcome = 'refused' WHERE rowid = 2",),
    "an outcome that there is not": ("UPDATE calls SET outcome = 'great'",),
    "a word for a number": loose(f"UPDATE calls SET tokens_in = '{SECRET}'"),
    "bytes for a number": loose("UPDATE calls SET tokens_in = x'00ff'"),
    "bytes for a text": loose("UPDATE calls SET text = x'00ff'"),
    "without digests": (
        "ALTER TABLE calls DROP COLUMN digest",
        "UPDATE calls SET outcome = 'great'",
    ),
}
ENDLESS = (
    "DROP TABLE calls",
    "CREATE VIEW calls AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
    " SELECT 'call-' || x AS call_id, 'm' AS model, '' AS ask, 'ok' AS outcome, '' AS text,"
    " 0 AS tokens_in, 0 AS tokens_out, 0.0 AS seconds, '' AS version, '' AS digest FROM n",
)


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_recording_is_refused(name: str, tmp_path: Path, lab: Lab) -> None:
    path = recording(tmp_path)
    edited(path, *ALTERED[name])
    entry = ModelEntry(name="m", kind="recorded", ledger=str(path))
    for use in (lambda: list(lab.ask(ASKS, [entry])), lambda: lab.ledger.merge(path)):
        with pytest.raises(Exception, match=r"not as (it was|they were) written") as caught:
            use()
        assert SECRET not in str(caught.value)


def test_an_endless_view_is_no_ledger(tmp_path: Path, lab: Lab) -> None:
    path = recording(tmp_path)
    edited(path, *ENDLESS)
    entry = ModelEntry(name="m", kind="recorded", ledger=str(path))
    with pytest.raises(StoreError, match="recording"):
        from psycopref.models.connect import can_answer

        can_answer(entry, ASKS[0])
    for use in (lambda: Ledger(path, read_only=True), lambda: lab.ledger.merge(path)):
        with pytest.raises(StoreError, match="not a ledger of calls"):
            use()


def test_an_untouched_one_is_taken(tmp_path: Path, lab: Lab) -> None:
    path = recording(tmp_path)
    entry = ModelEntry(name="m", kind="recorded", ledger=str(path))
    assert len(list(lab.ask(ASKS, [entry]))) == 3
