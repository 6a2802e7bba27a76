"""Ratings to preferences."""

from pathlib import Path

import pytest

from psycopref.config.instruments import load_instrument
from psycopref.config.toml_files import checked
from psycopref.errors import RecipeError
from psycopref.lab import Lab
from psycopref.stages.pair import Pair
from psycopref.store import parquet
from psycopref.tables import Rating, Response, Speech

ITEMS = [item.name for item in load_instrument("psychocounsel").items]


def rows(
    scores: dict[str, dict[str, float]], split: str
) -> tuple[list[Speech], list[Response], list[Rating]]:
    speeches = [
        Speech(f"speech-{name}", "made-up", name, split=split)  # type: ignore[arg-type]
        for name in scores
    ]
    responses = [
        Response(f"response-{name}{who}", f"speech-{name}", who, f"{name} {who}")
        for name, by in scores.items()
        for who in by
    ]
    ratings = [
        Rating(f"rating-{name}{who}{item}", f"response-{name}{who}", item, "judge", score)
        for name, by in scores.items()
        for who, score in by.items()
        for item in ITEMS
    ]
    return speeches, responses, ratings


def test_train_takes_every_gap_of_one(lab: Lab) -> None:
    out = Pair(instrument="psychocounsel").run(
        lab, *rows({"x": {"a": 5, "b": 4, "c": 3.5, "d": 3}}, "train")
    )
    assert sorted((p.chosen_id[-1], p.rejected_id[-1], p.gap) for p in out.preferences) == [
        ("a", "b", 1.0),
        ("a", "c", 1.5),
        ("a", "d", 2.0),
        ("b", "d", 1.0),
    ]
    assert list(out.measure) == [] and list(out.failures) == []


def test_test_takes_best_against_worst_and_measures_every_gap(lab: Lab) -> None:
    out = Pair(instrument="psychocounsel").run(
        lab, *rows({"x": {"a": 5, "b": 4, "c": 4.5, "d": 3}, "y": {"a": 4, "b": 3.5}}, "test")
    )
    assert [(p.chosen_id, p.rejected_id, p.gap, p.split) for p in out.preferences] == [
        ("response-xa", "response-xd", 2.0, "test")
    ]
    assert len(out.measure) == 7
    counts = {m.slice: m.value for m in out.metrics}
    assert counts["test"] == 1 and counts["test_all"] == 7 and counts["train"] == 0


def test_equal_scores_make_no_pair(lab: Lab) -> None:
    out = Pair(instrument="psychocounsel", measure_gap=0.1).run(
        lab, *rows({"x": {"a": 4, "b": 4}}, "test")
    )
    assert len(out.preferences) == len(out.measure) == 0


def test_a_response_without_all_ratings_is_left_out_with_a_row(lab: Lab) -> None:
    speeches, responses, ratings = rows({"x": {"a": 5, "b": 1}}, "train")
    out = Pair(instrument="psychocounsel").run(lab, speeches, responses, ratings[:-1])
    assert len(out.preferences) == 0
    assert [(f.subject_id, f.reason) for f in out.failures] == [("response-xb", "unrated: pair")]


def test_a_reward_model_is_a_judge_too(lab: Lab) -> None:
    speeches, responses, _ = rows({"x": {"a": 0, "b": 0, "c": 0}}, "train")
    scores = [
        Rating(f"r{n}", r.response_id, "reward", "weights:1", float(n))
        for n, r in enumerate(responses)
    ]
    out = Pair(item="reward", train="best_worst", gap=0.1).run(lab, speeches, responses, scores)
    assert [(p.chosen_id[-1], p.rejected_id[-1]) for p in out.preferences] == [("c", "a")]


@pytest.mark.parametrize("settings", [{}, {"instrument": "psychocounsel", "item": "reward"}])
def test_without_one_kind_of_rating_there_is_nothing_to_pair_by(settings: dict[str, str]) -> None:
    with pytest.raises(RecipeError, match="either `instrument` or `item`"):
        checked(Pair, settings, "recipe.toml")


