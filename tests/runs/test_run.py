"""One run of a recipe: which one is the newest, what it counts, and what an early end leaves
behind.
"""

import json
import os
from pathlib import Path

import pytest
from helpers.small_dataset import built, write
from helpers.tiny_paper import DATASET

from psycopref.errors import RecipeError, StoreError
from psycopref.flows import training
from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.recipes import load_recipe
from psycopref.report import content
from psycopref.runs import folder, run
from psycopref.store import run_folder
from psycopref.tables import Failure


def ended(work: Path, name: str, at: int) -> Path:
    place = work / "runs" / name
    place.mkdir(parents=True)
    (place / "steps.json").write_text('{"steps": []}', encoding="utf-8")
    os.utime(place / "steps.json", (at, at))
    return place


def test_the_newest_run_is_the_one_that_ended_last(tmp_path: Path) -> None:
    old, new = ended(tmp_path, "b", 1_000), ended(tmp_path, "a", 2_000)
    (old / "notes.txt").write_text("saved later", encoding="utf-8")
    os.utime(old, (3_000, 3_000))
    os.utime(new, (2_000, 2_000))
    assert run_folder.latest(tmp_path) == new and run_folder.latest(tmp_path, "b") == old


def test_a_run_that_did_not_end_is_none(tmp_path: Path) -> None:
    (tmp_path / "runs" / "small-1").mkdir(parents=True)
    with pytest.raises(StoreError, match="no finished run"):
        run_folder.latest(tmp_path)
    with pytest.raises(StoreError, match="did not end"):
        run_folder.latest(tmp_path, "small-1")


def test_a_damaged_file_of_a_run_says_what_to_do(tmp_path: Path) -> None:
    (ended(tmp_path, "a", 1_000) / "steps.json").write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match=r"steps.json: missing or not JSON"):
        run_folder.taken(run_folder.latest(tmp_path))


def test_failed_calls_are_counted_once_and_rows_apart(lab: Lab) -> None:
    rows = [Failure(f"f{n}", f"response-{n}", "refused: rate empathy", "call-1") for n in range(4)]
    rows += [
        Failure("f5", "speech", "truncated: respond", "call-2"),
        Failure("f6", "response-9", "unrated: pair"),
    ]
    found = {(row.name, row.slice): row.value for row in folder.run_metrics(lab, rows, 1.0)}
    assert (found["calls.failed", "run"], found["failures", "run"]) == (2, 6)


@pytest.mark.parametrize("path", ["nowhere.csv", "."])
def test_annotations_that_are_not_there_are_said_before_anything_is_made(
    tmp_path: Path, path: str
) -> None:
    recipe = write(tmp_path, f'annotations = "{path}"\n')
    recipe.write_text(
        recipe.read_text(encoding="utf-8") + "[validate]\npairs = 4\n", encoding="utf-8"
    )
    with pytest.raises(RecipeError, match="annotations"):
        run.run(str(recipe), tmp_path / "work", Progress())
    assert not (tmp_path / "work").exists()


def test_annotations_that_do_not_fit_leave_no_run(tmp_path: Path) -> None:
    (tmp_path / "filled.csv").write_text("annotator\nme\n", encoding="utf-8")
    recipe = write(tmp_path, f'annotations = "{tmp_path / "filled.csv"}"\n')
    recipe.write_text(
        recipe.read_text(encoding="utf-8") + "[validate]\npairs = 4\n", encoding="utf-8"
    )
    with pytest.raises(Exception, match=r"filled.csv"):
        run.run(str(recipe), tmp_path / "work", Progress())
    assert not list((tmp_path / "work").glob("runs/*"))


def test_what_a_run_leaves_is_private(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir(mode=0o755)
    place = run_folder.latest(built(tmp_path))
    assert all(path.stat().st_mode & 0o077 == 0 for path in (place, place.parent))
    assert {
        row["name"] for row in json.loads((place / "metrics.json").read_text(encoding="utf-8"))
    } >= {"pairs", "calls.failed", "failures"}


NO_PAIRS = """
[dataset.respond]
pool = "sample"
[dataset.rate]
instrument = "psychocounsel"
judge = "sample/sample-judge"
[dataset.pair]
instrument = "psychocounsel"
gap = 4.5
"""


def test_a_dataset_without_a_pair_is_said_loudly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = DATASET.replace('"published", path = "FOLDER"', '"sample"')
    (tmp_path / "recipe.toml").write_text(f'flow = "dataset"{sample}{NO_PAIRS}', encoding="utf-8")
    run.run(str(tmp_path / "recipe.toml"), tmp_path / "work", Progress(quiet=False))
    assert "WARNING: no preference pairs: 888 responses" in " ".join(
        capsys.readouterr().err.split()
    )


def test_kin_of_the_judge_is_noted_from_the_recipe() -> None:
    _, recipe = load_recipe("open")
    assert isinstance(recipe, training.TrainingRecipe)
    (said,) = content.notes(recipe)
    assert said.startswith(
        "2 of the 8 models that answered are of the judge's own family (Qwen/Qwen2.5-72B-Instruct,"
        " Alibaba)"
    )
    policy = recipe.training.policy.model_copy(update={"base": "Qwen/Qwen2.5-3B-Instruct"})
    own = recipe.model_copy(
        update={"training": recipe.training.model_copy(update={"policy": policy})}
    )
    assert any(
        "the model that was trained (Qwen/Qwen2.5-3B-Instruct) are of one family (Alibaba)" in line
        for line in content.notes(own)
    )
    assert content.notes(load_recipe("quickstart")[1]) == []
