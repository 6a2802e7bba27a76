"""A finished run's report made anew: the same page from the step folders alone, on the terminal and in files."""

from pathlib import Path

import pytest
from small_dataset import built

from psycopref import cli, publishing, runs
from psycopref.errors import StoreError
from psycopref.report.markdown import twin


def test_a_report_made_anew_is_the_one_the_run_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = built(tmp_path)
    place = runs.latest(work)
    again = publishing.reported(work)
    assert again == (place / "report.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["report", "--work", str(work)]) == 0
    assert capsys.readouterr().out == twin(again) == (place / "report.md").read_text(encoding="utf-8")


def test_a_report_in_a_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    work = built(tmp_path)
    for name, start in (("a.html", "<!doctype html>"), ("a.md", "psycopref report")):
        assert cli.main(["report", runs.latest(work).name, "--work", str(work), "--out", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_text(encoding="utf-8").lstrip().startswith(start)
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


def test_where_a_report_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        publishing.write("<p>x</p>", tmp_path / "nowhere" / "a.md")
