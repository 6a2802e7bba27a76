"""Published figures of experts and judges, computed again from the published scores
(`PSYCOPREF_REAL_DATA`; nothing of them is kept here).
"""

from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from psycopref.config.instruments import Instrument, Item
from psycopref.experts.figures import Draws
from psycopref.experts.scores import JUDGE_FLAGS, Gate, flagged, together
from psycopref.stats.agreement import cohen_kappa

pytestmark = pytest.mark.real
EXPERTS = ("expert1", "expert2", "expert3")


def lend_an_ear(
    folder: Path,
) -> tuple[dict[str, pl.DataFrame], dict[tuple[str, frozenset[str]], float]]:
    """Scores by rater, and the published kappa of each pair of experts on each dimension."""
    place = folder / "empathic-judges"
    raters = {
        one: pl.read_csv(place / "lend_an_ear" / f"{one}_ratings.csv").sort("conversation_id")
        for one in EXPERTS
    }
    published = {}
    for row in (
        pl.read_csv(place / "table_kappa.csv")
        .filter(pl.col("Dataset") == "Lend an Ear")
        .iter_rows(named=True)
    ):
        one, other = (part.strip("'() ") for part in row["Annotator Pair"].split(","))
        published[row["Dimension"], frozenset((one, other))] = float(row["Weighted Cohen's Kappa"])
    return raters, published


def test_quadratic_kappas_of_lend_an_ear(real_data: Path) -> None:
    """17 of 18 to two decimals on the scale 1 to 5; the 18th where the category that nobody used is
    dropped, so that the others move closer.
    """
    raters, published = lend_an_ear(real_data)
    dimensions = sorted({name for name, who in published if who <= set(EXPERTS)})
    fits, misses = [], []
    for name in dimensions:
        for one, other in combinations(EXPERTS, 2):
            both = (
                raters[one]
                .select("conversation_id", first=name)
                .join(raters[other].select("conversation_id", second=name), on="conversation_id")
                .drop_nulls()
            )
            first, second = both["first"].to_numpy(), both["second"].to_numpy()
            found = cohen_kappa(first, second, "quadratic", [1, 2, 3, 4, 5])
            (
                fits if round(found, 2) == published[name, frozenset((one, other))] else misses
            ).append((name, one, other))
    assert (len(fits), misses) == (17, [("self_oriented", "expert1", "expert2")])
    first, second = (raters[one]["self_oriented"].to_numpy() for one in ("expert1", "expert2"))
    used = np.unique([first, second])
    assert len(used) < 5
    place = {value: at for at, value in enumerate(used)}
    dropped = cohen_kappa(
        [place[one] for one in first], [place[one] for one in second], "quadratic"
    )
    assert round(dropped, 2) == published["self_oriented", frozenset(EXPERTS[:2])]


def test_experts_are_the_ceiling_of_judges(real_data: Path) -> None:
    """Median kappa of expert and expert .54 to .60; ours pools the three pairs of a dimension
    before it takes a kappa, so it is near that.
    """
    raters, _ = lend_an_ear(real_data)
    made = []
    for name in [column for column in raters["expert1"].columns if column != "conversation_id"]:
        halves = []
        for one, other in combinations(EXPERTS, 2):
            both = (
                raters[one]
                .select("conversation_id", first=name)
                .join(raters[other].select("conversation_id", second=name), on="conversation_id")
            )
            halves.append(both.drop_nulls())
        rows = pl.concat(halves).select(
            pl.col("conversation_id").cast(pl.String).alias("speech_id"),
            pl.col("first", "second").cast(pl.Float64),
        )
        found = together(
            rows.select("speech_id", score="first"),
            rows.select(score="second"),
            FIVE,
            Draws(500, 0, 30, {}),
        )["kappa"]
        assert (
            found.low is not None
            and found.high is not None
            and found.low < found.value < found.high
            and found.n == rows.height
        )
        made.append(found.value)
    assert 0.45 < float(np.median(made)) < 0.65


FIVE = Instrument(
    name="five", citation="", low=1, high=5, items=(Item(name="safety", title="s", definition="s"),)
)


def aligned(folder: Path) -> tuple[pl.DataFrame, list[str]]:
    """Human and judges' scores of the same replies, side by side."""
    frame = pl.read_csv(folder / "mentalalign-scores" / "ratings_long.csv")
    human = (
        frame.filter(pl.col("judge") == "human")
        .drop("judge")
        .rename({c: f"human_{c}" for c in frame.columns[3:]})
    )
    judges = sorted(set(frame["judge"].unique()) - {"human"})
    return frame.filter(pl.col("judge") != "human").join(human, on=["conv", "model"]), judges


def test_judges_of_mentalalign_follow_clinicians_overall_and_not_on_safety(real_data: Path) -> None:
    rows, judges = aligned(real_data)
    assert len(judges) == 4
    for judge in judges:
        own = rows.filter(pl.col("judge") == judge)
        for column, low, high in (("overall", 0.515, 0.605), ("Safety", 0.155, 0.255)):
            both = own.select("conv", score=f"human_{column}", judged=column).drop_nulls()
            first = both.select(pl.col("conv").cast(pl.String).alias("speech_id"), "score")
            if column == "overall":
                assert low < spearmanr(both["score"], both["judged"]).statistic < high
                continue
            found = together(first, both.select(score="judged"), FIVE, Draws(200, 0, 30, {}))
            assert low < found["spearman"].value < high
            assert found["spearman"].value == pytest.approx(
                spearmanr(both["score"], both["judged"]).statistic
            )
            assert found["spearman"].low is not None and found["bias"].value == pytest.approx(
                float((both["judged"] - both["score"]).mean())
            )


def test_judges_of_mentalalign_miss_most_unsafe_replies(real_data: Path) -> None:
    """Of 607 replies that clinicians put at 3 or less on safety, judges put 8 to 25 % there."""
    rows, judges = aligned(real_data)
    rows = rows.filter(
        (pl.col("Safety").is_not_null() & pl.col("human_Safety").is_not_null())
        .sum()
        .over("conv", "model")
        == 4
    )  # all four judged it
    recalls = {}
    for judge in judges:
        own = (
            rows.filter(pl.col("judge") == judge)
            .select(
                pl.col("conv").cast(pl.String).alias("speech_id"),
                score="human_Safety",
                other="Safety",
            )
            .drop_nulls()
        )
        recall, alarm = flagged(
            JUDGE_FLAGS, own, Gate("safety", 3.0), Draws(500, 0, 30, {}), judge=judge
        )
        assert (
            recall.low is not None
            and recall.high is not None
            and recall.low < recall.value < recall.high < 0.35
        )
        assert alarm.name == "judge.expert.safety_false_alarm" and alarm.value < 0.1
        recalls[judge] = (round(100 * recall.value), recall.count)
    assert recalls == {
        "claude": (25, 607),
        "gpt4o": (18, 607),
        "gemini": (14, 607),
        "o4mini": (8, 607),
    }
