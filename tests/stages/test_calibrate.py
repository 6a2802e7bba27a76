"""Reward figures beside the baselines, by the names that others rely on."""

import dataclasses

import pytest
from helpers.small_world import small_world

from psycopref.errors import TableError
from psycopref.lab import Lab
from psycopref.stages.calibrate import Calibrate
from psycopref.tables import Verdict

W = small_world()
STAGE = Calibrate(bins=5, draws=200)


def figures(out):
    return {(row.name, row.slice): row for row in out.metrics}


@pytest.fixture
def out(lab: Lab):
    return lab.do(STAGE, W.speeches, W.responses, W.preferences, W.measure, W.rewards)


def test_every_promised_name_is_there_with_counts(out):
    found = figures(out)
    test = sum(row.split == "test" for row in W.preferences)
    for name in ("reward.accuracy", "reward.auc", "reward.ece", "reward.brier"):
        for place, count in (("test", test), ("test_all", len(W.measure))):
            for model in ("", ":tfidf", ":longer"):
                row = (
                    found.get((name, place + model))
                    or found[f"{name}.without_interval", place + model]
                )
                assert row.count == count
    assert found["reward.accuracy", "test"].value == 1 and ("reward.ece", "test") not in found, (
        "all right: the noise of its gaps is unknown"
    )
    assert (
        found["reward.ece", "test_all"].low <= found["reward.ece", "test_all"].value
        and ("reward.ece_floor", "test_all") in found
    )


def test_accuracy_is_the_share_of_pairs_in_the_order_of_the_rewards(out):
    reward = {row.subject_id: row.score for row in W.rewards}
    right = sum(reward[row.chosen_id] > reward[row.rejected_id] for row in W.measure) / len(
        W.measure
    )
    row = figures(out)["reward.accuracy", "test_all"]
    assert row.value == pytest.approx(right) and row.low < right < row.high


def test_words_tell_the_styles_apart_and_length_does_not(out):
    found = figures(out)
    assert found["reward.accuracy", "test_all:tfidf"].value > 0.9
    assert found["reward.accuracy", "test_all:longer"].value < 0.8
    ahead = found["reward.accuracy_over", "test_all:tfidf"]
    assert ahead.value == pytest.approx(
        found["reward.accuracy", "test_all"].value
        - found["reward.accuracy", "test_all:tfidf"].value
    )


def test_bins_hold_every_pair_once(out):
    for place in ("test_all", "test_all:tfidf", "test_all:longer"):
        assert sum(row.count for row in out.bins if row.slice == place) == len(W.measure)


def test_the_second_time_it_is_found(lab: Lab, out):
    again = lab.do(STAGE, W.speeches, W.responses, W.preferences, W.measure, W.rewards)
    assert lab.taken[-1]["found"] and list(again.metrics) == list(out.metrics)


def test_without_train_pairs_there_are_no_baselines(lab: Lab):
    test = [row for row in W.preferences if row.split == "test"]
    out = lab.do(STAGE, W.speeches, W.responses, test, W.measure, W.rewards)
    models = {row.slice.split(":")[1] for row in out.metrics if ":" in row.slice}
    assert models == {
        "topic",
        "gap",
        "length",
    }, "parts of the reward model's own figures, and no other model"


def test_no_test_pairs_no_figures(lab: Lab):
    train = [row for row in W.preferences if row.split == "train"]
    assert not len(lab.do(STAGE, W.speeches, W.responses, train, [], W.rewards).metrics)


def test_a_response_without_a_reward_is_named(lab: Lab):
    lost = W.measure[0].chosen_id
    with pytest.raises(TableError, match="score all responses first"):
        lab.do(
            STAGE,
            W.speeches,
            W.responses,
            W.preferences,
            W.measure,
            [row for row in W.rewards if row.subject_id != lost],
        )


def test_two_rewards_of_one_response_are_refused(lab: Lab):
    twice = [
        *W.rewards,
        dataclasses.replace(W.rewards[0], rating_id="rating-twice", judge="weights:other"),
    ]
    with pytest.raises(TableError, match="more than one reward"):
        lab.do(STAGE, W.speeches, W.responses, W.preferences, W.measure, twice)


def test_parts_hold_every_pair_once_for_each_division(out):
    for model in ("", ":tfidf"):
        for division in ("topic", "gap", "length"):
            rows = [
                row
                for row in out.metrics
                if row.name == "reward.accuracy"
                and row.slice.startswith(f"test_all{model}:{division}:")
            ]
            assert len(rows) > 1 and sum(row.count for row in rows) == len(W.measure)
            mean = sum(row.value * row.count for row in rows) / len(W.measure)
            assert mean == pytest.approx(figures(out)["reward.accuracy", f"test_all{model}"].value)


