"""A run with its own topic list is grouped by it in every stage, and one with the shipped list is
the run that it was.
"""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from helpers.small_world import small_world

from psycopref.experts.sampling import drawn
from psycopref.lab import Lab
from psycopref.labels.topic_list import CoarseTopic, FineTopic, TopicList, groups, load_topics
from psycopref.queries.columns import coarse_column
from psycopref.recipes import load_recipe, resolved
from psycopref.stages.calibrate import Calibrate
from psycopref.stages.evaluate import WIN_RATE, Evaluate
from psycopref.stages.respond import Respond
from psycopref.store.keys import plain

W = small_world()
FINE = sorted({row.topic for row in W.speeches if row.topic})
HALVES = TopicList(
    coarse=(
        CoarseTopic(
            name="One half", topics=tuple(FineTopic(name=t, description="") for t in FINE[::2])
        ),
        CoarseTopic(
            name="Other half", topics=tuple(FineTopic(name=t, description="") for t in FINE[1::2])
        ),
    )
)
RECIPE = """flow = "dataset"
[dataset.collect]
sources = [{ name = "sample" }]
[dataset.clean]
[dataset.dedup]
[dataset.topics]
TOPICS
[dataset.respond]
pool = "sample"
[dataset.rate]
instrument = "psychocounsel"
judge = "sample/sample-judge"
[dataset.pair]
instrument = "psychocounsel"
[validate]
"""
LIST = """
[[coarse]]
name = "Money"
[[coarse.topics]]
name = "Debt"
description = "Owing more than one can pay."
"""


def recipe(folder: Path, topics: str) -> object:
    (folder / "money.toml").write_text(LIST, encoding="utf-8")
    path = folder / "own.toml"
    path.write_text(RECIPE.replace("TOPICS", topics), encoding="utf-8")
    return load_recipe(str(path))[1]


def test_a_recipe_gives_its_list_to_every_stage_that_groups_by_topic(tmp_path: Path) -> None:
    own = recipe(tmp_path, f'topics = "{tmp_path / "money.toml"}"')
    parts: Any = own
    for stage in (parts.dataset.respond, parts.dataset.rate, parts.validate_):
        assert [one.name for one in stage.topics.coarse] == ["Money"]
    (tmp_path / "again.toml").write_text(resolved(own), encoding="utf-8")  # type: ignore[arg-type]
    assert load_recipe(str(tmp_path / "again.toml"))[1] == own


def test_with_the_shipped_list_no_key_changes(tmp_path: Path) -> None:
    usual = recipe(tmp_path, "")
    respond = usual.dataset.respond  # type: ignore[attr-defined]
    assert isinstance(respond, Respond) and respond.topics is None
    assert "topics" not in plain(respond) and "topics" not in plain(Calibrate())
    assert groups(None) == load_topics().groups()


def test_figures_by_topic_are_those_of_the_own_list(lab: Lab) -> None:
    ours = [row for row in W.responses if row.model == "fir"]
    theirs = [row for row in W.responses if row.model == "hazel"]
    stage = Evaluate(draws=200, topics=HALVES)
    made = lab.do(stage, W.speeches, ours, theirs, W.rewards)
    found = {fields["topic"] for fields, _ in WIN_RATE.read(made.metrics) if "topic" in fields}
    assert found == {"One half", "Other half"}


def test_experts_see_pairs_in_proportion_over_the_own_list() -> None:
    pairs = pl.DataFrame(
        {
            "preference_id": [f"preference-{at}" for at in range(40)],
            "topic": [FINE[0]] * 30 + [FINE[1]] * 10,
            "gap": [1.5] * 40,
        }
    )
    sample = drawn(pairs, 20, 0, HALVES.groups())
    shown = sample.select(coarse_column(HALVES.groups()))["topic"].value_counts()
    assert dict(shown.iter_rows()) == {"One half": 15, "Other half": 5}


@pytest.mark.parametrize("topic", ["", "One half", "of no list"])
def test_what_is_no_fine_topic_stands_for_itself(topic: str) -> None:
    frame = pl.DataFrame({"topic": [topic]})
    assert frame.select(coarse_column(HALVES.groups()))["topic"].to_list() == [topic]
