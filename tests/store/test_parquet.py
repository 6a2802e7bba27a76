"""Rows to Parquet and back."""

from pathlib import Path

import pytest

from psycopref.errors import StoreError, TableError
from psycopref.store import parquet
from psycopref.tables import Metric, Speech, Turn, metric


def speech(number: int, **more: object) -> Speech:
    return Speech(
        f"speech-{number}",
        "made-up",
        f"I worry about thing {number}.",
        **more,  # type: ignore[arg-type]
    )


def test_round_trip_keeps_every_field(tmp_path: Path) -> None:
    rows = [
        speech(
            1,
            history=(Turn("client", "hello"), Turn("counselor", "hi")),
            topic="Stress",
            split="train",
        ),
        speech(2),
    ]
    parquet.write(parquet.table(Speech, rows), tmp_path / "s.parquet")
    back = parquet.read(Speech, tmp_path / "s.parquet")
    assert list(back) == rows
    assert back[0] == rows[0] and list(back[1:]) == rows[1:]


def test_none_survives(tmp_path: Path) -> None:
    rows = [metric("a.ties", "b", 1.0), metric("a", "c", 1.0, 0.5, 1.5, 3)]
    parquet.write(parquet.table(Metric, rows), tmp_path / "m.parquet")
    assert list(parquet.read(Metric, tmp_path / "m.parquet")) == rows


def test_digest_is_of_rows_and_order() -> None:
    one, two = speech(1), speech(2)
    digest = parquet.table(Speech, [one, two]).digest
    assert digest == parquet.table(Speech, [one, two]).digest
    assert digest != parquet.table(Speech, [two, one]).digest
    assert digest != parquet.table(Speech, [one]).digest


def test_a_key_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="speech-1"):
        parquet.write(parquet.table(Speech, [speech(1), speech(1)]), tmp_path / "s.parquet")


def test_a_wrong_type_is_an_error_without_the_text() -> None:
    with pytest.raises(TableError) as caught:
        parquet.table(Speech, [Speech("speech-1", "made-up", 7)])  # type: ignore[arg-type]
    assert "Speech" in str(caught.value)


def test_a_truncated_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    parquet.write(parquet.table(Speech, [speech(n) for n in range(100)]), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(StoreError, match="run again"):
        parquet.read(Speech, path)


def test_other_columns_are_refused(tmp_path: Path) -> None:
    parquet.write(parquet.table(Metric, [metric("a.ties", "b", 1.0)]), tmp_path / "m.parquet")
    with pytest.raises(StoreError, match="columns"):
        parquet.read(Speech, tmp_path / "m.parquet")


def test_a_large_file_stays_on_disk_and_reads_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "PART", 7)
    path, rows = (
        tmp_path / "[s]*.parquet",
        [speech(n, history=(Turn("client", str(n)),)) for n in range(30)],
    )
    held = parquet.table(Speech, rows)
    parquet.write(held, path)
    monkeypatch.setattr(parquet, "LARGE", 0)
    lazy = parquet.read(Speech, path)
    assert len(lazy) == 30 and list(lazy) == rows and lazy.digest == held.digest
    assert lazy.pick("speech_id", "topic").equals(held.frame.select("speech_id", "topic"))
    assert [part.height for part in lazy.parts(8)] == [
        8,
        8,
        8,
        6,
    ] and lazy._held is None, "nothing so far needed all of it"
    assert lazy[29] == rows[29] and list(lazy[3:5]) == rows[3:5] and lazy._held is not None
    parquet.check(lazy)


def test_a_large_file_that_is_cut_off_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.parquet"
    parquet.write(parquet.table(Speech, [speech(n) for n in range(3000)]), path)
    monkeypatch.setattr(parquet, "LARGE", 0)
    lazy, raw = parquet.read(Speech, path), path.read_bytes()
    path.write_bytes(raw[: len(raw) // 4])
    with pytest.raises(StoreError, match="run again"):
        lazy.pick("text")


def test_gathered_rows_are_the_sorted_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "PART", 4)
    rows = [metric("a.ties", str(n), float(n), None, 1.0 if n % 2 else None, n) for n in range(10)]
    some: parquet.Gather[Metric] = parquet.Gather(Metric)
    for row in rows:
        some.add(row)
    assert list(some.table()) == sorted(rows, key=lambda row: row.metric_id)
    assert list(parquet.Gather(Speech).table()) == []
    with pytest.raises(TableError):
        some.add(Metric("m", "a.ties", 7, 1.0))  # type: ignore[arg-type]
        some.table()


@pytest.mark.parametrize("large", [0, 2**30])
def test_a_file_of_an_older_version_is_read_and_known_by_the_same_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    """Digest as it was before Speech had a group, so that the steps of then are found."""
    monkeypatch.setattr(parquet, "LARGE", large)
    rows = [speech(1, topic="stress", split="train"), speech(2)]
    parquet.table(Speech, rows).frame.drop("group").write_parquet(tmp_path / "s.parquet")
    back = parquet.read(Speech, tmp_path / "s.parquet")
    assert list(back) == rows
    assert (
        back.digest
        == parquet.table(Speech, rows).digest
        == "be8da33c96ed4fd9c7938d74e6dc272902733ae75628a1e642a48c6462153cdf"
    )
    assert (
        parquet.table(Speech, [speech(1, group="group-1"), speech(2)]).digest
        != parquet.table(Speech, [speech(1), speech(2)]).digest
    )


def test_a_file_that_lacks_another_column_is_refused(tmp_path: Path) -> None:
    parquet.table(Speech, [speech(1)]).frame.drop("topic").write_parquet(tmp_path / "s.parquet")
    with pytest.raises(StoreError, match="columns"):
        parquet.read(Speech, tmp_path / "s.parquet")


def test_a_renamed_row_type_keeps_its_digest() -> None:
    from psycopref.experts.matches import BlindMatch

    row = BlindMatch("match-1", "raw", "speech-1", "ours", "theirs")
    digest = parquet.table(BlindMatch, [row]).digest
    assert digest == "ec9e7c9c29ff179e385c22d9fce3b610a4fcce32e12d0f48a7787cab26b0f977", (
        "steps that were made from such rows are found by it"
    )
