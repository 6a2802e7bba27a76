"""Comparing judges: what is planted is found, and what only one of them rated does not count."""

from collections.abc import Sequence

import pytest

from psycopref.errors import TableError
from psycopref.instruments import Instrument
from psycopref.lab import Lab
from psycopref.stages.compare import Compare
from psycopref.tables import Metric, Rating, Response, content_id

ITEMS = [{"name": name, "title": name, "definition": "d", "criteria": ["c"], "weight": weight} for name, weight in (("warm", 1.0), ("safe", 3.0))]
SCALE = Instrument.model_validate({"name": "two", "citation": "made up", "low": 1, "high": 5, "items": ITEMS})
RESPONSES = [Response(f"response-{s}-{r}", f"speech-{s}", f"model-{r}", f"text {s} {r}") for s in range(40) for r in range(4)]


def rated(judge: str, warm: list[int], safe: list[int]) -> list[Rating]:
    """Scores of the four models on both items."""
    out = []
    for row in RESPONSES:
        at = int(row.response_id[-1])
        for item, own in (("warm", warm), ("safe", safe)):
            out.append(Rating(content_id("rating", row.response_id, item, judge), row.response_id, item, judge, own[at]))
    return out


OLD = rated("old", [1, 2, 3, 4], [1, 2, 3, 5])


def figures(lab: Lab, new: Sequence[Rating]) -> dict[tuple[str, str], float]:
    metrics: Sequence[Metric] = lab.do(Compare(instrument=SCALE), RESPONSES, OLD, new).metrics
    return {(row.name, row.slice): row.value for row in metrics}


def test_the_same_scores_agree_in_everything(lab: Lab) -> None:
    found = figures(lab, rated("new", [1, 2, 3, 4], [1, 2, 3, 5]))
    ones = (("kappa", "item:warm"), ("spearman", "overall"), ("pairs_same", "overall"), ("tau", "models"))
    assert all(found[f"compare.{name}", place] == pytest.approx(1.0) for name, place in ones)
    assert found["compare.bias", "overall"] == found["compare.best_changed", "overall"] == 0.0 and found["compare.responses", "all"] == 160


def test_a_lenient_judge_who_swaps_the_best_two_is_seen(lab: Lab) -> None:
    found = figures(lab, rated("new", [2, 3, 5, 4], [2, 3, 5, 4]))
    assert found["compare.bias", "item:warm"] == pytest.approx(1.0) and found["compare.bias", "item:safe"] == pytest.approx(0.75)
    assert found["compare.bias", "overall"] == pytest.approx(1.0 / 4 + 0.75 * 3 / 4), "weighted as the instrument says"
    assert found["compare.pairs_turned", "overall"] == pytest.approx(1 / 6) and found["compare.best_changed", "overall"] == 1.0
    assert (found["compare.rank", "model:model-2"], found["compare.rank", "model:model-3"], found["compare.rank", "model:model-0"]) == (-1.0, 1.0, 0.0)


def test_only_what_both_rated_in_full_counts(lab: Lab) -> None:
    part = [row for row in OLD if not (row.item == "safe" and row.subject_id.endswith("-3"))]
    assert figures(lab, part)["compare.responses", "all"] == 120
    with pytest.raises(TableError, match="no response was rated by both"):
        figures(lab, [row for row in OLD if row.item == "warm"])