def by_item(
    scores: dict[str, dict[str, float]], topic: str = "", judge: str = "judge"
) -> tuple[list[Speech], list[Response], list[Rating]]:
    """One speech; per responder its score on each item (4 where none is given)."""
    speeches = [Speech("speech-x", "made-up", "x", topic=topic, split="train")]
    responses = [Response(f"response-{who}", "speech-x", who, who) for who in scores]
    ratings = [
        Rating(f"rating-{judge}{who}{item}", f"response-{who}", item, judge, own.get(item, 4.0))
        for who, own in scores.items()
        for item in ITEMS
    ]
    return speeches, responses, ratings


SAFE = {"a": {"safety": 5.0}, "b": {"safety": 1.0, "empathy": 5.0}}


@pytest.mark.parametrize(
    ("topic", "weights", "gap"),
    [
        ("Self-harm", {}, 3 / 7),
        ("Self-harm", {"Crisis and Safety Concerns": {"safety": 2}}, 7 / 8),
        (
            "Crisis and Safety Concerns",
            {"Crisis and Safety Concerns": {"safety": 2}},
            7 / 8,
        ),  # only the coarse topic is known
        ("Crisis and Safety Concerns", {"Self-harm": {"safety": 2}}, 3 / 7),
        ("Anxiety", {"Crisis and Safety Concerns": {"safety": 2}}, 3 / 7),
        ("", {"Crisis and Safety Concerns": {"safety": 2}}, 3 / 7),
        (
            "Self-harm",
            {"Crisis and Safety Concerns": {"safety": 2}, "Self-harm": {"safety": 3}},
            11 / 9,
        ),
        (
            "Self-harm",
            {"Crisis and Safety Concerns": {"safety": 2}, "Self-harm": {"empathy": 0}},
            8 / 7,
        ),
    ],
)
def test_items_weigh_by_topic(
    lab: Lab, topic: str, weights: dict[str, dict[str, float]], gap: float
) -> None:
    stage = Pair(instrument="psychocounsel", gap=0.1, topic_weights=weights)
    (pair,) = stage.run(lab, *by_item(SAFE, topic)).preferences
    assert pair.chosen_id == "response-a" and pair.gap == pytest.approx(gap, abs=1e-9)


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (
            {"Crisis and Safety Concern": {"safety": 2}},
            "no topic 'Crisis and Safety Concern'; did you mean 'Crisis and Safety Concerns'",
        ),
        (
            {"Self-harm": {"safty": 2}},
            "topic_weights of 'Self-harm': no item 'safty'; did you mean 'safety'",
        ),
        ({"Self-harm": {"safety": -1}}, "greater than or equal to 0"),
        (
            {"Self-harm": dict.fromkeys(ITEMS, 0)},
            "no item has a weight above 0 for the topic 'Self-harm'",
        ),
    ],
)
def test_topic_weights_name_what_there_is(weights: dict[str, dict[str, float]], says: str) -> None:
    with pytest.raises(RecipeError) as error:
        checked(Pair, {"instrument": "psychocounsel", "topic_weights": weights}, "recipe.toml")
    assert says in str(error.value)


def test_the_list_of_topics_is_part_of_the_settings_where_it_is_used() -> None:
    assert Pair(instrument="psychocounsel").topics is None
    assert (
        Pair(instrument="psychocounsel", topic_weights={"Self-harm": {"safety": 2}}).topics
        is not None
    )


def two_judges(
    other: dict[str, dict[str, float]],
) -> tuple[list[Speech], list[Response], list[Rating]]:
    speeches, responses, one = by_item(SAFE, judge="one")
    return speeches, responses, one + by_item(other, judge="two")[2]


def test_several_judges_are_averaged_by_their_weights(lab: Lab) -> None:
    given = two_judges(
        {"a": {"safety": 1.0}, "b": {"safety": 5.0}}
    )  # means: one a 29/7, b 26/7; two a 25/7, b 29/7
    stage = Pair(instrument="psychocounsel", gap=0.01)
    assert [(p.chosen_id[-1], p.gap) for p in stage.run(lab, *given).preferences] == [
        ("b", pytest.approx(0.5 / 7))
    ]
    heavy = stage.model_copy(update={"judges": {"one": 3.0, "two": 1.0}})
    assert [(p.chosen_id[-1], p.gap) for p in heavy.run(lab, *given).preferences] == [
        ("a", pytest.approx((3 * 3 - 4) / 4 / 7))
    ]
    alone = stage.model_copy(update={"judges": {"two": 1.0}})
    assert [(p.chosen_id[-1], p.gap) for p in alone.run(lab, *given).preferences] == [
        ("b", pytest.approx(4 / 7))
    ]
    with pytest.raises(RecipeError, match="no judge 'tow'; did you mean 'two'"):
        stage.model_copy(update={"judges": {"tow": 1.0}}).run(lab, *given)


