"""Temperature scaling against a plain minimiser, and what it is for."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression

from psycopref.stats.calibration import ece, sigmoid
from psycopref.stats.temperature import scaled, temperature


def world(seed: int, sure: float, pairs: int = 3000):
    """Margins of a model that is `sure` times as sure as it is right, and speeches of three pairs
    each.
    """
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 1.5, pairs)
    sign = np.where(rng.random(pairs) < sigmoid(true), 1.0, -1.0)
    return sure * true * sign, [f"speech {at // 3}" for at in range(pairs)]


@pytest.mark.parametrize("sure", [0.2, 1.0, 4.0])
def test_the_temperature_is_that_of_a_plain_minimiser_and_of_a_logistic_regression(sure):
    margin, speeches = world(1, sure)
    plain = minimize_scalar(
        lambda t: np.logaddexp(0, -margin / t).mean(),
        bounds=(0.01, 100),
        method="bounded",
        options={"xatol": 1e-9},
    )
    found = temperature(margin, speeches, draws=200)
    assert found.value == pytest.approx(plain.x, rel=1e-5)
    both, label = (
        np.r_[margin, -margin][:, None],
        np.r_[np.ones(margin.size), np.zeros(margin.size)],
    )
    slope = (
        LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(both, label).coef_[0, 0]
    )
    assert found.value == pytest.approx(1 / slope, rel=1e-4)
    assert found.low < sure < found.high


def test_a_scaled_model_is_calibrated_on_pairs_that_it_was_not_fitted_on():
    dev, speeches = world(2, 4.0)
    test, _ = world(3, 4.0)
    before, after = (
        ece(test, speeches, draws=200),
        scaled(test, temperature(dev, speeches, draws=100).value, speeches, draws=200),
    )
    assert before.value > 0.1 and after.ece.value < 0.04
    assert after.logloss.value < np.logaddexp(0, -test).mean()


def test_no_temperature_where_the_loss_has_no_least_value():
    speeches = [f"speech {at}" for at in range(50)]
    assert np.isnan(temperature(np.linspace(0.1, 2, 50), speeches).value), (
        "every pair in the right order"
    )
    assert np.isnan(temperature(-np.linspace(0.1, 2, 50), speeches).value), (
        "every pair in the wrong order"
    )
    assert np.isnan(temperature(np.zeros(50), speeches).value)
    assert np.isnan(temperature([], []).value)
