"""The ablation: from one start, offline and online checkpoints of two sizes, each judged against
the opponent.
"""

import json
import re
from pathlib import Path

import pytest
from helpers.loopback import Loopback
from helpers.tiny_paper import SIZE, write

from psycopref.errors import RecipeError
from psycopref.flows import ablation
from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.recipes import load_recipe
from psycopref.runs import run
from psycopref.store import run_folder
from psycopref.tables import Speech

SIZES = f"[sizes.small]\n[sizes.large]\nsize = {SIZE.replace('hidden = 32', 'hidden = 48')}\n"


@pytest.mark.slow
def test_every_checkpoint_of_both_arms_is_judged(tmp_path: Path) -> None:
    with Loopback() as server:
        recipe = write(tmp_path, server.url, "ablation", SIZES)
        recipe.write_text(
            recipe.read_text()
            .replace("rounds = 1\nround_speeches = 8", "rounds = 2\nround_speeches = 6")
            .replace("epochs = 30", "epochs = 15")
        )
        place = run.run(str(recipe), tmp_path / "work", Progress())
        asked = sum(server.book.answers.values())
        again = run.run(str(recipe), tmp_path / "work", Progress())
        assert sum(server.book.answers.values()) == asked == 10, (
            "the opponent answers each test speech once, for all checkpoints"
        )
    assert all(step["found"] for step in run_folder.taken(again))
    rows = {
        (row["name"], row["slice"]): row
        for row in json.loads((place / "metrics.json").read_text(encoding="utf-8"))
    }
    expected = {
        f"{size}:{arm}:{number}"
        for size in ("small", "large")
        for arm in ("offline", "online")
        for number in range(3)
    }
    assert {place for name, place in rows if name == "ablation.finished"} == expected
    judged = {place for name, place in rows if name == "ablation.winrate"}
    assert judged <= expected and len(judged) >= 8, (
        "a checkpoint none of whose answers came to an end has no win rate"
    )
    for size in ("small", "large"):
        assert (
            rows["ablation.finished", f"{size}:offline:0"]["value"]
            == rows["ablation.finished", f"{size}:online:0"]["value"]
        ), "one start"
        assert ("ablation.pairs", f"{size}:online:1") in rows
    steps = [step["step"] for step in run_folder.taken(place)]
    assert len({step for step in steps if step.startswith("policy-")}) == 2 * (1 + 1 + 2), (
        "per size: start, offline, two rounds"
    )
    page = (place / "report.html").read_text(encoding="utf-8")
    assert "Offline against online preferences" in page and "Win rate by checkpoint" in page
    shown = page.partition('<section id="further"')[0]  # figures that no section has are named raw
    assert not re.search(r"<th[^>]*>winrate\.", shown)


def test_one_epoch_gives_no_speech_to_two_rounds(lab: Lab) -> None:
    recipe = load_recipe("ablation")[1]
    assert isinstance(recipe, ablation.Recipe) and len(recipe.sizes) == 2
    speeches = [
        Speech(f"speech-{n}", "x", "t", split="train" if n % 4 else "test") for n in range(40)
    ]
    training = recipe.training.model_copy(update={"rounds": 3, "round_speeches": 10})
    parts = ablation.apart_for(training, lab, speeches)
    given = [row.speech_id for part in parts for row in part]
    assert len(parts) == 3 and len(given) == len(set(given)) == 30
    with pytest.raises(
        RecipeError,
        match="3 rounds of 11 speeches, but there are 30 to train on; at most 10 a round",
    ):
        ablation.apart_for(training.model_copy(update={"round_speeches": 11}), lab, speeches)


@pytest.mark.parametrize(
    ("flow", "more", "says"),
    [
        ("paper", SIZES, "other flows have none"),
        ("ablation", "", "at least one"),
        ("ablation", '[sizes."a:b"]\n', "no colon"),
    ],
)
def test_sizes_belong_to_an_ablation(tmp_path: Path, flow: str, more: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        load_recipe(str(write(tmp_path, "http://localhost:1", flow, more)))


def test_an_ablation_has_no_other_states_to_judge(tmp_path: Path) -> None:
    path = write(tmp_path, "http://localhost:1", "ablation", SIZES)
    path.write_text(
        path.read_text(encoding="utf-8").replace("[training]\n", '[training]\nsystems = "each"\n'),
        encoding="utf-8",
    )
    with pytest.raises(RecipeError, match="compares its two arms"):
        load_recipe(str(path))