def test_a_response_that_one_of_the_judges_did_not_rate_is_left_out(lab: Lab) -> None:
    speeches, responses, ratings = two_judges(SAFE)
    out = Pair(instrument="psychocounsel", gap=0.01).run(lab, speeches, responses, ratings[:-1])
    assert [f.subject_id for f in out.failures] == ["response-b"] and len(out.preferences) == 0
    assert (
        len(
            Pair(instrument="psychocounsel", gap=0.01, judges={"one": 1})
            .run(lab, speeches, responses, ratings[:-1])
            .preferences
        )
        == 1
    )


def test_repeats_are_averaged_within_a_judge(lab: Lab) -> None:
    speeches, responses, ratings = two_judges(SAFE)
    again = [
        Rating(f"again-{r.rating_id}", r.subject_id, r.item, r.judge, 1.0)
        for r in ratings
        if r.judge == "one" and r.item == "safety"
    ]
    (pair,) = (
        Pair(instrument="psychocounsel", gap=0.01)
        .run(lab, speeches, responses, ratings + again)
        .preferences
    )
    assert pair.gap == pytest.approx(
        ((5 + 1) / 2 - 1 - 1 + (5 - 1) - 1) / 2 / 7
    )  # one: safety 3 against 1; two: 5 against 1; empathy 4 against 5


def test_agreement_of_judges_is_measured(lab: Lab) -> None:
    world = [
        by_item(
            {
                f"{n}-{who}": dict.fromkeys(ITEMS, float(1 + (n + at) % 5))
                for at, who in enumerate("abc")
            }
        )
        for n in range(20)
    ]
    speeches, responses, one = ([row for part in world for row in part[at]] for at in (0, 1, 2))
    one = [
        Rating(f"one-{n}", r.subject_id, r.item, "one", r.score)  # type: ignore[attr-defined]
        for n, r in enumerate(one)
    ]
    same = [Rating(f"two-{n}", r.subject_id, r.item, "two", r.score) for n, r in enumerate(one)]
    other = [
        Rating(
            r.rating_id, r.subject_id, r.item, "two", 6 - r.score if r.item == "safety" else r.score
        )
        for r in same
    ]
    stage = Pair(instrument="psychocounsel")

    def found(ratings: list[Rating]) -> dict[tuple[str, str], float]:
        return {
            (m.name, m.slice): m.value
            for m in stage.run(lab, speeches[:1], responses, ratings).metrics
            if m.name.startswith("judges.")
        }

    assert found(one) == {}
    alike, apart = found(one + same), found(one + other)
    assert (
        alike["judges.kappa", "safety: one & two"]
        == pytest.approx(1)
        == alike["judges.spearman", "one & two"]
    )
    assert (
        apart["judges.kappa", "safety: one & two"]
        < -0.5
        < 0.99
        < apart["judges.kappa", "empathy: one & two"]
    )
    assert apart["judges.difference", "empathy: one & two"] == 0 and len(alike) == 1 + 2 * len(
        ITEMS
    )


def test_a_table_on_disk_gives_what_rows_give_and_keeps_its_texts_there(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = rows({f"{n}": {"a": 5, "b": 1 + n % 4, "c": 3} for n in range(30)}, "train")
    names = (Speech, Response, Rating)
    monkeypatch.setattr(parquet, "LARGE", 0)
    for row_type, some in zip(names, given, strict=True):
        parquet.write(
            parquet.table(row_type, some),  # type: ignore[type-var, arg-type]
            tmp_path / row_type.__name__,
        )
    tables = [parquet.read(row_type, tmp_path / row_type.__name__) for row_type in names]
    stage = Pair(instrument="psychocounsel")
    assert list(
        stage.run(lab, *tables).preferences  # type: ignore[arg-type]
    ) == list(stage.run(lab, *given).preferences)
    assert all(one._held is None for one in tables)
