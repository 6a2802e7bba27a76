"""Ratings to preferences."""

import pytest

from psycopref.errors import RecipeError
from psycopref.instruments import load_instrument
from psycopref.lab import Lab
from psycopref.stages.pair import Pair
from psycopref.tables import Rating, Response, Speech
from psycopref.toml_files import checked

ITEMS = [item.name for item in load_instrument("psychocounsel").items]


def rows(scores: dict[str, dict[str, float]], split: str) -> tuple[list[Speech], list[Response], list[Rating]]:
    speeches = [Speech(f"speech-{name}", "made-up", name, split=split) for name in scores]  # type: ignore[arg-type]
    responses = [Response(f"response-{name}{who}", f"speech-{name}", who, f"{name} {who}") for name, by in scores.items() for who in by]
    ratings = [
        Rating(f"rating-{name}{who}{item}", f"response-{name}{who}", item, "judge", score)
        for name, by in scores.items()
        for who, score in by.items()
        for item in ITEMS
    ]
    return speeches, responses, ratings


def test_train_takes_every_gap_of_one(lab: Lab) -> None:
    out = Pair(instrument="psychocounsel").run(lab, *rows({"x": {"a": 5, "b": 4, "c": 3.5, "d": 3}}, "train"))
    assert sorted((p.chosen_id[-1], p.rejected_id[-1], p.gap) for p in out.preferences) == [("a", "b", 1.0), ("a", "c", 1.5), ("a", "d", 2.0), ("b", "d", 1.0)]
    assert list(out.measure) == [] and list(out.failures) == []


def test_test_takes_best_against_worst_and_measures_every_gap(lab: Lab) -> None:
    out = Pair(instrument="psychocounsel").run(lab, *rows({"x": {"a": 5, "b": 4, "c": 4.5, "d": 3}, "y": {"a": 4, "b": 3.5}}, "test"))
    assert [(p.chosen_id, p.rejected_id, p.gap, p.split) for p in out.preferences] == [("response-xa", "response-xd", 2.0, "test")]
    assert len(out.measure) == 7
    counts = {m.slice: m.value for m in out.metrics}
    assert counts["test"] == 1 and counts["test_all"] == 7 and counts["train"] == 0


def test_equal_scores_make_no_pair(lab: Lab) -> None:
    out = Pair(instrument="psychocounsel", measure_gap=0.1).run(lab, *rows({"x": {"a": 4, "b": 4}}, "test"))
    assert len(out.preferences) == len(out.measure) == 0


def test_a_response_without_all_ratings_is_left_out_with_a_row(lab: Lab) -> None:
    speeches, responses, ratings = rows({"x": {"a": 5, "b": 1}}, "train")
    out = Pair(instrument="psychocounsel").run(lab, speeches, responses, ratings[:-1])
    assert len(out.preferences) == 0
    assert [(f.subject_id, f.reason) for f in out.failures] == [("response-xb", "unrated: pair")]


def test_a_reward_model_is_a_judge_too(lab: Lab) -> None:
    speeches, responses, _ = rows({"x": {"a": 0, "b": 0, "c": 0}}, "train")
    scores = [Rating(f"r{n}", r.response_id, "reward", "weights:1", float(n)) for n, r in enumerate(responses)]
    out = Pair(item="reward", train="best_worst", gap=0.1).run(lab, speeches, responses, scores)
    assert [(p.chosen_id[-1], p.rejected_id[-1]) for p in out.preferences] == [("c", "a")]


@pytest.mark.parametrize("settings", [{}, {"instrument": "psychocounsel", "item": "reward"}])
def test_without_one_kind_of_rating_there_is_nothing_to_pair_by(settings: dict[str, str]) -> None:
    with pytest.raises(RecipeError, match="either `instrument` or `item`"):
        checked(Pair, settings, "recipe.toml")
