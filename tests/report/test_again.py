"""A finished run's report made anew: the same page from the step folders alone, on the terminal and
in files.
"""

import json
from pathlib import Path

import pytest
from helpers.small_dataset import built

from psycopref.cli import main
from psycopref.cli.report import write
from psycopref.errors import StoreError
from psycopref.report import again
from psycopref.report.markdown import twin
from psycopref.store import run_folder


def test_a_report_made_anew_is_the_one_the_run_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = built(tmp_path)
    place = run_folder.latest(work)
    anew = again.reported(work)
    assert anew == (place / "report.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main.main(["report", "--work", str(work)]) == 0
    assert (
        capsys.readouterr().out == twin(anew) == (place / "report.md").read_text(encoding="utf-8")
    )


def test_a_report_in_a_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    work = built(tmp_path)
    for name, start in (("a.html", "<!doctype html>"), ("a.md", "psycopref report")):
        assert (
            main.main(
                [
                    "report",
                    run_folder.latest(work).name,
                    "--work",
                    str(work),
                    "--out",
                    str(tmp_path / name),
                ]
            )
            == 0
        )
        assert (tmp_path / name).read_text(encoding="utf-8").lstrip().startswith(start)
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


def test_where_a_report_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        write("<p>x</p>", tmp_path / "nowhere" / "a.md")


def test_figures_of_an_older_version_are_read(tmp_path: Path) -> None:
    work = built(tmp_path)
    place = run_folder.latest(work)
    bare = {
        "metric_id": "m",
        "name": "reward.old",
        "slice": "test",
        "value": 0.5,
        "low": None,
        "high": None,
        "count": 7,
        "colour": "red",
    }
    rows = [*json.loads((place / "metrics.json").read_text(encoding="utf-8")), bare]
    (place / "metrics.json").write_text(json.dumps(rows), encoding="utf-8")
    (row,) = [row for row in run_folder.kept_metrics(place) if row.name.startswith("reward.old")]
    assert (row.name, row.value, row.count) == ("reward.old.without_interval", 7, 7)
    assert "reward.old.without_interval" in again.reported(work)
    assert main.main(["show", place.name, "--work", str(work)]) == 0


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("steps.json", "{}"),
        ("steps.json", "[]"),
        ("steps.json", '{"steps": [{}]}'),
        ("steps.json", '{"steps": []}'),
    ]
    + [
        ("metrics.json", text)
        for text in ("{}", "[1]", '[{"name": "a", "slice": "b", "value": "x"}]')
    ],
)
def test_a_damaged_run_is_named_with_what_to_do(
    tmp_path: Path, file: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    work = built(tmp_path)
    place = run_folder.latest(work)
    (place / file).write_text(text, encoding="utf-8")
    calls = [
        ["report", "--work", str(work)],
        ["compare", place.name, place.name, "--work", str(work)],
    ]
    # no step is a sound file of a run that names too little; the others are no such file
    advice = "run its recipe again" if text == '{"steps": []}' else "run the recipe again"
    for call in (
        [*calls, ["show", place.name, "--work", str(work)]]
        if text != '{"steps": []}'
        else calls[:1]
    ):
        assert main.main(call) == 1, call
        said = capsys.readouterr().err
        assert str(work) in said and advice in said, call
