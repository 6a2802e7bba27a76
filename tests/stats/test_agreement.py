"""Agreement coefficients against published examples and values of independent programs."""

import math

import numpy as np
import pytest
from helpers.observers import FOUR
from sklearn.metrics import cohen_kappa_score

from psycopref.stats.agreement import (
    coefficient_interval,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac,
    krippendorff_alpha,
    weighting,
)


def test_krippendorffs_own_example():
    assert krippendorff_alpha(FOUR, "nominal") == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(FOUR, "ordinal") == pytest.approx(0.815, abs=5e-4)


def test_gwets_values_for_the_same_data():
    """Gwet's irrCAC on `cac.raw4raters`: AC1 .77544, Fleiss .76117; AC2 linear .85874, quadratic
    .91400.
    """
    assert gwet_ac(FOUR) == pytest.approx(0.77544, abs=5e-6)
    assert fleiss_kappa(FOUR) == pytest.approx(0.76117, abs=5e-6)
    assert gwet_ac(FOUR, "linear") == pytest.approx(0.85874, abs=5e-6)
    assert gwet_ac(FOUR, "quadratic") == pytest.approx(0.91400, abs=5e-6)


def test_fleiss_worked_example():
    """Ten subjects, fourteen raters, five categories: kappa .210 (the worked example of the
    encyclopedia article on Fleiss' kappa).
    """
    counts = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    ratings = np.array(
        [[category for category, count in enumerate(row) for _ in range(count)] for row in counts]
    )
    assert fleiss_kappa(ratings) == pytest.approx(0.210, abs=5e-4)


@pytest.mark.parametrize("kind", ["none", "linear", "quadratic"])
def test_cohen_is_scikit_learns(kind):
    rng = np.random.default_rng(4)
    first = rng.integers(1, 6, 120)
    second = np.clip(first + rng.integers(-1, 2, 120), 1, 5)
    assert cohen_kappa(first, second, kind) == pytest.approx(
        cohen_kappa_score(first, second, weights=None if kind == "none" else kind)
    )


def test_cohen_by_hand():
    """20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed .70, chance .50, kappa .40."""
    first, second = [1] * 25 + [0] * 25, [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    assert cohen_kappa(first, second) == pytest.approx(0.4)


def test_kappa_falls_with_prevalence_where_ac1_does_not():
    """87 % agreement on 200 pairs: kappa near .74 at even prevalence, far lower at 90 %; AC1
    stays.
    """
    even = np.array([[1, 1]] * 87 + [[0, 0]] * 87 + [[1, 0]] * 13 + [[0, 1]] * 13, dtype=float)
    skewed = np.array([[1, 1]] * 167 + [[0, 0]] * 7 + [[1, 0]] * 13 + [[0, 1]] * 13, dtype=float)
    assert cohen_kappa(*even.T) == pytest.approx(0.74, abs=5e-3)
    assert cohen_kappa(*skewed.T) < 0.3
    assert gwet_ac(even) == pytest.approx(0.74, abs=5e-3)
    assert gwet_ac(skewed) == pytest.approx(0.84, abs=5e-3)


def test_perfect_agreement_and_no_variation():
    perfect = np.array([[1, 1], [2, 2], [1, 1]], dtype=float)
    assert krippendorff_alpha(perfect) == fleiss_kappa(perfect) == gwet_ac(perfect) == 1
    flat = np.ones((5, 2))
    assert (
        math.isnan(krippendorff_alpha(flat))
        and math.isnan(cohen_kappa(*flat.T))
        and math.isnan(gwet_ac(flat))
    )
    assert gwet_ac(flat, categories=[0, 1]) == 1


def test_categories_nobody_used_matter_to_weights():
    assert weighting("linear", np.array([1.0, 2.0, 5.0]))[0, 1] == pytest.approx(0.75)
    assert cohen_kappa([1, 2], [1, 2], "quadratic", [1, 2, 3, 4, 5]) == 1


def test_interval_over_units_holds_the_value():
    found = coefficient_interval(
        np.repeat(FOUR, 5, axis=0),
        lambda u: krippendorff_alpha(u, "nominal", [1, 2, 3, 4, 5]),
        draws=300,
    )
    assert found.low < found.value < found.high and found.n == 60


def test_units_of_one_cluster_are_drawn_together():
    units, clusters = (
        np.repeat(FOUR[:10], 4, axis=0),
        [f"speech-{n}" for n in range(10) for _ in range(4)],
    )

    def alpha(u):
        return krippendorff_alpha(u, "nominal", [1, 2, 3, 4, 5])

    apart, together = (
        coefficient_interval(units, alpha, 500),
        coefficient_interval(units, alpha, 500, clusters=clusters),
    )
    assert together.value == apart.value and together.n == apart.n == 40
    assert together.high - together.low > 1.5 * (apart.high - apart.low)
    assert (
        coefficient_interval(units, alpha, 500, clusters=[str(n) for n in range(100, 140)]) == apart
    ), "every unit a cluster of its own"
