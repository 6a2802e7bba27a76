"""States of a policy side by side: paired on the prompts that they share, ranked together."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.stages.systems import Faced, Systems
from psycopref.tables import Metric, Response, Verdict, Winner, kind_of


def figures(against: list[Faced], draws: int = 2000) -> list[Metric]:
    with tempfile.TemporaryDirectory() as folder, Lab(Path(folder), Progress(quiet=True)) as lab:
        return list(lab.do(Systems(draws=draws), against, ()).metrics)


def faced(
    name: str, scores: dict[int, tuple[float, ...]], second: str = "opponent", item: str = "overall"
) -> Faced:
    """A comparison in two orders with these points in each; an order that is not given failed."""
    winner: dict[float, Winner] = {1.0: "first", 0.5: "tie", 0.0: "second"}
    verdicts, answers = [], []
    for prompt, points in scores.items():
        ours, theirs, speech = f"{name}-{prompt}", f"{second}-{prompt}", f"speech-{prompt}"
        answers.append(Response(ours, speech, name, "x"))
        for order, point in enumerate(points):
            sides, own = ((ours, theirs), point) if order == 0 else ((theirs, ours), 1 - point)
            verdicts.append(
                Verdict(
                    f"verdict-{name}-{prompt}-{order}", speech, *sides, item, "judge", winner[own]
                )
            )
    return Faced(name, second, verdicts, answers, 2)


def test_a_score_is_the_mean_of_both_orders_and_a_prompt_that_lacks_one_has_none() -> None:
    found = faced("sft", {1: (1.0, 0.0), 2: (1.0, 1.0), 3: (0.5, 0.0), 4: (1.0,)})
    assert found.scores() == {"speech-1": 0.5, "speech-2": 1.0, "speech-3": 0.25}
    assert faced("sft", {1: (1.0, 0.0)}, item="safety").scores() == {}


def test_differences_are_paired_corrected_and_counted() -> None:
    rng = np.random.default_rng(0)
    sft = {n: (float(rng.integers(2)), float(rng.integers(2))) for n in range(60)}
    dpo = {n: (1.0, 1.0) if n % 3 else points for n, points in sft.items() if n}
    last = {**dpo, 5: (1.0,)}
    rows = {
        (row.name, row.slice): row
        for row in figures([faced("sft", sft), faced("dpo", dpo), faced("last", last)], draws=300)
    }
    better = rows["systems.difference", "dpo - sft"]
    assert (
        better.count == 59
        and better.low > 0
        and rows["systems.difference.unpaired", "dpo - sft"].value == 1
    )
    assert rows["systems.difference.below", "dpo - sft"].value == 0
    raw = rows["systems.difference.sign_p", "dpo - sft"].value
    assert raw == pytest.approx(2 * 0.5 ** rows["systems.difference.above", "dpo - sft"].value)
    places = [place for name, place in rows if name == "systems.difference.sign_p"]
    family = [rows["systems.difference.sign_p", place].value for place in places]
    assert len(places) == 3, "three differences are one family"
    adjusted = multipletests(family, method="holm")[1].tolist()
    assert [rows["systems.difference.holm_p", place].value for place in places] == pytest.approx(
        adjusted
    )
    assert (
        rows["systems.difference.holm_p", "last - dpo"].value == 1
        and rows["systems.difference.unpaired", "last - dpo"].value == 1
    )
    assert {place for name, place in rows if name == "systems.strength"} == {
        "sft",
        "dpo",
        "last",
        "opponent",
    }
    rank = rows["systems.rank", "sft"]
    assert rank.low <= rank.value <= rank.high and all(
        kind_of(row.name) != "estimate" or row.low is not None for row in rows.values()
    )


def test_one_system_needs_no_comparison_and_a_clean_sweep_has_no_strength() -> None:
    assert figures([faced("dpo", {1: (1.0, 1.0)})]) == []
    sweep = figures(
        [faced(name, dict.fromkeys(range(20), (1.0, 1.0))) for name in ("sft", "dpo")], draws=100
    )
    names = {row.name: row for row in sweep}
    assert names["systems.strength.apart"].value == 3 and "systems.strength" not in names
    assert names["systems.winrate"].value == 1 and names["systems.winrate"].low == pytest.approx(
        0.839, abs=1e-3
    ), "Wilson's of 20 in 20"
