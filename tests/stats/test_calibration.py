"""Calibration figures against scikit-learn and hand-worked values."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from psycopref.stats.calibration import (
    correct,
    ece,
    ece_floor,
    equal_mass,
    orientation,
    pair_figures,
    reliability,
    sigmoid,
    weighted_auc,
)

RNG = np.random.default_rng(7)
MARGINS = RNG.normal(0.8, 1.2, 300).round(1)
CLUSTERS = [f"s{n // 3}" for n in range(300)]
IDS = [f"preference-{n}" for n in range(300)]


def test_figures_are_scikit_learns_on_the_oriented_pairs():
    side = orientation(IDS)
    found = pair_figures(MARGINS, CLUSTERS, IDS, draws=200)
    labels, chances = side > 0, sigmoid(side * MARGINS)
    assert found.auc.value == pytest.approx(roc_auc_score(labels, chances))
    assert found.brier.value == pytest.approx(brier_score_loss(labels, chances))
    assert found.logloss.value == pytest.approx(log_loss(labels, chances))
    assert all(
        one.low < one.value < one.high and one.n == 300
        for one in (found.accuracy, found.auc, found.brier, found.logloss)
    )


def test_weighted_auc_is_scikit_learns():
    weight, label = RNG.integers(0, 4, 300).astype(float), (RNG.random(300) < 0.4).astype(float)
    ours = weighted_auc(MARGINS, label, np.stack([weight, np.ones(300)]))
    assert ours == pytest.approx(
        [roc_auc_score(label, MARGINS, sample_weight=weight), roc_auc_score(label, MARGINS)]
    )
    assert np.isnan(weighted_auc(MARGINS, np.ones(300), np.ones((1, 300))))[0]


def test_orientation_is_about_even_and_fixed():
    assert abs(orientation([str(n) for n in range(4000)]).mean()) < 0.05
    assert (orientation(IDS) == orientation(IDS)).all()
    assert orientation(["preference-0"])[0] == orientation(IDS)[0]


def test_equal_scores_are_half_right():
    assert correct([1.0, 0.0, -2.0]).tolist() == [1.0, 0.5, 0.0]


def test_ece_by_hand():
    """Two bins: confidence .6, right 1 of 2; confidence .9, right 2 of 2: (2 x .1 + 2 x .1) / 4 =
    .1.
    """
    near, far = np.log(0.6 / 0.4), np.log(0.9 / 0.1)
    assert ece([near, -near, far, far], list("abcd"), bins=2).value == pytest.approx(0.1)


def test_a_calibrated_model_has_a_small_error_and_an_overconfident_one_has_not():
    margin = np.abs(RNG.normal(0, 1.5, 6000))
    signed = np.where(RNG.random(6000) < sigmoid(margin), margin, -margin)
    names = [str(n) for n in range(6000)]
    assert ece(signed, names, draws=100).value < 0.02
    assert ece(signed * 4, names, draws=100).value > 0.1


def test_bins_hold_about_as_many_and_never_split_equal_values():
    counts = np.bincount(equal_mass(RNG.random(1000), 10))
    assert counts.min() >= 99 and counts.max() <= 101
    assert len(set(equal_mass(np.array([0.5] * 6 + [0.7, 0.8]), 4)[:6])) == 1


def test_reliability_counts_add_up_and_bound_the_share():
    rows = reliability(MARGINS, CLUSTERS, 10)
    assert sum(row.n for row in rows) == 300
    assert all(
        row.right_low <= row.right <= row.right_high
        and row.low - 1e-9 <= row.confidence <= row.high + 1e-9
        for row in rows
    )
    assert reliability([], []) == []


def test_a_perfect_model_claims_no_certainty():
    found = pair_figures(
        [5.0] * 30, [f"s{n}" for n in range(30)], [f"p{n}" for n in range(30)], draws=200
    )
    assert found.accuracy.value == 1 and 0.85 < found.accuracy.low < 1
    assert found.auc[0] == 1 and 0.5 < found.auc[1] < 0.95 and found.auc[2] == 1


def test_extreme_margins_do_not_overflow():
    assert sigmoid([-1e4, 1e4]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(("heat", "apart"), [(1.0, 1), (1.3, 1), (1.3, 3), (2.0, 1)])
def test_the_interval_of_the_calibration_error_holds_the_truth(heat, apart):
    """150 experiments of 150 pairs, from a calibrated model to one that is twice too sure, in
    clusters of 1 or 3: percentiles hold it in 0 to 60 %.
    """
    rng = np.random.default_rng(3)
    far = np.abs(rng.normal(0, 1.5, 100_000))
    truth = float(np.abs(sigmoid(far) - sigmoid(heat * far)).mean())
    names = [str(n // apart) for n in range(150)]
    held, floors = 0, []
    for seed in range(150):
        margin = np.repeat(np.abs(rng.normal(0, 1.5, 150 // apart)), apart)
        signed = np.where(rng.random(150) < sigmoid(margin), margin, -margin) * heat
        found = ece(signed, names, draws=200, seed=seed)
        held += found.low <= truth <= found.high
        floors.append(ece_floor(signed, draws=200, seed=seed).value)
        assert found.low <= found.value <= found.high
    assert held >= 0.88 * 150
    assert 0.05 < np.mean(floors) < 0.12


def test_the_floor_is_what_a_calibrated_model_shows():
    rng = np.random.default_rng(4)
    margin = np.abs(rng.normal(0, 1.5, 200))
    names = [str(n) for n in range(200)]
    shown = [
        ece(np.where(rng.random(200) < sigmoid(margin), margin, -margin), names, draws=2).value
        for _ in range(400)
    ]
    floor = ece_floor(margin, draws=1000)
    assert floor.value == pytest.approx(np.mean(shown), abs=0.005)
    assert np.mean([floor.low <= one <= floor.high for one in shown]) > 0.9


def test_pairs_that_are_all_right_say_nothing_of_the_noise():
    found = ece(np.linspace(0.1, 3, 40), [str(n) for n in range(40)], draws=200)
    assert found.low is None and found.n == 40
    assert ece([1.0, -1.0], ["a", "a"], draws=100).low is None, "one cluster"
