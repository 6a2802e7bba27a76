"""Comparing judges: what is planted is found, and what only one of them rated does not count."""

from collections.abc import Sequence

import numpy as np
import pytest

from psycopref.config.instruments import Instrument
from psycopref.errors import TableError
from psycopref.lab import Lab
from psycopref.stages.rejudge import Rejudge
from psycopref.stats.judges import compare
from psycopref.tables import Metric, Rating, Response, content_id

ITEMS = [
    {"name": name, "title": name, "definition": "d", "criteria": ["c"], "weight": weight}
    for name, weight in (("warm", 1.0), ("safe", 3.0))
]
SCALE = Instrument.model_validate(
    {"name": "two", "citation": "made up", "low": 1, "high": 5, "items": ITEMS}
)
RESPONSES = [
    Response(f"response-{s}-{r}", f"speech-{s}", f"model-{r}", f"text {s} {r}")
    for s in range(40)
    for r in range(4)
]


def rated(judge: str, warm: list[int], safe: list[int], repeat: int = 0) -> list[Rating]:
    """Scores of the four models on both items."""
    out = []
    for row in RESPONSES:
        at = int(row.response_id[-1])
        for item, own in (("warm", warm), ("safe", safe)):
            out.append(
                Rating(
                    content_id("rating", row.response_id, item, judge, repeat),
                    row.response_id,
                    item,
                    judge,
                    own[at],
                )
            )
    return out


OLD = rated("old", [1, 2, 3, 4], [1, 2, 3, 5])


def figures(
    lab: Lab, new: Sequence[Rating], old: Sequence[Rating] = OLD
) -> dict[tuple[str, str], float]:
    metrics: Sequence[Metric] = lab.do(Rejudge(instrument=SCALE), RESPONSES, old, new).metrics
    return {(row.name, row.slice): row.value for row in metrics}


def test_the_same_scores_agree_in_everything(lab: Lab) -> None:
    found = figures(lab, rated("new", [1, 2, 3, 4], [1, 2, 3, 5]))
    ones = (
        ("kappa", "item:warm"),
        ("spearman", "overall"),
        ("pairs_same", "overall"),
        ("tau", "models"),
    )
    assert all(found[f"compare.{name}", place] == pytest.approx(1.0) for name, place in ones)
    assert (
        found["compare.bias", "overall"] == found["compare.best_changed", "overall"] == 0.0
        and found["compare.responses", "all"] == 160
    )


def test_a_lenient_judge_who_swaps_the_best_two_is_seen(lab: Lab) -> None:
    found = figures(lab, rated("new", [2, 3, 5, 4], [2, 3, 5, 4]))
    assert found["compare.bias", "item:warm"] == pytest.approx(1.0) and found[
        "compare.bias", "item:safe"
    ] == pytest.approx(0.75)
    assert found["compare.bias", "overall"] == pytest.approx(1.0 / 4 + 0.75 * 3 / 4), (
        "weighted as the instrument says"
    )
    assert (
        found["compare.pairs_turned", "overall"] == pytest.approx(1 / 6)
        and found["compare.best_changed", "overall"] == 1.0
    )
    assert (
        found["compare.rank", "model:model-2"],
        found["compare.rank", "model:model-3"],
        found["compare.rank", "model:model-0"],
    ) == (-1.0, 1.0, 0.0)


def test_only_what_both_rated_in_full_counts(lab: Lab) -> None:
    part = [row for row in OLD if not (row.item == "safe" and row.subject_id.endswith("-3"))]
    assert figures(lab, part)["compare.responses", "all"] == 120
    with pytest.raises(TableError, match="no response was rated by both"):
        figures(lab, [row for row in OLD if row.item == "warm"])


def repeated(judge: str, *scores: list[int]) -> list[Rating]:
    """Ratings of several repeats, the same on both items."""
    return [row for n, own in enumerate(scores) for row in rated(judge, own, own, n)]


def test_half_points_of_two_repeats_are_not_rounded_away(lab: Lab) -> None:
    found = figures(
        lab,
        repeated("new", [2, 2, 4, 4], [2, 2, 4, 4]),
        repeated("old", [2, 2, 4, 4], [3, 3, 5, 5]),
    )
    for item in ("warm", "safe"):
        assert (
            found["compare.bias", f"item:{item}"] == pytest.approx(-0.5)
            and found["compare.exact", f"item:{item}"] == 0.0
        )
        assert found["compare.kappa", f"item:{item}"] == pytest.approx(1 - 0.25 / 2.25), (
            "(1/2)^2 apart; by chance half of it and (3/2)^2, (5/2)^2"
        )
        assert found["compare.spearman", f"item:{item}"] == pytest.approx(1.0)
    assert found["compare.bias", "overall"] == pytest.approx(-0.5)


def test_thirds_of_a_point_order_responses(lab: Lab) -> None:
    old = repeated(
        "old", [3, 3, 3, 3], [3, 3, 3, 4], [3, 3, 4, 4]
    )  # 3, 3, 10/3, 11/3: 3, 3, 3, 4 where they are rounded
    found = figures(lab, repeated("new", [3, 4, 5, 5], [3, 3, 4, 5], [3, 3, 4, 4]), old)
    ranks = [1.5, 1.5, 3, 4], [1, 2, 3, 4]
    assert found["compare.spearman", "item:warm"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert found["compare.exact", "item:warm"] == pytest.approx(1 / 4) and found[
        "compare.bias", "item:warm"
    ] == pytest.approx(5 / 6 * 2 / 3 + 1 / 36)


def test_a_lost_repeat_leaves_the_mean_of_the_others(lab: Lab) -> None:
    whole = repeated("old", [1, 2, 3, 4], [2, 2, 3, 4], [2, 2, 3, 4])
    found = figures(
        lab,
        [
            row
            for row in whole
            if row.rating_id not in {one.rating_id for one in rated("old", [1] * 4, [1] * 4, 0)}
        ],
        whole,
    )
    assert found["compare.exact", "item:warm"] == 0.75 and found[
        "compare.bias", "item:warm"
    ] == pytest.approx((2 - 5 / 3) / 4)


def test_points_that_nobody_gave_change_nothing_and_a_score_off_the_scale_is_refused() -> None:
    first, second, clusters = [1, 2, 2.5, 4], [1, 2.5, 3, 4], ["a", "b", "c", "d"]
    few, many = (
        compare(first, second, clusters, scale, draws=200)
        for scale in ([1, 2, 2.5, 3, 4], np.arange(1, 5.25, 0.25))
    )
    for one, other in zip(few, many, strict=True):
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))
    with pytest.raises(ValueError, match="not on the scale"):
        compare(first, second, clusters, [1, 2, 3, 4])
