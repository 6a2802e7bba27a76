"""The null models learn what they can see, and nothing else."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from psycopref.stats.baselines import length_fit, tfidf_fit, tfidf_scores


def test_tfidf_learns_the_words_of_chosen_responses():
    texts = [f"{'gentle curious' if n % 2 else 'just simply'} word{n // 2}" for n in range(40)]
    model = tfidf_fit(texts, np.arange(1, 40, 2), np.arange(0, 40, 2))
    scores = tfidf_scores(model, ["curious", "simply", "unseen"])
    assert scores[0] > 0 > scores[1] and scores[2] == 0


def test_length_is_the_penalised_bradley_terry_optimum():
    rng = np.random.default_rng(1)
    difference = rng.normal(6, 30, 400)
    scale = np.sqrt((difference**2).mean())
    best = (
        minimize_scalar(lambda w: np.logaddexp(0, -w * difference / scale).sum() + w * w / 2).x
        / scale
    )
    assert length_fit(difference, np.zeros(400)) == pytest.approx(best, rel=1e-3)


def test_the_sign_follows_what_was_chosen():
    assert length_fit([50, 60, 70], [100, 90, 80]) < 0 < length_fit([100, 90, 80], [50, 60, 70])


def test_one_pair_and_equal_lengths_are_enough_to_fit():
    assert length_fit([7], [7]) == 0
    assert tfidf_scores(tfidf_fit(["good day", "bad day"], [0], [1]), ["good", "bad"])[0] > 0
