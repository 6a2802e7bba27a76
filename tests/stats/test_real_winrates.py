"""Win rates and strengths on real scores: clinicians and an LLM judge on ten systems' replies to
1,000 client messages (MentalAlign-70k).
"""

from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from psycopref.stats.claims import holm, paired_systems
from psycopref.stats.intervals import Floats
from psycopref.stats.several import bradley_terry, strengths
from psycopref.stats.winrate import win_rate

pytestmark = pytest.mark.real
ITEMS = (
    "Guidance",
    "Informativeness",
    "Relevance",
    "Safety",
    "Empathy",
    "Helpfulness",
    "Understanding",
)


@pytest.fixture
def scores(real_data: Path) -> pl.DataFrame:
    rows = pl.read_csv(real_data / "mentalalign-scores" / "ratings_long.csv")
    rated = rows.filter(pl.all_horizontal(pl.col(ITEMS).is_between(1, 5)))
    return rated.with_columns(overall=pl.mean_horizontal(ITEMS).round(9)).pivot(
        "model", index=["judge", "conv"], values="overall"
    )


def against(
    scores: pl.DataFrame, judge: str, model: str, other: str = "original"
) -> tuple[Floats, list[str]]:
    """Prompt scores of one model against another by a judge's mean over items: 1, 0.5 or 0."""
    own = scores.filter(pl.col("judge") == judge).drop_nulls([model, other])
    return (np.sign((own[model] - own[other]).to_numpy()) + 1) / 2, own["conv"].cast(
        pl.String
    ).to_list()


def test_the_judge_sees_parity_where_clinicians_do_not(scores: pl.DataFrame) -> None:
    """qwen_3 against the original reply: 0.75 by clinicians (0.74 where rows with a score of 0,
    outside the scale, are kept), 0.56 by the GPT-4o judge.
    """
    found = {judge: win_rate(*against(scores, judge, "qwen_3")) for judge in ("human", "gpt4o")}
    assert found["human"].rate.value == pytest.approx(0.750, abs=5e-4) and found[
        "gpt4o"
    ].rate.value == pytest.approx(0.5615, abs=1e-4)
    assert found["gpt4o"].wins / (found["gpt4o"].wins + found["gpt4o"].losses) == pytest.approx(
        0.567, abs=5e-4
    ), "ties left out"
    assert found["gpt4o"].rate.high < found["human"].rate.low and all(
        one.rate.n > 950 for one in found.values()
    )
    outcomes = against(scores, "human", "qwen_3")[0]
    theirs = stats.bootstrap(
        (outcomes,), np.mean, n_resamples=5000, method="percentile", rng=1
    ).confidence_interval
    assert (found["human"].rate.low, found["human"].rate.high) == pytest.approx(
        (theirs.low, theirs.high), abs=0.005
    )


def test_every_paired_difference_has_scipys_interval_and_the_family_is_corrected(
    scores: pl.DataFrame,
) -> None:
    models = ("qwen_2", "qwen_3", "llama_3", "gpt4omini")
    wide = scores.filter(pl.col("judge") == "human").drop_nulls([*models, "original"])
    points = {
        model: (np.sign((wide[model] - wide["original"]).to_numpy()) + 1) / 2 for model in models
    }
    prompts = wide["conv"].cast(pl.String).to_list()
    found = [
        paired_systems(points[one], points[two], prompts, draws=5000)
        for one, two in combinations(models, 2)
    ]
    for (one, two), pair in zip(combinations(models, 2), found, strict=True):
        theirs = stats.bootstrap(
            (points[one] - points[two],), np.mean, n_resamples=5000, method="percentile", rng=1
        ).confidence_interval
        assert (pair.difference.low, pair.difference.high) == pytest.approx(
            (theirs.low, theirs.high), abs=0.004
        )
    assert holm([pair.signs.p for pair in found]) == pytest.approx(
        multipletests([pair.signs.p for pair in found], method="holm")[1].tolist()
    )


def test_ten_systems_are_ranked_by_their_own_maximum_likelihood(scores: pl.DataFrame) -> None:
    """Bradley-Terry over all 45 pairs of systems; the fit satisfies its own score equations:
    expected wins are the wins there were.
    """
    models = sorted(set(scores.columns) - {"judge", "conv"})
    first, second, points, prompts = [], [], [], []
    for one, two in combinations(models, 2):
        won, names = against(scores, "human", one, two)
        first += [one] * len(won)
        second += [two] * len(won)
        points += won.tolist()
        prompts += names
    found = bradley_terry(first, second, points, prompts, draws=200)
    wins = np.zeros((10, 10))
    at = {model: number for number, model in enumerate(models)}
    for one, two, point in zip(first, second, points, strict=True):
        wins[at[one], at[two]] += point
        wins[at[two], at[one]] += 1 - point
    value = np.array([one.value for one in found.strength])
    expected = ((wins + wins.T) / (1 + np.exp(value[None, :] - value[:, None]))).sum(1) - np.diag(
        wins + wins.T
    ) / 2
    assert expected == pytest.approx(wins.sum(1), rel=1e-4) and strengths(wins.reshape(1, -1))[
        0
    ] == pytest.approx(value)
    assert found.systems[-2:] == ["qwen_2", "qwen_3"] and found.ranks[models.index("original")] == (
        10,
        10,
        10,
    ), "every model is put before the original"
    assert all(rank.best <= rank.place <= rank.worst for rank in found.ranks)
