"""A ledger keeps each message once, gives every request back to the letter, and brings what older
code wrote into this form.
"""

import json
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from psycopref.errors import ModelError, StoreError
from psycopref.store.calls import Ask, Message, Reply
from psycopref.store.ledger import Ledger

OLD = Path(__file__).parents[1] / "data" / "ledgers" / "25adbae.sqlite"
Kept = dict[str, tuple[object, ...]]


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


def written(path: Path) -> Kept:
    """By call id what the old code wrote: the whole request and every other column."""
    names = "call_id, ask, model, outcome, text, tokens_in, tokens_out, seconds, version, stage"
    return {str(row[0]): row[1:] for row in rows(path, f"SELECT {names}, dollars FROM calls")}


def edited(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(sql)


def holds(ledger: Ledger, kept: Kept) -> bool:
    """Whether a ledger has exactly these calls, their requests to the letter."""
    replies = ledger.get(list(kept))
    return (
        ledger.ids() == kept.keys() == replies.keys()
        and all(ledger.ask_text(call_id) == row[0] for call_id, row in kept.items())
        and all(replies[call_id].text == row[3] for call_id, row in kept.items())
        and ledger.check() == ledger.wrong_ids() == ledger.changed() == []
    )


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the ledger that commit 25adbae wrote."""
    return Path(shutil.copy(OLD, tmp_path / "calls.sqlite"))


def conversation(turns: int, model: str = "counselor") -> list[tuple[Ask, Reply]]:
    """A call at every turn of the counselor's, each with all turns before it."""
    said = [Message("system", "Be kind. " * 20)]
    calls = []
    for turn in range(turns):
        said.append(Message("user" if turn % 2 == 0 else "assistant", f"turn {turn} " * 60))
        ask = Ask(model, tuple(said), 0.7, 400)
        calls.append((ask, Reply(ask.call_id, "ok", f"reply {turn}")))
    return calls


def test_the_old_ledger_is_one_of_whole_requests() -> None:
    kept = written(OLD)
    tables = rows(OLD, "SELECT name FROM sqlite_master WHERE type = 'table'")
    assert tables == [("calls",)] and len(kept) == 22
    assert all(json.loads(str(row[0]))["messages"] for row in kept.values())


def test_an_old_ledger_is_brought_into_the_new_form_whole(old: Path) -> None:
    kept = written(old)
    size = old.stat().st_size
    with closing(Ledger(old)) as ledger:
        assert holds(ledger, kept)
        assert ledger.spent() == 12 * 0.25
    assert not any("Client, turn" in str(row[0]) for row in rows(old, "SELECT ask FROM calls"))
    assert rows(old, "SELECT COUNT(*) FROM messages WHERE message LIKE '%Client, turn 0%'") == [
        (1,)
    ]
    unlike = {call_id: row[1:] for call_id, row in written(old).items()}
    assert unlike == {call_id: row[1:] for call_id, row in kept.items()}
    assert old.stat().st_size <= size + 6 * 4096, "some pages for new tables and indexes"
    with closing(Ledger(old)) as again:
        assert holds(again, kept), "opened once more"
        assert again.add(conversation(3), "converse") == 3


def test_an_old_ledger_is_read_as_it_is_where_it_may_not_be_written(old: Path) -> None:
    before = old.read_bytes()
    with closing(Ledger(old, read_only=True)) as ledger:
        assert holds(ledger, written(OLD))
    assert old.read_bytes() == before


KILLED = """
import os, sys
from pathlib import Path
from psycopref.store import chats
from psycopref.store.ledger import Ledger
fold, done = chats.Chats.fold, []
def dying(self, ask):
    done.append(ask)
    if len(done) == int(sys.argv[2]):
        os.kill(os.getpid(), 9)
    return fold(self, ask)
chats.Chats.fold = dying
Ledger(Path(sys.argv[1]), folded=4)
"""


@pytest.mark.parametrize("at", [1, 4, 5, 11, 22])
def test_killed_on_the_way_it_is_whole_and_goes_on(old: Path, at: int) -> None:
    kept = written(old)
    done = subprocess.run([sys.executable, "-c", KILLED, str(old), str(at)], check=False)
    assert done.returncode == -9
    shutil.copy(old, old.with_name("half.sqlite"))
    shutil.copy(f"{old}-wal", old.with_name("half.sqlite-wal"))
    folded = sum('messages":[' not in str(row[0]) for row in rows(old, "SELECT ask FROM calls"))
    assert folded == (at - 1) // 4 * 4
    with closing(Ledger(old)) as ledger, closing(Ledger(old.with_name("other.sqlite"))) as other:
        assert holds(ledger, kept)
        assert other.merge(old.with_name("half.sqlite")) == len(kept)
        assert holds(other, kept), "one that is half in the old form is taken in too"


FULL = """
import resource, signal, sys
from pathlib import Path
from psycopref.errors import StoreError
from psycopref.store.ledger import Ledger
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    Ledger(Path(sys.argv[1]))
except StoreError as error:
    sys.exit(str(error))
"""


def test_without_room_on_the_disk_it_says_so_and_loses_nothing(old: Path) -> None:
    kept = written(old)
    with closing(sqlite3.connect(old)) as db:  # so that only the folding needs room
        db.executescript("PRAGMA journal_mode=WAL;")
    Path(shutil.copy(old, old.with_name("room.sqlite")))
    full = [sys.executable, "-c", FULL, str(old)]
    said = [
        subprocess.run([*full, str(limit)], check=False, capture_output=True, text=True).stderr
        for limit in (20_000, 28_000, 36_000, 44_000)
    ]
    assert any("could not be brought into today's form: no room to write" in one for one in said)
    assert not any("Client" in one or "Traceback" in one for one in said)
    with closing(Ledger(old)) as ledger:
        assert holds(ledger, kept)


def test_a_ledger_without_row_numbers_is_brought_into_the_new_form_too(old: Path) -> None:
    """As ledgers were in the first weeks, and as the shipped recording is."""
    kept = written(old)
    columns = (
        "call_id TEXT PRIMARY KEY, model TEXT NOT NULL, ask TEXT NOT NULL, outcome TEXT NOT NULL,"
        " text TEXT NOT NULL, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL,"
        " seconds REAL NOT NULL, version TEXT NOT NULL, stage TEXT NOT NULL,"
        " finished_at TEXT NOT NULL, digest TEXT NOT NULL DEFAULT '', dollars REAL"
    )
    with closing(sqlite3.connect(old)) as db, db:
        db.execute("ALTER TABLE calls RENAME TO before")
        db.execute(f"CREATE TABLE calls ({columns}) STRICT, WITHOUT ROWID")
        db.execute("INSERT INTO calls SELECT * FROM before")
        db.execute("DROP TABLE before")
    with closing(Ledger(old, folded=5)) as ledger:
        assert holds(ledger, kept)
    assert not rows(old, "SELECT call_id FROM calls WHERE ask LIKE '%Client, turn%'")


def test_what_was_changed_before_is_still_found_afterwards(old: Path) -> None:
    kept = written(old)
    first, second, third = [key for key, row in kept.items() if "turn" in str(row[0])][-3:]
    edited(
        old, f"UPDATE calls SET ask = replace(ask, 'turn', 'TURN') || ' ' WHERE call_id = '{first}'"
    )
    edited(
        old, f"UPDATE calls SET model = 'x', ask = '{{\"messages\":3}}' WHERE call_id = '{second}'"
    )
    edited(old, f"UPDATE calls SET ask = '{{\"messages\":[NaN]}}' WHERE call_id = '{third}'")
    with closing(Ledger(old)) as ledger:
        assert set(ledger.wrong_ids()) == {first, second, third}


def test_a_conversation_takes_room_for_its_turns_and_not_for_their_square(tmp_path: Path) -> None:
    size: dict[int, int] = {}
    for turns in (20, 40, 80):
        path = tmp_path / f"{turns}.sqlite"
        with closing(Ledger(path)) as ledger:
            calls = conversation(turns)
            for call in calls:
                ledger.add([call], "converse")
            assert [ledger.ask_text(ask.call_id) for ask, _ in calls] == [
                ask.canonical for ask, _ in calls
            ]
            assert ledger.wrong_ids() == []
        texts = rows(
            path,
            "SELECT SUM(LENGTH(ask)) FROM calls UNION ALL "
            "SELECT SUM(LENGTH(message)) FROM messages",
        )
        size[turns] = sum(int(str(row[0])) for row in texts)
        assert rows(path, "SELECT COUNT(*) FROM messages") == [(turns + 1,)]
        assert rows(path, "SELECT COUNT(*) FROM prefixes") == [(turns + 1,)]
    assert size[40] < 2.05 * size[20] and size[80] < 2.05 * size[40]


def test_two_who_see_the_same_turns_share_them(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    with closing(Ledger(path)) as ledger:
        ledger.add(conversation(10), "converse")
        before = rows(path, "SELECT COUNT(*) FROM messages")
        ledger.add(conversation(10, "another"), "converse")
        windows = [Ask("m", ask.messages[-3:]) for ask, _ in conversation(10)]
        ledger.add([(ask, Reply(ask.call_id, "ok", "x")) for ask in windows], "converse")
        assert rows(path, "SELECT COUNT(*) FROM messages") == before
        assert ledger.wrong_ids() == []


@pytest.mark.parametrize(
    ("sql", "wrong"),
    [
        ("UPDATE messages SET message = replace(message, 'turn 2', 'turn two')", 2),
        ("DELETE FROM messages WHERE message LIKE '%turn 3%'", 1),
        ("UPDATE prefixes SET message = 1 WHERE number = 4", 2),
        ("UPDATE prefixes SET before = 5 WHERE number = 3", 3),
        ("UPDATE messages SET message = 'no JSON' WHERE number = 1", 4),
    ],
)
def test_a_changed_message_is_found_in_every_call_that_had_it(
    tmp_path: Path, sql: str, wrong: int
) -> None:
    path = tmp_path / "calls.sqlite"
    with closing(Ledger(path)) as ledger:
        ledger.add(conversation(4), "converse")
        edited(path, sql)
        assert len(ledger.wrong_ids()) == wrong


def test_a_failed_commit_leaves_no_message_behind(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    with closing(Ledger(path)) as ledger:
        calls = conversation(3)

        def price(ask: Ask, reply: Reply) -> float:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ledger.add(calls, "converse", price)
        assert rows(path, "SELECT COUNT(*) FROM messages") == [(0,)]
        assert ledger.add(calls, "converse") == 3 and ledger.wrong_ids() == []


def test_an_old_ledger_and_a_new_one_are_taken_in_alike(old: Path, tmp_path: Path) -> None:
    kept = written(old)
    with (
        closing(Ledger(tmp_path / "one.sqlite")) as one,
        closing(Ledger(tmp_path / "two.sqlite")) as two,
    ):
        one.add(conversation(2), "converse")
        assert one.merge(OLD) == len(kept) and one.merge(OLD) == 0
        assert two.merge(tmp_path / "one.sqlite") == len(kept) + 2
        assert two.wrong_ids() == two.changed() == [] and two.ids() == one.ids()
        assert all(two.ask_text(call_id) == row[0] for call_id, row in kept.items())
        assert two.spent() == 12 * 0.25


def test_a_recording_ships_no_messages(old: Path) -> None:
    with closing(Ledger(old)) as ledger:
        ledger.pack()
    assert rows(
        old, "SELECT (SELECT COUNT(*) FROM messages) + (SELECT COUNT(*) FROM prefixes)"
    ) == [(0,)]
    assert b"Client, turn" not in old.read_bytes()
    with closing(Ledger(old, read_only=True)) as recording:
        assert len(recording.get(sorted(written(OLD)))) == 22 and recording.changed() == []


def test_no_newer_form_is_touched(old: Path) -> None:
    edited(old, "PRAGMA user_version = 2")
    with pytest.raises(StoreError, match="newer psycopref"):
        Ledger(old)


def test_no_calls_of_a_newer_form_are_taken_in(old: Path, tmp_path: Path) -> None:
    edited(old, "PRAGMA user_version = 2")
    with closing(Ledger(tmp_path / "ours.sqlite")) as ours:
        with pytest.raises(StoreError, match="calls.sqlite: written by a newer psycopref"):
            ours.merge(old)
        assert not ours.ids()


def test_half_a_character_is_said_and_not_shown() -> None:
    with pytest.raises(ModelError, match="to m holds half a character") as error:
        _ = Ask("m", (Message("user", "my secret \ud83d"),)).call_id
    assert "secret" not in str(error.value)


def test_any_request_comes_back_to_the_letter(tmp_path: Path) -> None:
    rng = random.Random(5)
    signs = [
        '"',
        "\\",
        "\n",
        "\x00",
        "\u2028",
        "é",
        "日",
        "\U0001f642",
        "\x7f",
        '"messages":7',
        "a",
    ]

    def text() -> str:
        return "".join(rng.choices(signs, k=rng.randrange(6)))

    asks = [
        Ask(
            text(),
            tuple(
                Message(rng.choice(("system", "user", "assistant")), text())
                for _ in range(rng.randrange(5))
            ),
            rng.choice((None, 0, 1, 0.0, 0.7, 1e-7, 1e22, rng.random())),
            rng.choice((None, 1, 1 << 40)),
            text(),
            rng.randrange(3),
            rng.randrange(3),
        )
        for _ in range(500)
    ]
    with closing(Ledger(tmp_path / "calls.sqlite")) as ledger:
        ledger.add([(ask, Reply(ask.call_id, "ok", "")) for ask in asks], "s")
        assert [ledger.ask_text(ask.call_id) for ask in asks] == [ask.canonical for ask in asks]
        assert ledger.wrong_ids() == []
