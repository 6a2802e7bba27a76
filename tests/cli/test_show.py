"""What a workspace holds, for people, and whether it is as it was written: through the real
command.
"""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from helpers.small_dataset import built

from psycopref.cli.main import main
from psycopref.store.calls import Ask, Message, Reply
from psycopref.store.ledger import Ledger

SECRET = "Barnaby Thistlewood"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a finished run and a call."""
    work = built(tmp_path_factory.mktemp("inspecting"))
    ledger = Ledger(work / "calls.sqlite")
    ask = Ask("m", (Message("user", SECRET),))
    ledger.add([(ask, Reply(ask.call_id, "ok", f"Hello {SECRET}."))], "respond")
    ledger.close()
    return work


@pytest.fixture
def work(finished: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(finished, tmp_path / "work"))


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = main([str(word) for word in words])
    out = capsys.readouterr()
    assert SECRET not in out.out + out.err
    return code, " ".join((out.out + out.err).split())


def test_all_as_written(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "verify", "--work", work) == (0, "5 steps, 1 calls: all as written")


def test_a_tampered_call(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = sqlite3.connect(work / "calls.sqlite")
    with db:
        db.execute("UPDATE calls SET text = 'TAMPERED'")
    db.close()
    code, out = said(capsys, "verify", "--work", work)
    assert code == 1 and "changed since it was written" in out and "1 problems" in out


def test_a_tampered_setting(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = next((work / "steps").glob("clean-*/manifest.json"))
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["settings"]["low"] = 2
    path.write_text(json.dumps(manifest), encoding="utf-8")
    code, out = said(capsys, "verify", "--work", work)
    assert code == 1 and "manifest.json: changed since it was written" in out


@pytest.mark.parametrize("cut", [100, 5000])
def test_a_damaged_ledger(work: Path, capsys: pytest.CaptureFixture[str], cut: int) -> None:
    path = work / "calls.sqlite"
    raw = path.read_bytes()
    path.write_bytes(raw[:cut] + bytes(byte ^ 255 for byte in raw[cut:]))
    for words in (("verify",), ("calls",)):
        code, out = said(capsys, *words, "--work", work)
        assert code == 1 and "move it away" in out


def test_runs_that_did_not_end_are_marked(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "runs" / "small-0").mkdir()
    assert "did not end" in said(capsys, "show", "--work", work)[1]
    code, out = said(capsys, "show", "small-0", "--work", work)
    assert code == 1 and "did not end" in out


def test_a_step_under_way_is_left_alone(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "steps" / "reward-0.part").mkdir()
    code, out = said(capsys, "show", "reward-0.part", "--work", work)
    assert code == 1 and "leave it" in out and "delete" not in out


@pytest.mark.parametrize("what", ["/", "..", ".", "nothing", "../steps"])
def test_what_is_no_step_is_never_to_be_deleted(
    work: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    code, out = said(capsys, "show", what, "--work", work)
    assert code == 1 and "no run and no step" in out and "delete" not in out


def test_rows_of_a_table(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    step = next((work / "steps").glob("topics-*"))
    assert "speech_id" in said(capsys, "show", f"{step.name}/speeches", "--work", work)[1]
    code, out = said(capsys, "show", f"{step.name}/speech", "--work", work)
    assert code == 1 and "no table 'speech'" in out
    (step / "speeches.parquet").write_bytes(b"PAR1")
    code, out = said(capsys, "show", f"{step.name}/speeches", "--work", work)
    assert code == 1 and "changed since it was written" in out


def test_a_report_on_a_terminal_is_its_head(
    work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, whole = said(capsys, "report", "--work", work)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    main(["report", "--work", str(work)])
    head = capsys.readouterr().out
    assert code == 0 and len(head.splitlines()) < 60 and len(head) < len(whole)
    assert "May one trust it?" in head and "psycopref report | less" in head
