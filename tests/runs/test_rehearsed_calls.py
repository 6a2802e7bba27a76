"""Rehearsed calls are made calls: for every shipped recipe, shrunken, and for each flow."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from helpers.loopback import Loopback
from helpers.old_workspace import calls, unpacked
from helpers.shrunken import replies, shrunken, written

from psycopref.flows import FLOWS
from psycopref.lab import Lab
from psycopref.nets import sampling
from psycopref.progress import Progress
from psycopref.recipes import RECIPES, flow_of, load_recipe, resolved
from psycopref.runs.rehearsal import Rehearsed, rehearse

QUIET = Progress(quiet=True)
SHRUNKEN = ("paper", "ablation", "open", "published")
SILENT = ("dataset", "reward")  # ask no model at all


def counted(found: Rehearsed) -> Counter[tuple[str, str]]:
    """Calls that a rehearsal says are to be made, by stage and model."""
    return Counter({(one.stage, one.model): one.calls - one.kept for one in found.calls})


def made(work: Path) -> Counter[tuple[str, str]]:
    """Calls in a workspace's ledger, by stage and model; what a policy wrote is no call."""
    return Counter(where for where in calls(work).values() if where[0] != "draft")


def drafted(work: Path) -> int:
    return sum(stage == "draft" for stage, _ in calls(work).values())


def sampled(found: Rehearsed) -> int:
    """Answers that policies are to write."""
    return sum(one.examples for one in found.work if not one.steps)


def test_every_shipped_recipe_is_rehearsed_here() -> None:
    assert {path.stem for path in RECIPES.glob("*.toml")} == {*SHRUNKEN, *SILENT, "quickstart"}
    flows = {load_recipe(name)[1].flow for name in (*SHRUNKEN, *SILENT, "quickstart")}
    assert flows | {"judges"} == FLOWS.keys(), "test_judges has one"
    for name in SILENT:
        assert not re.search(r"^(judge|pool|models|rankers)", resolved(load_recipe(name)[1]), re.M)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("paper", {}),
        ("paper", {"systems": "each", "reference": "first"}),
        ("ablation", {"rounds": 2}),
        ("open", {}),
        ("published", {}),
    ],
)
def test_rehearsed_calls_are_made_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, more: dict[str, Any]
) -> None:
    monkeypatch.setattr(sampling, "sample", written)
    work = tmp_path / "work"
    with Loopback() as server:
        server.extra = replies
        recipe = str(shrunken(name, tmp_path, server.url, **more))
        before = rehearse(recipe, work, QUIET)
        assert not server.book.requests and not list(work.glob("steps/policy-*"))
        settings = load_recipe(recipe)[1]
        with Lab(work, QUIET) as lab:
            flow_of(settings).run(settings, lab)
        assert counted(before) == made(work)
        assert sum(counted(before).values()) == sum(server.book.requests.values()) > 40
        assert sampled(before) == drafted(work)
        after = rehearse(recipe, work, QUIET)
    assert set(counted(after).values()) == {0} and not after.refused
    assert [one.calls for one in after.calls] == [one.calls for one in before.calls]
    assert sampled(after) == sampled(before), "what is there is counted as what was to come"


@pytest.mark.slow
def test_the_recorded_recipe_is_rehearsed_as_it_is(tmp_path: Path) -> None:
    found = rehearse("quickstart", tmp_path / "work", QUIET)
    old = unpacked(tmp_path)
    assert Counter({(one.stage, one.model): one.calls for one in found.calls}) == made(old)
    assert set(counted(found).values()) == {0}, "a recording is not asked"
    assert sampled(found) == drafted(old) == 1853
