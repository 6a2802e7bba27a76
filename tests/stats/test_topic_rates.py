"""Topics: pooling against numerical integration and a textbook, tests against scipy, and no claim
without an interaction.
"""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import binomtest

from psycopref.stats.topics import FEW, partial_pooling, permutation_f, topic_rates

# Rubin 1981: effects of coaching in eight schools with their standard errors
EFFECTS, ERRORS = [28.0, 8, -3, 7, -1, 1, 18, 12], [15.0, 10, 16, 11, 9, 11, 10, 18]


def test_pooling_is_the_posterior_by_brute_force() -> None:
    """The joint posterior of mean and tau on a grid, and draws from it: nothing of the closed form
    is used.
    """
    rng, y, se = np.random.default_rng(0), np.array(EFFECTS), np.array(ERRORS)
    mu, tau = np.linspace(-40, 60, 801), (np.arange(800) + 0.5) / 800 * 60
    logs = sum(
        stats.norm.logpdf(one, mu[:, None], np.hypot(error, tau)[None, :])
        for one, error in zip(y, se, strict=True)
    )
    share = np.exp(logs - logs.max()).ravel()
    at = rng.choice(share.size, 200_000, p=share / share.sum())
    m, t = mu[at // 800], tau[at % 800]
    ours = partial_pooling(y, se, widest=60, points=800)
    for k in range(8):
        precision = 1 / se[k] ** 2 + 1 / t**2
        drawn = rng.normal((y[k] / se[k] ** 2 + m / t**2) / precision, precision**-0.5)
        assert ours[k].tolist() == pytest.approx(
            [drawn.mean(), *np.percentile(drawn, [2.5, 97.5])], abs=0.35
        )


def test_school_a_is_the_textbooks() -> None:
    """Gelman et al. 2013, Bayesian Data Analysis, table 5.3: 95 % of the posterior of school A lies
    between -2 and 31, from 200 draws.
    """
    assert partial_pooling(EFFECTS, ERRORS, widest=100, points=2000)[
        0, 1:
    ].tolist() == pytest.approx([-2, 31], abs=1.5)


def test_small_groups_are_drawn_further_to_the_middle() -> None:
    found = partial_pooling([0.9, 0.9, 0.5, 0.5, 0.5], [0.2, 0.05, 0.05, 0.05, 0.05])
    assert (
        0.5 < found[0, 0] < found[1, 0] < 0.9
        and found[0, 2] - found[0, 1] > found[1, 2] - found[1, 1]
    )


def test_f_is_scipys_and_so_is_its_permutation_p() -> None:
    rng = np.random.default_rng(1)
    groups = np.array([f"t{n % 4}" for n in range(90)])
    values = rng.choice([0, 0.5, 1.0], 90) + 0.25 * (groups == "t1")
    parts = [values[groups == name] for name in np.unique(groups)]
    f, p = permutation_f(values, list(groups), 20_000)
    assert f == pytest.approx(stats.f_oneway(*parts).statistic)
    theirs = stats.permutation_test(
        parts,
        lambda *one: stats.f_oneway(*one).statistic,
        n_resamples=2000,
        alternative="greater",
        rng=2,
    )
    assert p == pytest.approx(theirs.pvalue, abs=0.04) and p == pytest.approx(
        stats.f_oneway(*parts).pvalue, abs=0.03
    )


def test_the_interaction_test_keeps_its_level_and_finds_a_difference() -> None:
    rng, alarms, found, trials = np.random.default_rng(2), 0, 0, 200
    topics = [f"t{n % 8}" for n in range(200)]
    at = np.array([n % 8 for n in range(200)])
    for seed in range(trials):
        alarms += permutation_f((rng.random((200, 2)) < 0.7).mean(1), topics, 200, seed)[1] < 0.05
        found += (
            permutation_f(
                (rng.random((200, 2)) < np.where(at < 2, 0.35, 0.75)[:, None]).mean(1),
                topics,
                200,
                seed,
            )[1]
            < 0.05
        )
    assert alarms / trials < 0.1 and found / trials > 0.9


def test_no_claim_without_an_interaction_and_none_for_small_topics() -> None:
    rng = np.random.default_rng(3)
    sizes = {"wide": 80, "other": 70, "small": FEW - 1}
    topics = [name for name, size in sizes.items() for _ in range(size)]
    level = topic_rates((rng.random((len(topics), 2)) < 0.65).mean(1), topics, 2000)
    assert (
        level.interaction > 0.05
        and level.claims == {}
        and level.counts == [70, 29, 80]
        and level.names == ["other", "small", "wide"]
    )
    rate = np.repeat([0.9, 0.4, 0.1], list(sizes.values()))
    scores = (rng.random((len(topics), 2)) < rate[:, None]).mean(1)
    apart = topic_rates(scores, topics, 2000)
    assert apart.interaction < 0.01 and set(apart.claims) == {"wide", "other"}
    wide = scores[:80]
    alone = binomtest(int((wide > 0.5).sum()), int((wide != 0.5).sum())).pvalue
    assert apart.claims["wide"] == pytest.approx(2 * alone), (
        "Holm: the smaller of two p-values counts twice"
    )


def test_pooled_intervals_hold_the_true_rates_of_most_topics() -> None:
    rng, hit, total = np.random.default_rng(5), 0, 0
    at = np.array([n % 8 if n < 96 else n % 3 for n in range(200)])  # topics of 12 to 47 prompts
    for _ in range(150):
        true = np.clip(rng.normal(0.65, 0.08, 8), 0, 1)
        found = topic_rates(
            (rng.random((200, 2)) < true[at][:, None]).mean(1), [str(k) for k in at], 1
        )
        hit += sum(one.low <= own <= one.high for one, own in zip(found.pooled, true, strict=True))
        total += 8
    assert 0.92 < hit / total < 0.985


def test_scores_that_never_vary_within_topics_are_not_pooled() -> None:
    assert topic_rates([1.0] * 40, ["a", "b"] * 20).pooled == []
    assert np.isnan(topic_rates([1.0, 0.5, 0.0], ["a"] * 3).interaction)
