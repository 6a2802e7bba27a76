"""Who may read: files are private by themselves, a group's workspace is its group's, and what may
not be read or written is one clear line.
"""

import errno
import os
from pathlib import Path

import polars as pl
import pytest
from helpers.small_dataset import built

from psycopref.cli.main import main
from psycopref.errors import StoreError
from psycopref.lab import Lab
from psycopref.sources.setting import SourceSetting
from psycopref.stages.collect import Collect
from psycopref.store import parquet, run_folder, steps


def modes(folder: Path) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {"folders": set(), "files": set()}
    for path in folder.rglob("*"):
        what = "folders" if path.is_dir() else "files"
        found[what].add(path.stat().st_mode & 0o7777)
    return found


def test_files_are_private_by_themselves_wherever_they_are_taken(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        work = built(tmp_path)
        assert main(["export", "preferences", str(tmp_path / "out"), "--work", str(work)]) == 0
    finally:
        os.umask(before)
    assert modes(work) == {"folders": {0o700}, "files": {0o600}}
    assert modes(tmp_path / "out") == {"folders": {0o700}, "files": {0o600}}


@pytest.mark.parametrize(("mode", "files"), [(0o2750, 0o640), (0o2770, 0o660)])
def test_a_workspace_of_a_group_is_its_groups(tmp_path: Path, mode: int, files: int) -> None:
    work = tmp_path / "work"
    work.mkdir()
    work.chmod(mode)
    before = os.umask(0o077)
    try:
        built(tmp_path)
    finally:
        os.umask(before)
    assert (work / "key").stat().st_mode & 0o777 == (0o600 if mode == 0o2750 else 0o660)
    (work / "key").unlink()
    assert modes(work) == {"folders": {mode}, "files": {files}}


@pytest.mark.parametrize(
    "words",
    [["show"], ["verify"], ["report"], ["calls"], ["show", "steps"], ["forget", "--unused"]],
)
def test_a_workspace_of_somebody_else_is_said_to_be_one(
    tmp_path: Path,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work = built(tmp_path)

    def closed(self: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", closed)  # root, who runs tests in places, may read all
    assert main([*words, "--work", str(work)]) == 1
    out = capsys.readouterr()
    assert "may not be read" in out.err and "no run" not in out.out + out.err


def test_the_newest_run_is_by_its_own_time(tmp_path: Path) -> None:
    for at, name in enumerate(
        ("a-20300101T000000", "b-20260102T000000-2", "b-20260102T000000-10", "z-20260101T000000")
    ):
        place = tmp_path / "runs" / name
        place.mkdir(parents=True)
        (place / "steps.json").write_text('{"steps": []}', encoding="utf-8")
        os.utime(place / "steps.json", (10**9 + at, 10**9 + at))
    assert run_folder.latest(tmp_path).name == "b-20260102T000000-10"


def full(*_: object, **__: object) -> None:
    pl.DataFrame({"a": ["b"]}).write_parquet("/dev/full")


def test_a_full_disk_is_one_line_at_every_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work = built(tmp_path)
    monkeypatch.setattr(parquet, "put", full)
    words = ["export", "preferences", str(tmp_path / "out"), "--work", str(work)]
    with (
        Lab(tmp_path / "new") as lab,
        pytest.raises(StoreError, match=r"no room to write .*free some space"),
    ):
        lab.do(Collect(sources=(SourceSetting(name="sample", take=3),)))
    monkeypatch.setattr(pl.DataFrame, "write_parquet", broken)
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "no room to write" in said and "Traceback" not in said
    assert not (tmp_path / "out").exists()


def broken(self: pl.DataFrame, path: Path, **_: object) -> None:
    raise pl.exceptions.ComputeError("No space left on device (os error 28)")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "x"),
        pl.exceptions.ComputeError("No space left on device (os error 28)"),
        RuntimeError("[enforce fail] . PytorchStreamWriter failed writing file data/0"),
    ],
)
def test_a_full_disk_is_known_whoever_says_it(error: Exception, tmp_path: Path) -> None:
    found = steps.os_error(error)
    assert found is not None and "no room to write" in str(steps.explain(found, tmp_path))


def test_another_error_is_itself() -> None:
    assert steps.os_error(ValueError("x")) is None
    assert steps.os_error(KeyError("No space left on the couch")) is None
