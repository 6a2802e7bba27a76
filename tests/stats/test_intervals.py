"""Intervals against published values, simulation and scipy."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.stats import binomtest

from psycopref.stats.intervals import (
    bootstrap_sums,
    effective_count,
    mean_interval,
    paired_difference,
    weights,
    wilson,
)


def test_wilson_is_scipys():
    for wins, n in [(0, 10), (7, 12), (70, 100), (25, 25)]:
        ours = wilson(wins / n, n)
        theirs = binomtest(wins, n).proportion_ci(0.95, "wilson")
        assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_wilson_of_a_win_rate_of_seventy_percent():
    assert [round(end, 2) for end in wilson(0.7, 200)] == [0.63, 0.76]
    assert [round(end, 2) for end in wilson(0.7, 100)] == [0.60, 0.78]


def test_singleton_clusters_give_scipys_percentile_bootstrap():
    data = np.random.default_rng(1).normal(size=80)
    ours = mean_interval(data, [str(n) for n in range(80)], draws=20_000, seed=2)
    theirs = stats.bootstrap(
        (data,), np.mean, n_resamples=20_000, method="percentile", rng=3
    ).confidence_interval
    assert ours.low == pytest.approx(theirs.low, abs=0.01)
    assert ours.high == pytest.approx(theirs.high, abs=0.01)


def test_clusters_cover_where_rows_do_not():
    rng, hit, wide = np.random.default_rng(0), {"rows": 0, "clusters": 0}, 200
    for trial in range(wide):
        data = np.repeat(rng.normal(size=40), 5) + rng.normal(scale=0.3, size=200)
        for kind in hit:
            names = [str(n if kind == "rows" else n // 5) for n in range(200)]
            found = mean_interval(data, names, draws=400, seed=trial)
            hit[kind] += found.low <= 0 <= found.high
    assert hit["clusters"] / wide > 0.88
    assert hit["rows"] / wide < 0.75


def test_the_same_seed_gives_the_same_interval_in_any_row_order():
    data, names = np.random.default_rng(8).normal(size=30), [f"s{n // 3}" for n in range(30)]
    turned = np.random.default_rng(5).permutation(30)
    assert mean_interval(data, names, 500, 1)[:3] == pytest.approx(
        mean_interval(data[turned], [names[n] for n in turned], 500, 1)[:3]
    )
    assert mean_interval(data, names, 500, 1) != mean_interval(data, names, 500, 2)


def test_weights_draw_as_many_clusters_as_there_are():
    block = np.concatenate(list(weights(7, 50, 0)))
    assert block.shape == (50, 7)
    assert (block.sum(1) == 7).all()


def test_a_share_that_never_varies_gets_wilsons_interval_over_clusters():
    found = mean_interval([1.0] * 40, [f"s{n // 4}" for n in range(40)], share=True)
    assert (found.low, found.high) == pytest.approx(wilson(1.0, 10))


def test_no_interval_is_claimed_without_variation_and_nothing_from_nothing():
    assert mean_interval([3.0, 3.0], ["a", "b"])[:3] == (3.0, None, None)
    assert mean_interval([1.0, 4.0], ["a", "a"])[:3] == (2.5, None, None)
    empty = mean_interval([], [])
    assert math.isnan(empty.value) and empty.n == 0


def test_paired_difference_is_narrower_than_unpaired():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=100)
    names = [str(n) for n in range(100)]
    paired = paired_difference(shared + 0.1 + rng.normal(scale=0.1, size=100), shared, names)
    assert paired.value == pytest.approx(0.1, abs=0.05)
    assert paired.high - paired.low < 0.1


def test_ratio_of_sums_weighs_rows_not_clusters():
    sums = np.array([[3.0, 3.0], [0.0, 1.0]])
    drawn = bootstrap_sums(sums, lambda total: total[:, 0] / total[:, 1], 4000, 0)
    assert set(np.unique(drawn.round(3))) == {0.0, 0.75, 1.0}
    assert mean_interval([1, 1, 1, 0], ["a", "a", "a", "b"]).value == 0.75


def test_effective_count_lies_between_clusters_and_rows():
    code = np.repeat(np.arange(20), 5)
    alike = np.repeat(np.arange(20) % 2, 5).astype(float)
    assert effective_count(alike, code) == pytest.approx(20, rel=0.06)
    assert effective_count(np.tile([0.0, 1.0], 50), np.arange(100)) == pytest.approx(100, rel=0.02)


def test_what_never_varies_gets_an_interval_from_the_ends_of_its_span():
    ties = mean_interval([0.5] * 40, [f"s{n // 2}" for n in range(40)], share=True)
    unlike = 1 - wilson(1.0, 20)[0]  # the share of clusters that may be of another kind
    assert (ties.low, ties.high) == pytest.approx((0.5 - 0.5 * unlike, 0.5 + 0.5 * unlike))
    points = mean_interval([1.0] * 20, [str(n) for n in range(20)], span=(-4, 4))
    assert (points.low, points.high) == pytest.approx((1 - 5 * unlike, 1 + 3 * unlike))
    one = mean_interval([0.0, 1.0], ["a", "a"], share=True)
    assert one.low < 0.2 and one.high > 0.8, "a single cluster says next to nothing"
