"""Power and widths are what simulation and statsmodels say they are."""

import numpy as np
import pytest
from scipy.stats import t

from psycopref.stats import power
from psycopref.stats.claims import sign_test
from psycopref.stats.intervals import mean_interval, wilson
from psycopref.stats.topics import FEW, topic_rates


def scores(rate, ties, shape, rng):
    """Prompt scores of 1, 1/2 and 0 at a win rate and a share of ties."""
    return rng.choice([1.0, 0.5, 0.0], p=[rate - ties / 2, ties, 1 - rate - ties / 2], size=shape)


def shown(values, null):
    """The share of samples (rows) whose mean a two-sided t test at 0.05 tells from `null`; scores
    that are all alike tell nothing.
    """
    n, spread = values.shape[1], values.std(1, ddof=1)
    far = np.abs(values.mean(1) - null) > t.isf(0.025, n - 1) * spread / np.sqrt(n)
    return float((far & (spread > 0)).mean())


@pytest.mark.parametrize(("rate", "ties"), [(0.5, 0.0), (0.6, 0.2), (0.87, 0.1), (0.5, 1.0)])
def test_the_spread_is_that_of_the_scores(rate, ties):
    assert power.score_sd(rate, ties) == pytest.approx(
        scores(rate, ties, 200_000, np.random.default_rng(0)).std(), abs=3e-3
    )


