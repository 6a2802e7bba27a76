"""The ledger keeps finished calls, once."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from psycopref.config.toml_files import DATA
from psycopref.errors import StoreError
from psycopref.store.calls import Ask, Message, Reply
from psycopref.store.ledger import Ledger


def call(text: str) -> tuple[Ask, Reply]:
    ask = Ask("model-a", (Message("user", text),))
    return ask, Reply(ask.call_id, "ok", f"reply to {text}", 3, 4)


def test_kept_once_and_found_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls.sqlite")
    assert ledger.add([call("a"), call("b")], "respond") == 2
    ask, reply = call("a")
    assert ledger.add([(ask, Reply(reply.call_id, "ok", "another text"))], "respond") == 0
    ledger.close()
    again = Ledger(tmp_path / "calls.sqlite")
    assert again.get([reply.call_id, "call-unknown"]) == {reply.call_id: reply}
    assert again.check() == [] and again.wrong_ids() == []
    assert [row["calls"] for row in again.summary()] == [2]


def test_draw_and_attempt_make_another_call() -> None:
    message = (Message("user", "x"),)
    ids = {
        Ask("m", message).call_id,
        Ask("m", message, draw=1).call_id,
        Ask("m", message, attempt=1).call_id,
        Ask("n", message).call_id,
    }
    assert len(ids) == 4
    assert Ask("m", message).call_id == Ask("m", (Message("user", "x"),)).call_id


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "calls.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="move it away"):
        Ledger(tmp_path / "calls.sqlite")


def test_merge_takes_only_new_calls(tmp_path: Path) -> None:
    one, two = Ledger(tmp_path / "one.sqlite"), Ledger(tmp_path / "two.sqlite")
    one.add([call("a")], "respond")
    two.add([call("a"), call("b")], "respond")
    two.close()
    assert one.merge(tmp_path / "two.sqlite") == 1
    assert set(one.ids()) == {call("a")[0].call_id, call("b")[0].call_id}


def edited(path: Path, sql: str) -> None:
    db = sqlite3.connect(path)
    with db:
        db.execute(sql)
    db.close()


@pytest.mark.parametrize(
    "sql",
    [
        "text = 'TAMPERED'",
        "outcome = 'refused'",
        "tokens_out = 0",
        "seconds = 9",
        "version = 'other'",
        "digest = ''",
    ],
)
def test_a_changed_reply_is_found_out(tmp_path: Path, sql: str) -> None:
    ledger = Ledger(tmp_path / "calls.sqlite")
    ledger.add([call("a"), call("b")], "respond")
    assert ledger.changed() == []
    edited(ledger.path, f"UPDATE calls SET {sql} WHERE call_id = '{call('a')[0].call_id}'")
    assert ledger.changed() == [call("a")[0].call_id] and ledger.check() == []
    other = Ledger(tmp_path / "other.sqlite")
    with pytest.raises(StoreError, match="1 replies are not as they were written"):
        other.merge(ledger.path)
    assert other.ids() == frozenset()


def test_an_edited_request_is_found_out(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls.sqlite")
    ledger.add([call("a"), call("b")], "respond")
    edited(
        ledger.path, f"UPDATE calls SET ask = 'no JSON' WHERE call_id = '{call('b')[0].call_id}'"
    )
    assert ledger.wrong_ids() == [call("b")[0].call_id]


def without_digests(path: Path) -> None:
    edited(path, "ALTER TABLE calls DROP COLUMN digest")


def test_a_ledger_from_before_there_were_digests_is_read_merged_and_brought_up(
    tmp_path: Path,
) -> None:
    old, ours = Ledger(tmp_path / "old.sqlite"), Ledger(tmp_path / "ours.sqlite")
    old.add([call("a"), call("b")], "respond")
    old.close()
    without_digests(old.path)
    recording = Ledger(old.path, read_only=True)
    assert (
        recording.get([call("a")[0].call_id]) == {call("a")[0].call_id: call("a")[1]}
        and recording.changed() == []
    )
    recording.close()
    assert ours.merge(old.path) == 2 and ours.changed() == []
    again = Ledger(old.path)
    assert again.changed() == [] and again.add([call("c")], "respond") == 1
    edited(old.path, "UPDATE calls SET text = 'TAMPERED'")
    assert len(again.changed()) == 3


def test_what_cannot_be_read_is_said_without_a_reply_s_text(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls.sqlite")
    ledger.add([call(f"Barnaby {n} " * 50) for n in range(9)], "respond")
    one = call("Barnaby 7 " * 50)[0].call_id
    edited(
        ledger.path,
        f"UPDATE calls SET text = CAST(x'4261726E616279FFFE' AS TEXT) WHERE call_id = '{one}'",
    )
    for work in (lambda: ledger.get([one]), ledger.changed):
        with pytest.raises(StoreError, match="damaged") as error:
            work()
        assert "Barnaby" not in str(error.value) and error.value.__suppress_context__


def test_a_ledger_damaged_inside_says_what_to_do(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls.sqlite")
    ledger.add([call(f"Barnaby {n} " * 50) for n in range(100)], "respond")
    ledger.close()
    raw = bytearray(ledger.path.read_bytes())
    inside = slice(len(raw) // 8, len(raw))
    raw[inside] = bytes(byte ^ 255 for byte in raw[inside])
    ledger.path.write_bytes(raw)
    again = Ledger(ledger.path)
    assert again.check()
    for work in (
        again.summary,
        again.wrong_ids,
        again.changed,
        lambda: again.get([call(f"Barnaby {n} " * 50)[0].call_id for n in range(100)]),
    ):
        with pytest.raises(StoreError, match=r"calls.sqlite: damaged.*move it away"):
            work()


def test_a_busy_ledger_says_so(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls.sqlite")
    ledger._db.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="1 finished calls could not be kept: another program"):
        ledger.add([call("a")], "respond")


def test_a_new_ledger_is_private(tmp_path: Path) -> None:
    Ledger(tmp_path / "calls.sqlite").add([call("a")], "respond")
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.glob("calls.sqlite*"))


def test_the_shipped_recording_is_as_it_was_written_and_small() -> None:
    path = DATA / "recorded" / "sample.sqlite"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
        assert db.execute("SELECT COUNT(*) FROM calls WHERE digest != ''").fetchone() == (2442,)
    assert Ledger(path, read_only=True).changed() == [] and path.stat().st_size < 4e6
