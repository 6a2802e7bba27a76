"""The two commonest wishes of a newcomer: a reward model from a file of preferences, and a file of
speeches collected, cleaned and masked; each by a shipped recipe with its paths filled in.
"""

import csv
import json
from pathlib import Path

import polars as pl
import pytest
from helpers.tiny import BAD, GOOD
from helpers.tiny_paper import SIZE

from psycopref.cli.main import main
from psycopref.config.toml_files import DATA
from psycopref.store import run_folder

BASE = 'base = "sentence-transformers/all-MiniLM-L6-v2"'


def shipped(name: str, folder: Path, *changes: tuple[str, str]) -> Path:
    text = (DATA / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def pairs(folder: Path) -> Path:
    rows = [
        {
            "prompt": f"Week {n} was hard and I cannot sleep. Nobody called on day {n * 31}.",
            "chosen": f"{GOOD} {n}",
            "rejected": f"{BAD} {n}",
        }
        for n in range(60)
    ]
    rows.append({"prompt": "A long one.", "chosen": GOOD + " yes" * 5000, "rejected": BAD})
    rows.append({"prompt": "An odd one.", "chosen": GOOD, "rejected": ""})
    file = folder / "preferences.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


@pytest.mark.slow
def test_a_reward_model_and_nothing_else_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    recipe = shipped(
        "reward",
        tmp_path,
        ("preferences.jsonl", str(pairs(tmp_path))),
        (BASE, f"size = {SIZE}\nepochs = 6\nbatch_size = 8\n#"),
        ("\nepochs = 2\nbatch_size = 32\nlr = 3e-5", "\nlr = 3e-3"),
    )
    work = str(tmp_path / "work")
    assert main(["run", str(recipe), "--work", work, "--dry-run"]) == 0
    assert main(["run", str(recipe), "--work", work]) == 0
    told = capsys.readouterr()
    assert "longer than max_length" in told.err + told.out
    place = run_folder.latest(tmp_path / "work")
    figures = {(row.name, row.slice): row for row in run_folder.kept_metrics(place)}
    accuracy = figures["reward.accuracy", "test"]
    assert accuracy.value is not None and accuracy.value > 0.8
    assert accuracy.count >= 5
    assert {one["stage"] for one in run_folder.taken(place)} >= {"reward", "score", "calibrate"}
    assert not {one["stage"] for one in run_folder.taken(place)} & {"policy", "draft", "evaluate"}
    page = (place / "report.html").read_text(encoding="utf-8")
    assert "no rejected" in page, "what was dropped is told"
    assert main(["export", "reward", str(tmp_path / "reward"), "--work", work]) == 0
    assert (tmp_path / "reward" / "config.json").is_file()
    trl = str(tmp_path / "trl")
    assert main(["export", "preferences", trl, "--work", work, "--format", "trl"]) == 0
    frame = pl.read_parquet(tmp_path / "trl" / "data" / "train-*.parquet")
    row = frame.row(0, named=True)
    assert [one["role"] for one in row["prompt"]] == ["user"]
    assert row["prompt"][0]["content"].startswith("Week")
    assert [one["role"] for one in row["chosen"]] == ["assistant"]
    assert "question" not in frame.columns and "lists of messages" in (
        tmp_path / "trl" / "README.md"
    ).read_text(encoding="utf-8")


def test_collecting_and_cleaning_alone_has_a_report_and_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "intake.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["client", "message"])
        for n in range(30):
            said = f"My name is Karen and in week {n} I did not sleep, my {n * 7} plants died. "
            rows.writerow([f"P{n % 9}", said + f"Day {n * 13} was worse than the {n * 29} before."])
        rows.writerow(["P1", "too short"])
    recipe = shipped("dataset", tmp_path, ("intake.csv", str(file)))
    work = str(tmp_path / "work")
    assert main(["run", str(recipe), "--work", work]) == 0
    told = capsys.readouterr()
    assert "no preference pairs" not in told.err
    place = run_folder.latest(tmp_path / "work")
    page = (place / "report.html").read_text(encoding="utf-8")
    assert "short" in page
    out_folder = tmp_path / "speeches"
    assert main(["export", "speeches", str(out_folder), "--work", work]) == 0
    frame = pl.read_parquet(out_folder / "data" / "*.parquet")
    assert frame.height >= 20 and "group" not in frame.columns
    assert not frame["text"].str.contains("Karen").any()
    assert "license: " in (out_folder / "README.md").read_text(encoding="utf-8")
    assert main(["export", "preferences", str(tmp_path / "no"), "--work", work]) == 1
    assert "no preference pairs to export" in capsys.readouterr().err
