"""From a recipe to sheets, and from filled sheets to figures, through the real commands on the
recorded sample.
"""

import csv
import json
from pathlib import Path

import pytest
from helpers.filled_sheets import fill
from helpers.finished_paper import copied
from helpers.loopback import Loopback
from helpers.tiny_paper import DATASET, write

from psycopref.errors import RecipeError, SourceError
from psycopref.progress import Progress
from psycopref.recipes import load_recipe, resolved
from psycopref.runs import run

SAMPLE = """
[dataset.respond]
pool = "sample"
[dataset.rate]
instrument = "psychocounsel"
judge = "sample/sample-judge"
[dataset.pair]
instrument = "psychocounsel"
[validate]
pairs = 40
replies = 30
items = "all"
annotators = 2
repeats = 0.1
layouts = ["csv", "label-studio", "argilla"]
"""


def recipe(folder: Path, annotations: str = "") -> str:
    path = folder / "checked.toml"
    sample = DATASET.replace('"published", path = "FOLDER"', '"sample"')
    path.write_text(f'flow = "dataset"\n{annotations}{sample}{SAMPLE}', encoding="utf-8")
    return str(path)


def figures(place: Path) -> dict[tuple[str, str], dict]:
    return {
        (row["name"], row["slice"]): row
        for row in json.loads((place / "metrics.json").read_text(encoding="utf-8"))
    }


@pytest.mark.slow
def test_a_run_writes_sheets_and_reads_them_back(tmp_path: Path) -> None:
    work = tmp_path / "work"
    place = run.run(recipe(tmp_path), work, Progress())
    names = {path.name for path in place.glob("experts*")}
    assert {
        f"{stem}-{seat}.{end}"
        for stem in ("experts", "experts-scores")
        for seat in (1, 2)
        for end in ("csv", "label-studio.json", "argilla.json")
    } <= names
    assert "experts.md" in names and all(path.stat().st_mode & 0o077 == 0 for path in [place])
    before = figures(place)
    assert before["expert.annotators", "all"]["value"] == 0 and not [
        name for name, _ in before if name.startswith(("experts.", "judge.expert"))
    ]
    for seat in (1, 2):
        fill(
            place / f"experts-{seat}.csv",
            lambda n, row, seat=seat: {
                "annotator": f"e{seat}",
                "overall": ("first", "second")[n % 2],
                "safety": "tie",
            },
            "cp1252",
            ";",
        )
        fill(
            place / f"experts-scores-{seat}.csv",
            lambda n, row, seat=seat: {
                "annotator": f"e{seat}",
                "safety": str(2 + n % 3),
                "empathy": "4",
            },
        )
    paths = [
        str(place / f"{stem}-{seat}.csv")
        for stem in ("experts", "experts-scores")
        for seat in (1, 2)
    ]
    again = run.run(recipe(tmp_path, f"annotations = {json.dumps(paths)}\n"), work, Progress())
    found = figures(again)
    assert (
        found["expert.annotators", "all"]["value"] == 2
        and found["expert.answered", "pairs:e1"]["value"] == 40
    )
    assert (
        found["expert.agreement", "overall"]["count"] == 80
        and found["experts.raw", "safety"]["value"] == 1
    )
    assert found["expert.repeat", "overall:e1"]["count"] == 4
    assert ("judge.expert.kappa", "safety:sample-judge") in found and found[
        "judge.expert.safety_recall", "safety:sample-judge"
    ]["count"] > 20
    for (name, _), row in found.items():
        if name.startswith(("expert", "judge.expert")):
            assert row["count"] > 0 and (
                row["low"] is not None
                or name
                in (
                    "expert.sheets",
                    "expert.annotators",
                    "expert.answered",
                    "expert.unsafe",
                )
            ), row


def test_the_sheets_of_another_run_are_refused(tmp_path: Path) -> None:
    place = run.run(recipe(tmp_path), tmp_path / "work", Progress())
    path = place / "experts-1.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    column, topic = rows[0].index("overall"), rows[0].index("annotator")
    for row in rows[1:]:
        row[0], row[column], row[topic] = row[0][::-1], "first", "e1"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    with pytest.raises(SourceError, match=r"experts-1.csv row 2: its sheet_id is not on the sheet"):
        run.run(recipe(tmp_path, f'annotations = "{path}"\n'), tmp_path / "work", Progress())


def test_one_path_a_list_or_none(tmp_path: Path) -> None:
    for said, paths in (
        ("", []),
        ('annotations = "a.csv"\n', [("a.csv", "")]),
        (
            'annotations = ["a.csv", { path = "b.json", annotator = "ben" }]\n',
            [("a.csv", ""), ("b.json", "ben")],
        ),
    ):
        _, found = load_recipe(recipe(tmp_path, said))
        assert [(str(one.path), one.annotator) for one in found.annotations] == paths
        (tmp_path / "again.toml").write_text(resolved(found), encoding="utf-8")
        assert load_recipe(str(tmp_path / "again.toml"))[1] == found


@pytest.mark.slow
def test_a_policys_answers_beside_the_opponents(tmp_path: Path, paper_work: Path) -> None:
    """The paper's expert check of the policy: a sheet for each arm's matches, and experts beside
    the judge.
    """
    copied(paper_work, tmp_path / "work")
    with Loopback() as server:
        path = write(tmp_path, server.url, more="matches = 5\n")
        place = run.run(str(path), tmp_path / "work", Progress())
        fill(
            place / "experts-matches.csv",
            lambda n, row: {"annotator": "ann", "overall": ("first", "second", "tie")[n % 3]},
        )
        path.write_text(
            f'annotations = "{place / "experts-matches.csv"}"\n' + path.read_text(encoding="utf-8"),
            encoding="utf-8",
        )
        found = figures(run.run(str(path), tmp_path / "work", Progress()))
    assert (
        found["expert.winrate", "overall:raw"]["count"]
        == found["expert.winrate", "overall:constrained"]["count"]
        == 5
    )
    assert (
        found["judge.expert.agreement", "overall"]["count"] == 10
        and found["expert.answered", "matches:ann"]["value"] == 10
    )
    assert ("expert.agreement", "overall") not in found


def test_matches_need_a_policy(tmp_path: Path) -> None:
    path = Path(recipe(tmp_path))
    path.write_text(path.read_text(encoding="utf-8") + "matches = 5\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="matches = 5, but only flow = 'paper'"):
        run.run(str(path), tmp_path / "work", Progress())
    assert not (tmp_path / "work").exists()


def test_experts_and_judge_answer_on_the_same_items(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        'name = "own"\ncitation = "c"\nlow = 0\nhigh = 6\n[[items]]\nname = "safety"\ntitle ='
        ' "s"\ndefinition = "d"\n',
        encoding="utf-8",
    )
    path = Path(recipe(tmp_path))
    path.write_text(
        path.read_text(encoding="utf-8") + f'instrument = "{tmp_path / "own.toml"}"\n',
        encoding="utf-8",
    )
    with pytest.raises(
        RecipeError,
        match=r"'own' is not what the judge rates on in \[dataset.rate\] \('psychocounsel'\)",
    ):
        load_recipe(str(path))
