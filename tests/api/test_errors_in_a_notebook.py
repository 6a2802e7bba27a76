"""What a notebook shows of an error: one message, short, and nothing that a client said."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.loopback import Loopback

import psycopref as pp

SECRET = "Barnaby Thistlewood told me everything"
GAP: list[Any] = [SECRET, math.nan]  # what a data frame has where nothing stood


def shown(error: BaseException) -> list[str]:
    """What IPython prints: it asks the error itself."""
    return error._render_traceback_()  # type: ignore[attr-defined, no-any-return]


CASES: dict[str, tuple[Callable[[pp.Workspace], Any], str]] = {
    "one string": (lambda work: work.speeches(SECRET), "one string was given"),
    "a gap": (lambda work: work.speeches(GAP), "text 1 (from 0) is a float"),
    "no text": (lambda work: work.speeches(["", " "]), "there is no text"),
    "topics": (lambda work: work.speeches([SECRET], topics=["a", "b"]), "2 topics for 1 texts"),
    "a topic": (lambda work: work.speeches([SECRET], topics=["Nonsense"]), "topic"),
    "a share": (lambda work: work.speeches([SECRET], test_share=3), "test_share"),
    "a model": (lambda work: pp.model("m", "ftp://x"), "must begin with http"),
    "a setting": (lambda work: pp.model("m", temprature=1), "did you mean 'temperature'"),
    "one model": (lambda work: work.respond([], "sample/fir"), "give a list of models"),
    "twice": (lambda work: work.respond([], ["sample/fir"] * 2), "different names"),
    "a recipe": (lambda work: work.run("quikstart"), "did you mean 'quickstart'"),
    "a flow": (lambda work: pp.recipe(flow="papr"), "flow must be one of"),
    "no run": (lambda work: work.open(), "no finished run"),
    "a run's name": (lambda work: work.run(pp.load_recipe("quickstart"), name="../x"), "name"),
    "lists": (lambda work: pp.RewardModel("x").score(SECRET, SECRET), "two lists"),
    "lengths": (lambda work: pp.RewardModel("x").score([SECRET], []), "1 speeches and 0"),
    "no weights": (lambda work: pp.RewardModel("/x/y").score([SECRET], ["a"]), "/x/y"),
    "a shape": (lambda work: pp.agreement([1, 2, 3]), "(units, raters)"),
    "an outcome": (lambda work: pp.win_rate([0.7]), "1 (won), 0.5 (tie), 0 (lost)"),
    "clusters": (lambda work: pp.win_rate([1, 0], clusters=["a"]), "1 clusters for 2"),
    "rows": (lambda work: pp.to_polars([]), "an empty list"),
    "numbers": (lambda work: pp.to_pandas([1, 2]), "a list of int"),
}


@pytest.mark.parametrize("name", CASES)
def test_an_error_is_one_short_message(name: str, tmp_path: Path) -> None:
    mistake, says = CASES[name]
    with pytest.raises(pp.PsycoprefError) as caught:
        mistake(pp.Workspace(tmp_path / "w", quiet=True))
    lines = shown(caught.value)
    assert len(lines) == 1 and lines[0].startswith(type(caught.value).__name__ + ": ")
    assert says in lines[0] and len(lines[0]) < 400
    assert SECRET not in lines[0]


def test_ratings_on_another_instrument_are_told(tmp_path: Path) -> None:
    work = pp.Workspace(tmp_path / "w", quiet=True)
    with Loopback() as server:
        speeches = work.speeches(pp.sample_texts(3))
        answers = work.respond(speeches, [pp.model("m", server.url)]).responses
        ratings = [
            pp.Rating(f"r{at}", row.response_id, "bedside", "j", 3.0)
            for at, row in enumerate(answers)
        ]
    with pytest.raises(pp.RecipeError, match=r"on \['bedside'\] and not on"):
        work.pair(speeches, answers, ratings)


def test_without_torch_training_is_refused_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from psycopref.api import rewards

    monkeypatch.setattr(rewards, "find_spec", lambda name: None)
    with pytest.raises(pp.TrainError, match=r"pip install 'psycopref\[train\]'"):
        pp.RewardModel("x").score(["a"], ["b"])
    with pytest.raises(pp.TrainError, match=r"pip install 'psycopref\[train\]'"):
        pp.Workspace(tmp_path / "w").train_reward([], [], None)  # type: ignore[arg-type]
    assert not (tmp_path / "w").exists()


def test_without_pandas_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(pp.TableError, match="pip install pandas"):
        pp.to_pandas([pp.Turn("client", "x")])
