"""Several systems: published strengths, statsmodels, and ranks that the data leave open."""

import numpy as np
import pytest
import statsmodels.api as sm

from psycopref.stats.several import bradley_terry

JOURNALS = ("Biometrika", "Comm Statist", "JASA", "JRSS-B")
# Stigler 1994, Citation patterns in the journals of statistics: times that the first is cited in
# the second, and the other way round
CITED = {
    (0, 1): (730, 33),
    (0, 2): (498, 320),
    (0, 3): (221, 284),
    (1, 2): (68, 813),
    (1, 3): (17, 276),
    (2, 3): (142, 325),
}


def games(
    wins: dict[tuple[int, int], tuple[int, int]], names: tuple[str, ...]
) -> tuple[list[str], list[str], list[float]]:
    rows = [
        (names[a], names[b], score)
        for (a, b), (won, lost) in wins.items()
        for score in [1.0] * won + [0.0] * lost
    ]
    first, second, scores = zip(*rows, strict=True)
    return list(first), list(second), list(scores)


def test_strengths_of_the_journals_are_the_published_ones() -> None:
    """Turner and Firth 2012, Bradley-Terry Models in R, section 2: 0 (Biometrika), -2.94907,
    -0.47957, 0.26895.
    """
    first, second, scores = games(CITED, JOURNALS)
    found = bradley_terry(first, second, scores, [str(n) for n in range(len(scores))], draws=60)
    value = np.array([one.value for one in found.strength])
    assert found.systems == list(JOURNALS) and (value - value[0]).tolist() == pytest.approx(
        [0, -2.94907, -0.47957, 0.26895], abs=1e-4
    )
    assert [rank.place for rank in found.ranks] == [2, 4, 3, 1] and all(
        rank.best == rank.place == rank.worst for rank in found.ranks
    )


def test_ties_are_half_a_win_each_as_in_a_binomial_glm() -> None:
    rng = np.random.default_rng(4)
    names, rows = ("a", "b", "c"), []
    for prompt in range(80):
        for one, other, p in ((0, 1, 0.6), (0, 2, 0.7), (1, 2, 0.55)):
            rows.append((one, other, float((rng.random(2) < p).mean()), str(prompt)))
    first, second, scores, prompts = zip(*rows, strict=True)
    found = bradley_terry(
        [names[at] for at in first], [names[at] for at in second], scores, prompts, draws=60
    )
    design = np.array(
        [[(one == k) - (other == k) for k in (1, 2)] for one, other, *_ in rows], dtype=float
    )
    theirs = sm.GLM(np.array(scores), design, family=sm.families.Binomial()).fit().params
    value = np.array([one.value for one in found.strength])
    assert (value[1:] - value[0]).tolist() == pytest.approx(theirs.tolist(), abs=1e-5)


def test_the_order_of_games_changes_nothing() -> None:
    first, second, scores = games({(0, 1): (6, 4), (1, 2): (7, 3), (0, 2): (5, 5)}, ("a", "b", "c"))
    turned = np.random.default_rng(0).permutation(len(scores))
    prompts = [str(n) for n in range(len(scores))]
    one = bradley_terry(first, second, scores, prompts, draws=60)
    two = bradley_terry(
        *[[side[at] for at in turned] for side in (first, second, scores, prompts)], draws=60
    )
    assert [s.value for s in one.strength] == pytest.approx([s.value for s in two.strength])


def test_systems_that_no_chain_of_wins_joins_have_no_strength() -> None:
    first, second, scores = games(
        {(0, 1): (6, 4), (2, 3): (7, 3), (0, 2): (5, 0)}, ("a", "b", "c", "d")
    )
    found = bradley_terry(first, second, scores, [str(n) for n in range(len(scores))])
    assert (
        sorted(map(sorted, found.apart)) == [["a", "b"], ["c", "d"]]
        and not found.strength
        and not found.ranks
    )


def test_rank_sets_hold_the_true_ranks_and_widen_with_doubt() -> None:
    rng, true, hit, trials = np.random.default_rng(7), np.array([0.0, 0.1, 0.2, 1.5]), 0, 40
    place = (true[None, :] > true[:, None]).sum(1) + 1
    for trial in range(trials):
        rows = [
            (a, b, float((rng.random(2) < 1 / (1 + np.exp(true[b] - true[a]))).mean()), str(n))
            for n in range(40)
            for a in range(4)
            for b in range(a)
        ]
        first, second, scores, prompts = zip(*rows, strict=True)
        found = bradley_terry(
            [str(a) for a in first], [str(b) for b in second], scores, prompts, draws=60, seed=trial
        )
        hit += all(
            rank.best <= own <= rank.worst for rank, own in zip(found.ranks, place, strict=True)
        )
    assert hit / trials > 0.85
    assert (
        found.ranks[3] == (1, 1, 1) and max(rank.worst - rank.best for rank in found.ranks) >= 1
    ), "the three that are alike are not told apart"


def test_ranks_are_open_where_draws_fall_apart() -> None:
    """One prompt alone was won by the weaker system: about a third of the draws lack it."""
    first, second, scores = games({(0, 1): (19, 1)}, ("a", "b"))
    found = bradley_terry(first, second, scores, [str(n) for n in range(20)], draws=300)
    assert [one.low for one in found.strength] == [None, None] and found.ranks == [
        (1, 1, 2),
        (2, 1, 2),
    ]


def test_places_are_open_where_no_draw_ever_varies() -> None:
    """One prompt: every draw is the sample itself, which is no certainty."""
    first, second, scores = games({(0, 1): (2, 1), (1, 2): (2, 1), (0, 2): (2, 1)}, ("a", "b", "c"))
    found = bradley_terry(first, second, scores, ["one"] * len(scores), draws=50)
    assert found.ranks == [(1, 1, 3), (2, 1, 3), (3, 1, 3)]