def test_a_temperature_is_fitted_on_dev_and_leaves_accuracy_alone(lab: Lab, out):
    found = figures(out)
    hot = found["reward.temperature", "dev"]
    assert (
        hot.count == sum(row.split == "dev" for row in W.preferences)
        and hot.low < hot.value < hot.high
    )
    sure = [dataclasses.replace(row, score=row.score * 20) for row in W.rewards]
    again = figures(lab.do(STAGE, W.speeches, W.responses, W.preferences, W.measure, sure))
    assert again["reward.temperature", "dev"].value == pytest.approx(20 * hot.value, rel=1e-6)
    assert again["reward.logloss_scaled", "test_all"].value == pytest.approx(
        found["reward.logloss_scaled", "test_all"].value, rel=1e-6
    )
    assert again["reward.ece", "test_all"].value > found["reward.ece_scaled", "test_all"].value
    assert again["reward.accuracy", "test_all"].value == found["reward.accuracy", "test_all"].value


def test_reward_models_of_others_stand_beside_on_the_pairs_that_they_scored(lab: Lab):
    left_out = W.measure[0].chosen_id
    twin = [
        dataclasses.replace(row, judge="twin") for row in W.rewards if row.subject_id != left_out
    ]
    turned = [dataclasses.replace(row, judge="turned", score=-row.score) for row in W.rewards]
    found = figures(
        lab.do(
            STAGE, W.speeches, W.responses, W.preferences, W.measure, W.rewards, [*twin, *turned]
        )
    )
    lost = sum(left_out in (row.chosen_id, row.rejected_id) for row in W.measure)
    assert found["reward.unscored", "test_all:twin"].value == lost > 0
    assert found["reward.accuracy", "test_all:twin"].count == len(W.measure) - lost
    level = found["reward.accuracy_over", "test_all:twin"]
    assert level.count == len(W.measure) - lost and level.low < level.value == 0 < level.high, (
        "paired on the pairs that both scored, all level"
    )
    assert found["reward.accuracy", "test_all:turned"].value == pytest.approx(
        1 - found["reward.accuracy", "test_all"].value
    )
    assert (
        "reward.temperature",
        "dev:turned",
    ) not in found, "none of it learnt: there is no temperature"
    assert found["reward.temperature.without_interval", "dev:turned"].count == sum(
        row.split == "dev" for row in W.preferences
    )
    assert ("reward.ece_scaled", "test_all:turned") not in found


def test_scaled_figures_stand_only_where_the_temperature_has_an_interval(lab: Lab):
    """All dev pairs of one speech: a temperature without an interval."""
    one = next(row.speech_id for row in W.preferences if row.split == "dev")
    rows = [row for row in W.preferences if row.split != "dev" or row.speech_id == one]
    found = figures(lab.do(STAGE, W.speeches, W.responses, rows, W.measure, W.rewards))
    assert ("reward.temperature.without_interval", "dev") in found and not any(
        name.endswith("_scaled") and ":" not in place for name, place in found
    )


def test_a_model_that_scored_nothing_stands_there_as_not_scored(lab: Lab):
    stage = Calibrate(bins=5, draws=200, names=("mute", "turned"))
    turned = [dataclasses.replace(row, judge="turned", score=-row.score) for row in W.rewards]
    found = figures(
        lab.do(stage, W.speeches, W.responses, W.preferences, W.measure, W.rewards, turned)
    )
    row = found["reward.unscored", "test_all:mute"]
    assert (
        row.value == row.count == len(W.measure)
        and ("reward.unscored", "test_all:turned") not in found
    )


def test_a_rankers_votes_are_means_of_both_orders_and_a_lost_order_is_no_score(lab: Lab):
    verdicts = []
    for number, row in enumerate(W.measure):
        first = Verdict(
            f"v{number}",
            row.speech_id,
            row.chosen_id,
            row.rejected_id,
            "overall",
            "ranker",
            "first",
        )
        other = Verdict(
            f"w{number}",
            row.speech_id,
            row.rejected_id,
            row.chosen_id,
            "overall",
            "ranker",
            "first" if number % 2 else "second",
        )
        verdicts += [first] if number == 2 else [first, other]
    found = figures(
        lab.do(STAGE, W.speeches, W.responses, W.preferences, W.measure, W.rewards, (), verdicts)
    )
    known = [0.5 if number % 2 else 1.0 for number in range(len(W.measure)) if number != 2]
    row = found["reward.accuracy", "test_all:ranker"]
    assert (
        row.value == pytest.approx(sum(known) / len(known))
        and row.count == len(known)
        and row.low < row.value < row.high
    )
    assert found["reward.unscored", "test_all:ranker"].value == 1
    assert found["reward.flipped", "test_all:ranker"].value == pytest.approx(
        known.count(0.5) / len(known)
    )
    assert ("reward.auc", "test_all:ranker") not in found, "votes are no probabilities"


def test_another_test_set_stands_alone_under_its_name(lab: Lab):
    stage = Calibrate(bins=5, draws=200, name="bench")
    train = [row for row in W.preferences if row.split != "test"]
    found = figures(lab.do(stage, W.speeches, W.responses, train, W.measure, W.rewards))
    assert {place.split(":")[0] for _, place in found} == {"bench", "dev"}
    assert found["reward.accuracy", "bench:tfidf"].value > 0.9