@pytest.mark.parametrize(
    ("rate", "ties", "wanted"), [(0.6, 0.2, 0.8), (0.6, 0.0, 0.9), (0.7, 0.3, 0.8)]
)
def test_so_many_prompts_have_the_power_that_was_asked_for(rate, ties, wanted):
    n, rng = power.prompts_for_rate(rate, ties, wanted), np.random.default_rng(1)
    found = [shown(scores(rate, ties, (4000, size), rng), 0.5) for size in (n, n // 2)]
    assert found[0] == pytest.approx(wanted, abs=0.025) and found[1] < wanted - 0.15


def test_the_bootstrap_interval_that_runs_print_has_that_power_too():
    n, rng = power.prompts_for_rate(0.65, 0.2, 0.8), np.random.default_rng(2)
    names = [str(at) for at in range(n)]
    hits = [
        (mean_interval(scores(0.65, 0.2, n, rng), names, 400, seed).low or 0) > 0.5
        for seed in range(400)
    ]
    assert np.mean(hits) == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize(("together", "ties"), [(0.0, 0.0), (0.5, 0.0), (0.8, 0.2)])
def test_a_paired_difference_has_the_power_that_was_asked_for(together, ties):
    """Systems that win 0.6 and 0.5 against one opponent; on a part of the prompts the second's
    score is the first's, or a step below it.
    """

    def drawn(shape):
        one, apart = scores(0.6, ties, shape, rng), scores(0.5, ties, shape, rng)
        step = rng.random(shape) < 0.1 / (0.6 - ties / 2)
        return one, np.where(
            rng.random(shape) < together, np.where((one == 1) & step, 0.0, one), apart
        )

    rng = np.random.default_rng(3)
    one, other = drawn(400_000)
    assert one.mean() - other.mean() == pytest.approx(0.1, abs=4e-3)
    n = power.prompts_for_difference(
        0.1, float((one.std() + other.std()) / 2), float(np.corrcoef(one, other)[0, 1]), 0.8
    )
    one, other = drawn((4000, n))
    assert shown(one - other, 0.0) == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(
    ("rate", "ties", "n"),
    [(0.6, 0.2, 247), (0.7, 0.2, 55), (0.8, 0.1, 23), (0.9, 0.0, 11), (0.95, 0.0, 7)],
)
def test_the_sign_tests_power_is_what_it_rejects(rate, ties, n):
    """Numbers at which a t test at 0.05/8 would have a power of 0.8: the exact test that claims are
    made of has less, at 7 none.
    """
    rng = np.random.default_rng(5)
    found = np.mean(
        [sign_test(row, 0.5).p < 0.05 / 8 for row in scores(rate, ties, (1000, n), rng)]
    )
    assert power.sign_power(rate, ties, n, 0.05 / 8) == pytest.approx(found, abs=0.05)
    assert power.mean_power(rate - 0.5, power.score_sd(rate, ties), n, 0.05 / 8) >= 0.8 and (
        found > 0 or n == 7
    )


def test_many_prompts_have_the_power_of_the_count_in_full(monkeypatch):
    near = power.sign_power(0.53, 0.3, 2500, 0.01)
    monkeypatch.setattr(power, "_EXACT", 10_000)
    assert near == pytest.approx(power.sign_power(0.53, 0.3, 2500, 0.01), abs=1e-12)
    assert power.sign_power(0.55, 0.9, 200, 0.01) > 0.9 and power.sign_power(0.5, 1.0, 200) == 0


@pytest.mark.parametrize(
    ("rate", "ties", "wanted"),
    [(0.7, 0.2, 0.8), (0.8, 0.1, 0.8), (0.8, 0.1, 0.9), (0.9, 0.0, 0.8), (0.95, 0.0, 0.8)],
)
def test_a_topic_that_differs_is_claimed_as_often_as_was_asked_for(rate, ties, wanted):
    """Eight topics as `evaluate` looks at them: with one that differs it is claimed; with none that
    does, hardly ever.
    """
    n, rng = power.prompts_for_topic(rate, ties, 8, wanted), np.random.default_rng(6)
    names = [f"t{at}" for at in range(8) for _ in range(n)]

    def claimed(others):
        made = [
            np.concatenate([scores(rate, ties, n, rng), scores(others, ties, 7 * n, rng)])
            for _ in range(120)
        ]
        return np.mean([topic_rates(row, names, 200).claims.get("t0", 1.0) < 0.05 for row in made])

    assert n >= FEW and claimed(0.5) > wanted - 0.09 and claimed(rate) < 0.15


def test_a_topic_needs_so_many_and_no_fewer():
    for rate, ties in ((0.6, 0.2), (0.7, 0.2), (0.8, 0.1)):
        n = power.prompts_for_topic(rate, ties, 8)
        both = [
            power.sign_power(rate, ties, at, 0.05 / 8) * power.apart_power(rate, ties, at, 8)
            for at in (n - 1, *range(n, n + 40))
        ]
        assert both[0] < 0.8 <= min(both[1:]), (rate, n)


def test_power_is_statsmodels():
    stats = pytest.importorskip("statsmodels.stats.power")
    for effect, sd, n, alpha in [
        (0.1, 0.45, 150, 0.05),
        (0.05, 0.5, 80, 0.05),
        (0.2, 0.3, 12, 0.00625),
    ]:
        theirs = stats.TTestPower().power(effect / sd, n, alpha, alternative="two-sided")
        assert power.mean_power(effect, sd, n, alpha) == pytest.approx(theirs, abs=1e-6)
    theirs = stats.TTestPower().solve_power(
        0.1 / power.score_sd(0.6, 0.2), power=0.9, alpha=0.05, alternative="two-sided"
    )
    assert power.prompts_for_rate(0.6, 0.2, 0.9) == np.ceil(theirs)


def test_an_agreements_interval_is_as_narrow_as_asked_and_no_narrower():
    n = power.pairs_within(0.87, 0.05)
    assert np.diff(wilson(0.87, n))[0] / 2 <= 0.05 < np.diff(wilson(0.87, n - 1))[0] / 2
    assert 160 < n < 190, "the paper's 200 pairs give a little less than five points to each side"


@pytest.mark.parametrize(("kappa", "prevalence"), [(0.7, 0.5), (0.4, 0.2), (0.8, 0.9)])
def test_kappas_variance_is_statsmodels_and_simulations(kappa, prevalence):
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    table = power.two_by_two(kappa, prevalence)
    assert table.sum() == pytest.approx(1) and table.sum(0)[0] == pytest.approx(prevalence)
    theirs = inter_rater.cohens_kappa(table * 1000)
    assert float(theirs.kappa) == pytest.approx(kappa) and power.kappa_variance(
        table
    ) / 1000 == pytest.approx(float(theirs.std_kappa) ** 2)
    n, rng = power.pairs_for_kappa(kappa, 0.1, prevalence), np.random.default_rng(4)
    drawn = rng.multinomial(n, table.ravel(), size=4000).reshape(-1, 2, 2) / n
    chance = np.einsum("di,di->d", drawn.sum(2), drawn.sum(1))
    found = (np.trace(drawn, axis1=1, axis2=2) - chance) / (1 - chance)
    assert 1.96 * found.std() == pytest.approx(0.1, rel=0.08)


def test_what_cannot_be_shown_is_said():
    for call, says in [
        (lambda: power.prompts_for_rate(0.5), "a half"),
        (lambda: power.prompts_for_rate(0.95, 0.4), "cannot come with"),
        (lambda: power.prompts_for_rate(0.50001), "ten million"),
        (lambda: power.prompts_for_difference(0.0, 0.4), "nothing"),
        (lambda: power.prompts_for_difference(0.1, 0.4, 1.0), "correlation"),
        (lambda: power.pairs_within(0.9, 0.0), "half-width"),
        (lambda: power.two_by_two(-0.9, 0.1), "no two raters"),
        (lambda: power.two_by_two(0.5, 1.0), "prevalence"),
        (lambda: power.prompts_for_topic(0.6, 0.2, 1), "two topics or more"),
        (lambda: power.prompts_for_topic(0.5, 0.2, 4), "other than a half"),
        (lambda: power.pairs_for_kappa(0.7, 1e-6), "ten million"),
    ]:
        with pytest.raises(ValueError, match=says):
            call()


def test_the_smallest_rate_is_the_other_way_round():
    n = power.prompts_for_rate(0.6, 0.2, 0.8)
    assert (
        power.smallest_rate(n, 0.2) == pytest.approx(0.6) and power.smallest_rate(n - 5, 0.2) > 0.6
    )
    assert power.smallest_rate(3, 0.9) is None and power.smallest_rate(3) is None, (
        "three of three are no claim"
    )


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (174, 200, 0.816, 0.910),
        (184, 200, 0.874, 0.950),
        (170, 200, 0.794, 0.893),
        (165, 200, 0.766, 0.871),
        (0, 10, 0.0, 0.278),
    ],
)
def test_published_counts_have_wilsons_interval(hits, n, low, high):
    plain, exact = power.counted(hits, n)
    assert (plain.low, plain.high) == pytest.approx((low, high), abs=1e-3)
    assert exact.low <= plain.low and exact.high >= plain.high and plain.n == n
