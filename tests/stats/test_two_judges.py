"""Two judges' figures against scipy, scikit-learn and plain counting."""

import numpy as np
import pytest
from scipy.stats import kendalltau, rankdata, spearmanr
from sklearn.metrics import cohen_kappa_score

from psycopref.stats.judges import compare, pair_flips, rank_changes

RNG = np.random.default_rng(3)
FIRST = RNG.integers(1, 6, 240)
SECOND = np.clip(FIRST + RNG.integers(-1, 2, 240) - (RNG.random(240) < 0.3), 1, 5)
CLUSTERS = [f"s{n // 4}" for n in range(240)]


def test_figures_are_those_of_the_libraries() -> None:
    found = compare(FIRST, SECOND, CLUSTERS, list(range(1, 6)))
    assert found.kappa.value == pytest.approx(
        cohen_kappa_score(FIRST, SECOND, weights="quadratic", labels=[1, 2, 3, 4, 5])
    )
    assert found.spearman.value == pytest.approx(spearmanr(FIRST, SECOND).statistic)
    assert found.exact.value == pytest.approx(
        (FIRST == SECOND).mean()
    ) and found.bias.value == pytest.approx((SECOND - FIRST).mean())
    for figure in found:
        assert (
            figure.low is not None
            and figure.high is not None
            and figure.low < figure.value < figure.high
            and figure.n == 240
        )


def test_the_interval_of_the_bias_is_by_speech() -> None:
    """A judge that is off by one in whole speeches is less certain than one that is off in as many
    single responses.
    """
    shift = np.repeat(RNG.random(60) < 0.5, 4).astype(int)
    together = compare(np.full(240, 3), 3 + shift, CLUSTERS, list(range(1, 6))).bias
    apart = compare(np.full(240, 3), 3 + RNG.permutation(shift), CLUSTERS, list(range(1, 6))).bias
    assert together.value == pytest.approx(apart.value)
    assert (together.high - together.low) > 1.5 * (apart.high - apart.low)  # type: ignore[operator]


def test_a_judge_that_never_varies_has_no_correlation() -> None:
    found = compare(FIRST, np.full(240, 3), CLUSTERS, list(range(1, 6)))
    assert np.isnan(found.spearman.value) and found.kappa.value == pytest.approx(0.0)
    assert np.isnan(compare([3] * 8, [3] * 8, list("aabbccdd"), list(range(1, 6))).kappa.value)


def test_flips_add_up() -> None:
    found = pair_flips([1.0, 0.5, 0.0, -0.2], ["a", "b", "c", "d"])
    assert [figure.value for figure in found] == [0.5, 0.25, 0.25]


def test_changes_of_rank_are_scipys_and_a_model_that_was_not_drawn_has_none():
    rng = np.random.default_rng(0)
    count, old, new = (
        rng.integers(3, 9, (20, 6)),
        rng.integers(1, 6, (20, 6)),
        rng.integers(1, 6, (20, 6)),
    )
    found = rank_changes(np.concatenate([count, old * count, new * count], axis=1).astype(float))
    for row, first, second in zip(found, old, new, strict=True):
        ranks = [rankdata(-side) for side in (first, second)]
        assert row[:-1].tolist() == (ranks[1] - ranks[0]).tolist()
        assert row[-1] == pytest.approx(kendalltau(first, second).statistic)
    assert np.isnan(rank_changes(np.array([[0.0, 3, 0, 9, 0, 6]]))).all()
