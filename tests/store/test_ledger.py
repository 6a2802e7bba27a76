"""The ledger keeps finished calls, once."""

from pathlib import Path

import pytest

from psycopref.errors import StoreError
from psycopref.models.chat import Ask, Message, Reply
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
    ids = {Ask("m", message).call_id, Ask("m", message, draw=1).call_id, Ask("m", message, attempt=1).call_id, Ask("n", message).call_id}
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
