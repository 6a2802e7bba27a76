"""Table 1: ours, baselines and reward models of others on the run's test pairs and on a set in
RewardBench's layout.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.loopback import Loopback
from helpers.tiny import BAD, GOOD, World
from helpers.tiny_judge import judge
from helpers.tiny_paper import write

from psycopref.errors import RecipeError
from psycopref.flows import dataset, rewards
from psycopref.lab import Lab
from psycopref.recipes import load_recipe

MORE = """
[training.baselines.borrowed]
model = "JUDGE"
[training.tests.bench]
sources = [{ name = "preferences", path = "BENCH", licence = "ODC-BY-1.0" }]
"""


def bench(path: Path) -> Path:
    """RewardBench's columns: two subsets, a prompt that the run trains on, and an answer that no
    small model can read to its end.
    """
    rows = [
        ("chat", f"Month {n} was hard and nobody calls. " * 2, f"{GOOD} {n}", f"{BAD} {n}")
        for n in range(12)
    ]
    rows += [
        ("safety", f"Day {n} began badly again. " * 3, f"{GOOD} {n}", f"{BAD} {n}")
        for n in range(8)
    ]
    rows += [
        ("chat", "Week 1 was hard and I cannot sleep. It goes on. ", f"{GOOD} 99", f"{BAD} 99"),
        ("chat", "A long one. " * 3, GOOD + " yes" * 4000, BAD),
    ]
    lines = [
        {
            "id": n,
            "subset": s,
            "prompt": p,
            "chosen": c,
            "rejected": r,
            "chosen_model": "a",
            "rejected_model": "b",
        }
        for n, (s, p, c, r) in enumerate(rows)
    ]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def test_every_model_stands_on_every_set(lab: Lab, world: World, tmp_path: Path) -> None:
    more = MORE.replace("JUDGE", judge(tmp_path / "judge", world)).replace(
        "BENCH", str(bench(tmp_path / "bench.jsonl"))
    )
    recipe = load_recipe(  # type: ignore[attr-defined, union-attr]
        str(write(tmp_path, "http://localhost:1", "paper", more))
    )[1].training
    built = dataset.built(load_recipe(str(tmp_path / "tiny.toml"))[1].dataset, lab)
    made = lab.do(recipe.reward, built.speeches, built.responses, built.preferences, None)
    table = rewards.tabled(recipe, lab, built, made.weights)
    found = {(row.name, row.slice): row for row in table.calibrated.metrics}
    for place, count in (("test", 10), ("test_all", 10), ("bench", 20)):
        for model in ("", ":tfidf", ":longer", ":borrowed"):
            row = found["reward.accuracy", place + model]
            assert row.count == count and 0 <= row.value <= 1
    assert found["reward.accuracy", "bench:tfidf"].value > 0.9, (
        "what the run's train pairs taught holds on another set"
    )
    assert (
        found["reward.accuracy", "bench:topic:chat"].count == 12
        and found["reward.accuracy", "bench:borrowed:topic:safety"].count == 8
    )
    reasons = sorted(row.reason for row in table.failures)
    assert reasons == ["too long: tests", "trained on: tests"]
    again = rewards.tabled(recipe, lab, built, made.weights)
    assert (
        list(again.calibrated.metrics) == list(table.calibrated.metrics) and lab.taken[-1]["found"]
    )


def likes_good(body: dict[str, Any]) -> str:
    """A judge who finds the good answer, follows the order in week 33, and may be mute."""
    said = str(body)
    if "mute" in said:
        return "no verdict"
    first = "Week 33 " in said or said.find(GOOD) < said.find(BAD)
    return json.dumps({"rationale": "so", "winner": "1" if first else "2"})


def test_a_language_model_as_ranker_is_a_row_of_the_table(lab: Lab, tmp_path: Path) -> None:
    with Loopback() as server:
        server.extra = likes_good
        more = "".join(
            f'\n[training.rankers.{name}]\njudge = {{ name = "{judge}", kind = "openai", url ='
            f' "{server.url}" }}\n'
            for name, judge in (("llm", "j"), ("silent", "mute"))
        )
        recipe = load_recipe(  # type: ignore[attr-defined, union-attr]
            str(write(tmp_path, server.url, "paper", more))
        )[1].training
        built = dataset.built(load_recipe(str(tmp_path / "tiny.toml"))[1].dataset, lab)
        made = lab.do(recipe.reward, built.speeches, built.responses, built.preferences, None)
        table = rewards.tabled(recipe, lab, built, made.weights)
    found = {(row.name, row.slice): row for row in table.calibrated.metrics}
    row = found["reward.accuracy", "test_all:llm"]
    assert row.value == pytest.approx(9.5 / 10) and row.count == 10, (
        "one of ten followed the order and is a tie"
    )
    assert found["reward.flipped", "test_all:llm"].value == pytest.approx(0.1)
    assert ("reward.accuracy_over", "test_all:llm") in found or (
        "reward.accuracy_over.without_interval",
        "test_all:llm",
    ) in found
    assert (
        found["reward.unscored", "test_all:silent"].value == 10
        and ("reward.unscored", "test_all:llm") not in found
    )
    assert ("reward.ece", "test_all:llm") not in found


@pytest.mark.parametrize("name", ["tfidf", "a:b", "gap", "null"])
def test_names_that_mean_something_else_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecipeError, match="a name is letters"):
        load_recipe(
            str(
                write(
                    tmp_path,
                    "http://localhost:1",
                    "paper",
                    f'\n[training.baselines."{name}"]\nmodel = "x"\n',
                )
            )
        )
