"""Tests behind claims, against statsmodels; two systems on the same prompts."""

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.descriptivestats import sign_test as their_sign_test
from statsmodels.stats.multitest import multipletests

from psycopref.stats.claims import holm, paired_systems, sign_test
from psycopref.stats.intervals import mean_interval


def test_the_sign_test_is_statsmodels() -> None:
    values = np.random.default_rng(0).choice(
        [-0.5, 0.0, 0.25, 0.5], size=60, p=[0.2, 0.3, 0.2, 0.3]
    )
    ours = sign_test(values)
    assert ours.p == pytest.approx(their_sign_test(values, 0.0)[1], rel=1e-9)
    assert (ours.above, ours.below, ours.level) == (
        (values > 0).sum(),
        (values < 0).sum(),
        (values == 0).sum(),
    )
    assert sign_test([0.5, 0.5], 0.5).p == 1.0


@pytest.mark.parametrize(
    "p_values", [[0.01, 0.04, 0.03, 0.005], [0.2, 0.2, 0.01], [0.9], [0.5, 0.6, 0.7, 0.04, 0.011]]
)
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())


def test_mcnemar_is_statsmodels_and_agrestis_figures() -> None:
    """Agresti 2013, Categorical Data Analysis, table 11.1: 1,600 voters twice, 150 turned from
    approval, 86 to it.
    """
    first = np.repeat([1.0, 1.0, 0.0, 0.0], [794, 150, 86, 570])
    second = np.repeat([1.0, 0.0, 1.0, 0.0], [794, 150, 86, 570])
    found = paired_systems(first, second, [str(n) for n in range(1600)], draws=500)
    assert found.mcnemar == pytest.approx(
        mcnemar([[794, 150], [86, 570]], exact=True).pvalue, rel=1e-9
    )
    assert found.difference.value == pytest.approx(0.04)
    assert (found.difference.low, found.difference.high) == pytest.approx(
        (0.021, 0.059), abs=0.002
    ), "the book: 0.04 +- 1.96 x 0.0095"
    assert found.signs.p == pytest.approx(found.mcnemar), (
        "with wins and losses alone the two tests are one"
    )


def test_failed_prompts_leave_the_pair_and_are_counted() -> None:
    found = paired_systems(
        [1, 0.5, np.nan, 1, np.nan], [0, 0.5, 1, np.nan, np.nan], list("abcde"), draws=200
    )
    assert found.difference.n == 2 and found.unpaired == 2 and found.signs[:3] == (1, 0, 1)


def test_what_the_prompts_share_cancels() -> None:
    rng = np.random.default_rng(3)
    ease = rng.normal(0, 2, 400)
    one, two = (
        (rng.random((400, 2)) < (1 / (1 + np.exp(-(ease + by))))[:, None]).mean(1)
        for by in (0.6, 0.0)
    )
    names = [str(n) for n in range(400)]
    found = paired_systems(one, two, names).difference
    apart = [mean_interval(side, names) for side in (one, two)]
    alone = np.hypot(*[end.high - end.low for end in apart])
    assert found.high - found.low < 0.85 * alone and found.low < 0.6 * 0.15 < found.high


def test_equal_systems_have_an_interval_that_is_as_wide_as_few_prompts_make_it() -> None:
    found = paired_systems([1.0] * 6, [1.0] * 6, list("abcdef")).difference
    assert found.low is not None and found.low < -0.2 and found.high > 0.2
