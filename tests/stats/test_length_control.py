"""Length control: statsmodels' fit, a planted truth, and no figure where lengths do not overlap."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit

from psycopref.stats.intervals import Floats
from psycopref.stats.length_control import LEAST, fit, length_control


def planted(
    n: int, seed: int, ability: float = 0.3, slope: float = 0.8, shift: float = 1.0
) -> tuple[Floats, Floats]:
    """Scores of two orders, and a length difference that is on average `shift` standard deviations
    of 40 words.
    """
    rng = np.random.default_rng(seed)
    d = np.round(rng.normal(40 * shift, 40, n))
    return (rng.random((n, 2)) < expit(ability + slope * d / 40)[:, None]).mean(1), d


def names(n: int) -> list[str]:
    return [str(at) for at in range(n)]


def test_the_fit_is_statsmodels_with_and_without_weights() -> None:
    y, d = planted(150, 0)
    x, weight = d / d.std(), np.random.default_rng(1).integers(0, 4, (3, 150)).astype(float)
    ours = fit(x, y, np.vstack([np.ones(150), weight]))
    for row, own in zip(ours, [np.ones(150), *weight], strict=True):
        theirs = (
            sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial(), freq_weights=own)
            .fit(tol=1e-12)
            .params
        )
        assert row.tolist() == pytest.approx(theirs.tolist(), abs=1e-7)


def test_the_planted_rate_is_found_where_the_raw_one_and_style_control_are_not() -> None:
    y, d = planted(4000, 2)
    found = length_control(y, d, names(4000), draws=400)
    truth = expit(0.3)
    assert found.rate.low < truth < found.rate.high and abs(found.rate.value - truth) < 0.03
    assert found.matched.low < truth + 0.01 and found.matched.high > truth - 0.01
    centred = expit(fit((d - d.mean()) / d.std(), y, np.ones((1, 4000)))[0, 0])
    assert y.mean() > truth + 0.1 and centred > truth + 0.1
    assert found.coefficient.low < 0.8 * d.std() / 40 < found.coefficient.high


def test_the_interval_is_that_of_the_sandwich() -> None:
    """statsmodels' robust (HC0) standard error of the intercept, which allows for scores that are
    not 0 or 1.
    """
    y, d = planted(800, 5)
    found = length_control(y, d, names(800), draws=4000)
    model = sm.GLM(y, sm.add_constant(d / d.std()), family=sm.families.Binomial()).fit(
        cov_type="HC0"
    )
    low, high = expit(model.params[0] + np.array([-1.96, 1.96]) * model.bse[0])
    assert (found.rate.low, found.rate.high) == pytest.approx((low, high), abs=0.006)


def test_rows_of_one_prompt_are_resampled_together() -> None:
    y, d = planted(150, 6)
    once, fourfold = (
        length_control(np.tile(y, k), np.tile(d, k), names(150) * k, draws=1000) for k in (1, 4)
    )
    assert fourfold.rate.high - fourfold.rate.low == pytest.approx(
        once.rate.high - once.rate.low, rel=0.1
    )


def test_no_figure_where_lengths_do_not_overlap() -> None:
    y, d = planted(300, 3, shift=3.0)
    found = length_control(y, d, names(300), draws=200)
    assert found.shorter < LEAST and found.reason == "no_overlap"
    assert (
        np.isnan(found.rate.value) and found.rate.low is None and np.isnan(found.coefficient.value)
    )
    assert length_control(y, np.full(300, 12.0), names(300), draws=200).reason == "no_overlap", (
        "one length difference says nothing of another"
    )
    few = np.where(np.arange(300) < LEAST - 1, -30.0, 30.0 + d % 7)
    assert length_control(y, few, names(300), draws=200).reason == "no_overlap"
    assert (
        length_control(
            y, np.where(np.arange(300) < 0.05 * 300, -30.0, few), names(300), draws=200
        ).reason
        == ""
    )


def test_no_figure_where_length_alone_tells_wins_from_losses() -> None:
    d = np.linspace(-50, 50, 101)
    for y in ((d > 0).astype(float), (d < 0).astype(float), (d >= -80).astype(float)):
        found = length_control(y, d, names(101), draws=200)
        assert found.reason == "separated" and np.isnan(found.rate.value)
    tied = np.where(d == 0, 0.5, d > 0)
    assert length_control(tied, d, names(101), draws=200).reason == "separated"


def test_equal_lengths_count_as_overlap() -> None:
    y, _ = planted(200, 8)
    d = np.where(np.arange(200) % 2 == 0, 0.0, 20.0 + np.arange(200) % 9)
    found = length_control(y, d, names(200), draws=300)
    assert found.reason == "" and found.matched.value == pytest.approx(y[::2].mean(), abs=0.05)


def test_coverage_is_nominal_where_that_of_rows_is_not() -> None:
    truth, hit, trials = expit(0.3), {"prompts": 0, "rows": 0}, 120
    for seed in range(trials):
        rng = np.random.default_rng(1000 + seed)
        d = rng.normal(30, 40, 120)
        p = expit(0.3 + 0.8 * d / 40)
        won = (rng.random(120) < p).astype(
            float
        )  # four judgements that all say the same: rows are copies
        for kind, label in (("prompts", names(120) * 4), ("rows", names(480))):
            found = length_control(np.tile(won, 4), np.tile(d, 4), label, draws=300, seed=seed)
            hit[kind] += found.rate.low <= truth <= found.rate.high  # type: ignore[assignment]
    assert hit["prompts"] / trials > 0.88 and hit["rows"] / trials < 0.8


def test_equal_lengths_are_perfect_overlap() -> None:
    y = np.tile([1.0, 0.0, 1.0, 0.5], 10)
    found = length_control(y, np.zeros(40), names(40), draws=200)
    assert (
        found.reason == ""
        and found.rate == found.matched
        and found.thin == 40
        and np.isnan(found.coefficient.value)
    )
    assert length_control(y[:8], np.zeros(8), names(8), draws=200).reason == "no_overlap", (
        "fewer than ten"
    )
    mixed = length_control(y, np.where(np.arange(40) < 6, 0.0, 9.0), names(40), draws=200)
    assert mixed.reason == "no_overlap" and (mixed.shorter, mixed.thin) == (0, 6)
