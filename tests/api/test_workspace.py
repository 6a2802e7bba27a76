"""A workspace in a notebook: steps are done once, groups stay together, tables are there."""

from pathlib import Path

import pytest
from helpers.loopback import Loopback
from helpers.small_dataset import built

import psycopref as pp
from psycopref.stats.coefficients import coefficients
from psycopref.stats.winrate import win_rate


def test_speeches_are_masked_placed_and_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [
        f"Number {at}: please call me on 0170 1234567 about {at * 7} things." for at in range(40)
    ]
    groups = [f"client {at // 4}" for at in range(40)]
    work = pp.Workspace(tmp_path / "w")
    speeches = work.speeches([*texts, "", texts[0].upper()], groups=[*groups, "", ""], dev_share=0)
    assert "2 texts are left out" in capsys.readouterr().err
    frame = pp.to_polars(speeches)
    assert not frame["text"].str.contains("1234567").any()
    assert frame.filter(frame["group"] != "").group_by("group").n_unique()["split"].max() == 1
    assert not any("client" in group for group in frame["group"])
    assert set(frame["split"]) <= {"train", "test"}
    assert repr(speeches) == f"<{len(speeches)} rows of Speech>" and "Number" not in repr(speeches)


def test_a_cell_that_is_run_again_asks_nobody(tmp_path: Path) -> None:
    with Loopback() as server:
        models = [pp.model("a", server.url), pp.model("b", server.url)]
        first = pp.Workspace(tmp_path / "w", quiet=True)
        speeches = first.speeches(pp.sample_texts(4))
        answers = first.respond(speeches, models)
        assert len(answers.responses) == 8, "every model answers every speech"
        ratings = first.rate(speeches, answers.responses, pp.model("judge", server.url))
        asked = sum(server.book.requests.values())
        again = pp.Workspace(tmp_path / "w", quiet=True)
        speeches = again.speeches(pp.sample_texts(4))
        answers = again.respond(speeches, models)
        assert again.rate(speeches, answers.responses, pp.model("judge", server.url)) is not None
        assert sum(server.book.requests.values()) == asked
        pairs = again.pair(speeches, answers.responses, ratings.ratings, gap=0.1)
        assert {row.chosen_id for row in pairs.preferences} <= {
            row.response_id for row in answers.responses
        }


def test_a_finished_run_gives_its_tables(tmp_path: Path) -> None:
    work = pp.Workspace(built(tmp_path), quiet=True)
    run = work.open()
    assert run.report.is_file() and run.recipe.is_file()
    assert run.steps["stage"].to_list()[:2] == ["collect", "clean"]
    assert {"name", "slice", "value", "low", "high", "count"} == set(run.metrics.columns)
    data = run.dataset()
    assert data.preferences.height and set(data.preferences["speech_id"]) <= set(
        data.speeches["speech_id"]
    )
    assert run.table("topics", "speeches").equals(data.speeches)
    assert run.table(run.steps["step"][0], "speeches").height >= data.speeches.height
    with pytest.raises(pp.StoreError, match="has no step 'respond'"):
        run.table("respond", "responses")
    assert work.runs()["run"].to_list() == [run.name] and run.name in repr(run)
    assert run.summary().made["pairs"] == data.preferences.height
    assert pp.to_pandas(data.preferences).shape == data.preferences.shape


def test_a_recipe_that_is_built_is_the_one_that_is_loaded(tmp_path: Path) -> None:
    recipe = pp.load_recipe("quickstart")
    values = {name: getattr(recipe, name) for name in type(recipe).model_fields}
    values["validate"] = values.pop("validate_")
    assert pp.recipe(**values) == recipe


def test_the_figures_are_those_of_the_report() -> None:
    ratings = [[1, 1], [0, 1], [1, 1], [0, 0], [1, 1]]
    clusters = ["a", "a", "b", "c", "d"]
    assert pp.agreement(ratings, clusters=clusters) == coefficients(ratings, clusters, [0, 1])
    assert pp.win_rate([1, 0.5, 0]) == win_rate([1, 0.5, 0], ["0", "1", "2"])
