"""The judge's own figures, against a judge whose pull is known."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from psycopref.stats.swaps import repeats, swaps


def judged(pull: float, prompts: int = 4000) -> np.ndarray:
    """Our points by a judge who prefers by a fair coin per prompt, and instead takes the first
    place with probability `pull` at each look.
    """
    rng = np.random.default_rng(1)
    ours = (rng.random(prompts) < 0.5).astype(float)
    pulled = rng.random((prompts, 2)) < pull
    return np.column_stack([np.where(pulled[:, 0], 1.0, ours), np.where(pulled[:, 1], 0.0, ours)])


@pytest.mark.parametrize("pull", [0.0, 0.2, 0.6])
def test_the_pull_of_the_first_place_and_what_it_does_to_consistency(pull):
    found = swaps(judged(pull), [f"p{n}" for n in range(4000)], draws=400)
    # first is named when pulled, else in half of the looks; both orders agree where neither look is
    # pulled, or one of them is the way that was meant
    assert found.first.low - 0.005 < 0.5 + pull / 2 < found.first.high + 0.005
    assert found.consistent.value == pytest.approx((1 - pull) ** 2 + (1 - pull) * pull, abs=0.03)


def test_ties_name_nobody_and_a_failed_order_is_in_no_figure():
    found = swaps([[0.5, 0.5], [1, np.nan], [1, 0], [0.5, 0.5]], list("abcd"), draws=200)
    assert found.first.n == 2 and found.first.value == 1.0
    assert found.consistent.n == 3 and found.consistent.value == pytest.approx(2 / 3)


def test_a_repeat_is_compared_with_scikit_learns_kappa():
    rng = np.random.default_rng(0)
    first = rng.choice([0.0, 0.5, 1.0], 300, p=[0.2, 0.1, 0.7])
    again = np.where(rng.random(300) < 0.8, first, rng.choice([0.0, 0.5, 1.0], 300))
    found = repeats(first, again, [f"p{n // 2}" for n in range(300)], draws=300)
    assert found.agreement.value == pytest.approx((first == again).mean())
    assert found.kappa.value == pytest.approx(
        cohen_kappa_score((first * 2).astype(int), (again * 2).astype(int))
    )
    assert found.kappa.low < found.kappa.value < found.kappa.high
    lost = first.copy()
    lost[:5] = np.nan
    assert repeats(lost, again, [f"p{n}" for n in range(300)], draws=100).agreement.n == 295
