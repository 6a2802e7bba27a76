"""A power cut: whatever part of the last writes reached the disk, the ledger opens, its rows are
whole, and earlier commits are there.
"""

import random
import shutil
from pathlib import Path

import pytest

from psycopref.store.calls import Ask, Message, Reply
from psycopref.store.ledger import Ledger

COMMITS, EACH = 30, 5


def commit(number: int) -> list[tuple[Ask, Reply]]:
    asks = [Ask("m", (Message("user", f"speech {number} {n} " * 40),)) for n in range(EACH)]
    return [(ask, Reply(ask.call_id, "ok", f"reply {number} " * 60, 3, 4)) for ask in asks]


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """A folder with the files as they were after 30 commits, none of them carried over into the
    main file yet, and `later.sqlite` after that.
    """
    ledger = Ledger(tmp_path / "live.sqlite")
    ledger._db.execute("PRAGMA wal_autocheckpoint = 0")
    for number in range(COMMITS):
        ledger.add(commit(number), "respond")
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"live.sqlite{end}", tmp_path / f"cut.sqlite{end}")
    ledger.close()
    shutil.copy(tmp_path / "live.sqlite", tmp_path / "later.sqlite")
    return tmp_path


def commits_in(ledger: Ledger) -> int:
    """How many commits are there, each of them whole and in order."""
    assert ledger.check() == [] and ledger.changed() == [] and ledger.wrong_ids() == []
    ids = ledger.ids()
    whole = [{ask.call_id for ask, _ in commit(number)} <= ids for number in range(COMMITS)]
    count = sum(whole)
    assert whole == [True] * count + [False] * (COMMITS - count), (
        "a later commit is there and an earlier one is not"
    )
    assert len(ids) == EACH * count, "part of a commit is there"
    return count


def opened(folder: Path, main: bytes, wal: bytes) -> int:
    for old in folder.glob("tried.sqlite*"):
        old.unlink()
    (folder / "tried.sqlite").write_bytes(main)
    (folder / "tried.sqlite-wal").write_bytes(wal)
    ledger = Ledger(folder / "tried.sqlite")
    try:
        count = commits_in(ledger)
        assert ledger.add(commit(COMMITS - 1), "respond") in (0, EACH), "it takes rows in again"
        return count
    finally:
        ledger.close()


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls.sqlite")
    settings = [
        ledger._db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    ]
    ledger.close()
    assert settings == ["wal", 2]


def test_a_log_cut_off_anywhere_keeps_whole_commits_in_order(cut: Path) -> None:
    main, wal = (cut / "cut.sqlite").read_bytes(), (cut / "cut.sqlite-wal").read_bytes()
    rng = random.Random(3)
    places = sorted(
        {0, 1, 31, 32, 33, len(wal) - 1, len(wal), *(rng.randrange(len(wal)) for _ in range(150))}
    )
    counts = [opened(cut, main, wal[:place]) for place in places]
    assert (
        counts == sorted(counts)
        and counts[0] == 0
        and counts[-2] < COMMITS
        and counts[-1] == COMMITS
        and len(set(counts)) > 20
    )


def test_a_log_with_garbage_from_some_place_on_keeps_what_was_before(cut: Path) -> None:
    main, wal = (cut / "cut.sqlite").read_bytes(), (cut / "cut.sqlite-wal").read_bytes()
    rng = random.Random(4)
    for _ in range(40):
        place = rng.randrange(len(wal))
        reached = opened(cut, main, wal[:place])
        filler = bytes(len(wal) - place) if rng.random() < 0.5 else rng.randbytes(len(wal) - place)
        assert opened(cut, main, wal[:place] + filler) == reached


def test_a_cut_while_the_log_is_carried_over_loses_nothing(cut: Path) -> None:
    before, after, wal = (
        (cut / name).read_bytes() for name in ("cut.sqlite", "later.sqlite", "cut.sqlite-wal")
    )
    size, rng = 4096, random.Random(5)
    for _ in range(30):
        pages = [
            (after if rng.random() < 0.5 else before.ljust(len(after), b"\0"))[at : at + size]
            for at in range(0, len(after), size)
        ]
        assert opened(cut, b"".join(pages), wal) == COMMITS
