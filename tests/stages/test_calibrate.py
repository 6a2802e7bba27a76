"""Reward figures beside the baselines, by the names that others rely on."""

import dataclasses

import pytest
from small_world import small_world

from psycopref.errors import TableError
from psycopref.lab import Lab
from psycopref.stages.calibrate import Calibrate

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
                assert found[name, place + model].count == count


def test_accuracy_is_the_share_of_pairs_in_the_order_of_the_rewards(out):
    reward = {row.subject_id: row.score for row in W.rewards}
    right = sum(reward[row.chosen_id] > reward[row.rejected_id] for row in W.measure) / len(W.measure)
    row = figures(out)["reward.accuracy", "test_all"]
    assert row.value == pytest.approx(right) and row.low < right < row.high


def test_words_tell_the_styles_apart_and_length_does_not(out):
    found = figures(out)
    assert found["reward.accuracy", "test_all:tfidf"].value > 0.9
    assert found["reward.accuracy", "test_all:longer"].value < 0.8
    ahead = found["reward.accuracy_over", "test_all:tfidf"]
    assert ahead.value == pytest.approx(found["reward.accuracy", "test_all"].value - found["reward.accuracy", "test_all:tfidf"].value)


def test_bins_hold_every_pair_once(out):
    for place in ("test_all", "test_all:tfidf", "test_all:longer"):
        assert sum(row.count for row in out.bins if row.slice == place) == len(W.measure)


def test_the_second_time_it_is_found(lab: Lab, out):
    again = lab.do(STAGE, W.speeches, W.responses, W.preferences, W.measure, W.rewards)
    assert lab.taken[-1]["found"] and list(again.metrics) == list(out.metrics)


def test_without_train_pairs_there_are_no_baselines(lab: Lab):
    test = [row for row in W.preferences if row.split == "test"]
    out = lab.do(STAGE, W.speeches, W.responses, test, W.measure, W.rewards)
    assert {row.slice for row in out.metrics} == {"test", "test_all"}


def test_no_test_pairs_no_figures(lab: Lab):
    train = [row for row in W.preferences if row.split == "train"]
    assert not len(lab.do(STAGE, W.speeches, W.responses, train, [], W.rewards).metrics)


def test_a_response_without_a_reward_is_named(lab: Lab):
    lost = W.measure[0].chosen_id
    with pytest.raises(TableError, match="score all responses first"):
        lab.do(STAGE, W.speeches, W.responses, W.preferences, W.measure, [row for row in W.rewards if row.subject_id != lost])


def test_two_rewards_of_one_response_are_refused(lab: Lab):
    twice = [*W.rewards, dataclasses.replace(W.rewards[0], rating_id="rating-twice", judge="weights:other")]
    with pytest.raises(TableError, match="more than one reward"):
        lab.do(STAGE, W.speeches, W.responses, W.preferences, W.measure, twice)
