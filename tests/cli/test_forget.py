"""One client's words taken out of a workspace: nothing of them is left in any file of it."""

import csv
import json
import re
from pathlib import Path

import polars as pl
import pytest
from helpers.loopback import Loopback

from psycopref.cli.main import main
from psycopref.progress import Progress
from psycopref.runs import run
from psycopref.store import run_folder

MARK = "quartzite"  # in every speech of the client and of nobody else
ABOUT = (
    "my sister's wedding",
    "rent and overdue bills",
    "exams in the coming spring",
    "a quarrel over the garden",
    "the night shifts at work",
    "moving to another town",
)
RECIPE = """
flow = "dataset"
[dataset.collect]
sources = [{ name = "csv", path = "IN", columns = { text = "text", group = "who" } }]
[dataset.clean]
low = 1
[dataset.dedup]
threshold = 1.0
[dataset.topics]
labeller = "given"
[dataset.respond]
per_speech = 2
[dataset.respond.pool]
name = "loopback"
models = [
  { name = "quick", kind = "openai", url = "URL", max_tokens = 400 },
  { name = "slow", kind = "openai", url = "URL", max_tokens = 400 },
]
[dataset.rate]
instrument = "psychocounsel"
judge = { name = "judge", kind = "openai", url = "URL", max_tokens = 400 }
[dataset.pair]
instrument = "psychocounsel"
gap = 0.01
[validate]
pairs = 4
layouts = ["csv", "label-studio", "argilla"]
"""


def source(path: Path, left_out: str = "") -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["text", "who"])
        for number, about in enumerate(ABOUT):
            who = f"P{number // 2:03d}"
            mark = f" The {MARK} keeps coming back." if who == "P001" else ""
            if who != left_out:
                out.writerow([f"I cannot sleep because of {about}.{mark} What can I do?", who])


@pytest.fixture(scope="module")
def server():
    with Loopback() as made:
        yield made


@pytest.fixture
def recipe(tmp_path: Path, server: Loopback) -> Path:
    source(tmp_path / "in.csv")
    path = tmp_path / "clinic.toml"
    path.write_text(RECIPE.replace("IN", str(tmp_path / "in.csv")).replace("URL", server.url))
    run.run(str(path), tmp_path / "work", Progress(quiet=True))
    return path


def holding(folder: Path, word: str = MARK) -> list[str]:
    """Every file that has a word, Parquet as its cells."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            raw = path.read_bytes()
            if path.suffix == ".parquet":
                raw += json.dumps(pl.read_parquet(path).to_dicts()).encode()
            if word.encode() in raw:
                found.append(path.relative_to(folder).as_posix())
    return found


def test_nothing_of_a_client_is_left(
    tmp_path: Path, recipe: Path, server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    work, out = tmp_path / "work", tmp_path / "pairs"
    part = work / "steps" / "respond-000000000000.part"
    part.mkdir()
    pl.DataFrame({"text": [f"so {MARK}, and more of this"]}).write_parquet(part / "a.parquet")
    (part / "notes.txt").write_text(
        "I cannot sleep because of exams in the coming spring. "
        f"The {MARK} keeps coming back. What can I do?"
    )
    assert main(["export", "preferences", str(out), "--work", str(work)]) == 0
    report = (run_folder.latest(work) / "report.md").read_text(encoding="utf-8")
    for what in ("Speeches", "Responses", "Ratings"):
        assert re.search(rf"{what} in all *\| adds up", report), what
    page, words = tmp_path / "page.html", "I cannot sleep because of exams in the coming spring."
    assert main(["report", "--work", str(work), "--out", str(page), "--texts"]) == 0
    page.write_text(f"{page.read_text()}{words} The {MARK} keeps coming back. What can I do?")
    before = {p.name: p.read_bytes() for p in run_folder.latest(work).glob("*.json")}
    held = holding(tmp_path)
    for name in ("work/calls.sqlite", "pairs/data", "experts.csv", "label-studio", "argilla"):
        assert any(name in one for one in held), name

    capsys.readouterr()
    assert main(["forget", "--client", "P001", "--work", str(work), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert holding(tmp_path) == held and f"{page}: has such words" in said
    page.unlink()
    held.remove("page.html")
    assert holding(tmp_path) == held and MARK not in said
    assert "2 speeches" in said and "experts.csv" in said and "backups" in said
    assert main(["forget", "--client", "P001", "--work", str(work)]) == 1  # nobody to ask
    assert holding(tmp_path) == held

    assert main(["forget", "--client", "P001", "--work", str(work), "--yes"]) == 0
    assert holding(tmp_path) == ["in.csv"]
    place = run_folder.latest(work)
    for name in ("metrics.json", "steps.json"):
        assert (place / name).read_bytes() == before[name]
    assert (place / "report.html").is_file()
    capsys.readouterr()
    assert main(["verify", "--work", str(work)]) == 0
    assert "all as written" in capsys.readouterr().out

    asked = sum(server.book.answers.values())
    lines: list[str] = []

    class Heard(Progress):
        def say(self, line: str) -> None:
            lines.append(line)

    run.run(str(recipe), work, Heard(quiet=True))  # the source has the client still
    assert any("the source still has" in line for line in lines)
    assert sum(server.book.answers.values()) == asked
    assert [one for one in holding(tmp_path) if "in.csv" not in one] == []
    source(tmp_path / "in.csv", left_out="P001")
    run.run(str(recipe), work, Progress(quiet=True))
    assert sum(server.book.answers.values()) == asked
    assert main(["verify", "--work", str(work)]) == 0

    lines.clear()
    source(tmp_path / "in.csv")
    with (tmp_path / "in.csv").open("a") as file:
        file.write("I am new and I would like to talk about my work. Where do I begin?,P009\n")
    run.run(str(recipe), work, Heard(quiet=True))
    assert any("2 speeches that were forgotten are back" in line for line in lines)


def test_a_speech_or_a_row_is_enough(tmp_path: Path, recipe: Path) -> None:
    work = tmp_path / "work"
    table = next((work / "steps").glob("collect-*")) / "speeches.parquet"
    speech = pl.read_parquet(table).filter(pl.col("text").str.contains("overdue"))["speech_id"][0]
    words = ["forget", "--work", str(work), "--yes"]
    assert main([*words, "--speech", speech]) == 0
    assert holding(work, "overdue") == []
    assert main([*words, "--row", "csv:5", "--recipe", str(recipe)]) == 0
    assert holding(work, "night shifts") == [] and holding(work, "wedding") != []
    assert main([*words, "--client", "nobody"]) == 1


def test_steps_that_no_run_uses_go(tmp_path: Path, recipe: Path) -> None:
    work = tmp_path / "work"
    steps = sorted(path.name for path in (work / "steps").iterdir())
    source(tmp_path / "in.csv", left_out="P002")
    assert main(["run", str(recipe), "--work", str(work), "--dry-run"]) == 0
    assert len(list((work / "steps").iterdir())) > len(steps)
    assert main(["forget", "--unused", "--work", str(work), "--yes"]) == 0
    assert sorted(path.name for path in (work / "steps").iterdir()) == steps
