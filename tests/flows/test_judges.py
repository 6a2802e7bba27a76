"""A second judge beside the first: the same responses, nothing of the first asked again, no pair of
the dataset touched.
"""

import json
from pathlib import Path

import pytest
from helpers.kill_recipe import RECIPE
from helpers.loopback import Loopback

from psycopref.errors import RecipeError
from psycopref.progress import Progress
from psycopref.runs import run
from psycopref.runs.rehearsal import rehearse


def write(folder: Path, url: str, flow: str = "judges", new: str = "second") -> Path:
    path = folder / f"{flow}.toml"
    text = RECIPE.format(url=url, c=4).replace("low = 640", "low = 720")
    judges = (
        f'[judges]\nspeeches = 5\nnew = {{ name = "{new}", kind = "openai", url = "{url}",'
        " concurrency = 4 }\n"
    )
    path.write_text(
        text if flow == "dataset" else text.replace('flow = "dataset"', 'flow = "judges"') + judges,
        encoding="utf-8",
    )
    return path


def test_only_the_new_judge_is_asked(tmp_path: Path) -> None:
    work = tmp_path / "work"
    with Loopback() as server:
        before = run.run(str(write(tmp_path, server.url, "dataset")), work, Progress())
        asked = sum(server.book.requests.values())
        place = run.run(str(write(tmp_path, server.url)), work, Progress())
        assert sum(server.book.requests.values()) == asked + 5 * 7, (
            "five speeches, one call for each principle"
        )
    rows = {
        (row["name"], row["slice"]): row
        for row in json.loads((place / "metrics.json").read_text(encoding="utf-8"))
    }
    old = {
        (row["name"], row["slice"]): row
        for row in json.loads((before / "metrics.json").read_text(encoding="utf-8"))
    }
    assert (
        rows["compare.responses", "all"]["value"] == 10
        and ("compare.kappa", "item:empathy") in rows
        and ("compare.bias", "overall") in rows
    )
    assert {key: row["value"] for key, row in rows.items() if key[0] == "pairs"} == {
        key: row["value"] for key, row in old.items() if key[0] == "pairs"
    }
    page = (place / "report.html").read_text(encoding="utf-8")
    assert "Another judge" in page and "Two judges on the same responses" in page


def test_a_judge_is_not_compared_with_itself(tmp_path: Path) -> None:
    with Loopback() as server, pytest.raises(RecipeError, match="name another one"):
        run.run(str(write(tmp_path, server.url, new="judge")), tmp_path / "work", Progress())


def test_the_dry_run_counts_the_new_judge(tmp_path: Path) -> None:
    with Loopback() as server:
        run.run(
            str(write(tmp_path, server.url, "dataset")), tmp_path / "work", Progress(quiet=True)
        )
        asked = sum(server.book.requests.values())
        lines = rehearse(
            str(write(tmp_path, server.url)), tmp_path / "work", Progress(quiet=True)
        ).calls
        assert {
            (line.model, line.calls - line.kept) for line in lines if line.calls > line.kept
        } == {("second", 35)}
        assert sum(server.book.requests.values()) == asked


def two_judges(folder: Path, url: str) -> Path:
    path = write(folder, url, "dataset")
    second = (
        f'judges = [{{ name = "second", kind = "openai", url = "{url}", concurrency = 4'
        " }]\n[dataset.pair]"
    )
    path.write_text(
        path.read_text(encoding="utf-8").replace("[dataset.pair]", second), encoding="utf-8"
    )
    return path


def test_a_dataset_of_two_judges_has_a_report_of_its_own(tmp_path: Path) -> None:
    with Loopback() as server:
        place = run.run(
            str(two_judges(tmp_path, server.url)), tmp_path / "work", Progress(quiet=True)
        )
    names = {
        row["name"] for row in json.loads((place / "metrics.json").read_text(encoding="utf-8"))
    }
    assert "judges.kappa" in names and "Another judge" not in (place / "report.html").read_text(
        encoding="utf-8"
    )


def test_a_judge_whose_ratings_all_failed_is_not_passed_over(tmp_path: Path) -> None:
    from helpers.loopback import Behaviour

    with (
        Loopback({"second": Behaviour(refused=1.0)}) as server,
        pytest.raises(RecipeError, match="no judge 'second'"),
    ):
        run.run(str(two_judges(tmp_path, server.url)), tmp_path / "work", Progress(quiet=True))
