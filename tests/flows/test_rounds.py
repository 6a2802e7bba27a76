"""Rounds: speeches drawn afresh, the reference that was asked for, and rounds that end early."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.tiny import TINY, World, build_world
from helpers.tiny_paper import write

from psycopref.errors import RecipeError, TrainError
from psycopref.flows import dataset, paper, rounds
from psycopref.flows.rounds import drawn
from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.recipes import load_recipe
from psycopref.stages.draft import Draft, Drafted
from psycopref.stages.pair import Pair, Paired
from psycopref.stages.policy import Policy, Trained
from psycopref.stages.rounds import Rounds
from psycopref.stages.score import Scored
from psycopref.tables import Preference, Response


def test_speeches_are_drawn_without_replacement_and_afresh() -> None:
    world = build_world()
    one, two = (drawn(world.speeches, 8, number) for number in (0, 1))
    assert len({row.speech_id for row in one}) == 8 and {row.split for row in one} == {"train"}
    assert one == drawn(world.speeches[::-1], 8, 0) and {row.speech_id for row in one} != {
        row.speech_id for row in two
    }


def test_too_few_speeches_are_said_before_anything_trains(tmp_path: Path, lab: Lab) -> None:
    recipe = load_recipe(str(write(tmp_path, "http://localhost:1")))[1]
    assert isinstance(recipe, paper.Recipe)
    built = dataset.built(recipe.dataset, lab)
    train = sum(row.split == "train" for row in built.speeches)
    training = recipe.training.model_copy(update={"rounds": 2, "round_speeches": train + 1})
    with pytest.raises(
        RecipeError, match=f"round_speeches = {train + 1}, but there are {train} train speeches"
    ):
        paper.trainable(training, lab, built)
    fewer = training.model_copy(update={"round_speeches": train - 1})
    paper.trainable(fewer, lab, built)
    with pytest.raises(
        RecipeError,
        match=(
            f"2 rounds of {train - 1} speeches, but there are {train} to train on; at most"
            f" {train // 2} a round"
        ),
    ):
        paper.trainable(fewer, lab, built, apart=True)
    paper.trainable(training.model_copy(update={"rounds": 0}), lab, built)


def test_the_reference_may_be_another_policy(lab: Lab, world: World) -> None:
    start = lab.do(
        Policy(objective="sft", lr=1e-2, epochs=10, batch_size=4, size=TINY),
        world.speeches,
        world.responses,
        [],
        None,
    ).weights
    other = lab.do(
        Policy(objective="sft", lr=1e-2, epochs=2, batch_size=4, size=TINY),
        world.speeches,
        world.responses,
        [],
        None,
    ).weights
    stage = Policy(lr=1e-3, batch_size=4, steps=1, dev="", size=TINY)

    def first(*reference: Path) -> float:
        return next(
            point.value
            for point in lab.do(stage, *world, start, *reference).curve
            if point.name == "loss"
        )

    assert first() == first(start) == pytest.approx(0.693147, abs=1e-5), (
        "ln 2 wherever policy equals reference"
    )
    assert first(other) != pytest.approx(0.693147, abs=1e-3)


def test_a_reference_with_another_tokenizer_is_refused(lab: Lab, world: World) -> None:
    start = lab.do(
        Policy(objective="sft", steps=1, batch_size=4, size=TINY),
        world.speeches,
        world.responses,
        [],
        None,
    ).weights
    small = TINY.model_copy(update={"vocab": 300})
    other = lab.do(
        Policy(objective="sft", steps=1, batch_size=4, size=small),
        world.speeches,
        world.responses,
        [],
        None,
    ).weights
    with pytest.raises(TrainError, match="another tokenizer"):
        lab.do(Policy(lr=1e-3, batch_size=4, steps=1, dev="", size=TINY), *world, start, other)


class Scripted(Lab):
    """A lab whose policies answer what they are told, in turn; `Rounds` is done as ever."""

    def __init__(self, work: Path, answers: list[str], pairs: int) -> None:
        super().__init__(work, Heard())
        self.answers = iter(answers)
        self.pairs = pairs
        self.trained = 0

    def do(self, stage: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(stage, Rounds):
            return super().do(stage, *args, **kwargs)
        if isinstance(stage, Draft):
            text = next(self.answers)
            rows = [
                Response(f"{n}-{text}", one.speech_id, "p", text) for n, one in enumerate(args[0])
            ]
            return Drafted(rows, [])
        if isinstance(stage, Pair):
            found = [
                Preference(f"p{n}", one.speech_id, "a", "b", 1.0) for n, one in enumerate(args[0])
            ]
            return Paired(found[: self.pairs], [], [], [])
        if isinstance(stage, Policy):
            self.trained += 1
            return Trained(Path(f"w{self.trained}"), [], Path("s"))
        return Scored([])


class Heard(Progress):
    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


LONG, SHORT = "one two three four five six", "one two three"


def played(work: Path, answers: list[str], pairs: int, guard: str = "stop") -> tuple[int, Any]:
    """How many states there are after DPO-Iter, and what was said."""
    recipe = load_recipe("quickstart")[1]
    assert isinstance(recipe, paper.Recipe)
    training = recipe.training.model_copy(update={"rounds": 2, "round_speeches": 4, "guard": guard})
    judges = rounds.Judges(Path("r"), None)
    speeches = [
        replace(one, split="train" if at % 2 else "test")
        for at, one in enumerate(build_world().speeches)
    ]
    test = [one for one in speeches if one.split == "test"]
    with Scripted(work, answers, pairs) as lab:
        states: list[rounds.Round] = []
        for _ in range(2):
            one = rounds.answered(training, lab, test, Path("w"), judges)
            states = rounds.joined(training, lab, states, one)
        found = rounds.online(training, lab, speeches, states, judges)
        assert isinstance(lab.progress, Heard)
        return len(found), [line for line in lab.progress.lines if not line.startswith("made")]


def test_a_guard_stops_the_rounds(tmp_path: Path) -> None:
    found, said = played(tmp_path / "a", [LONG] * 4, pairs=1)
    assert found == 3 and "3 of 4 speeches gave no pair" in said[0], (
        "the first round of practice trips `ties`"
    )
    assert said[-1].startswith("stopped after round 2")
    found, said = played(tmp_path / "b", [LONG, SHORT], pairs=4)
    assert found == 2 and "0.50 times the words" in said[0], (
        "DPO on the dataset's own pairs is watched too"
    )


def test_a_guard_that_warns_lets_the_rounds_go_on(tmp_path: Path) -> None:
    found, said = played(tmp_path, [LONG] * 6, pairs=1, guard="warn")
    assert found == 4 and len(said) == 2 and not any("stopped" in line for line in said)


def test_a_round_without_a_pair_ends_the_rounds(tmp_path: Path) -> None:
    found, said = played(tmp_path, [LONG] * 3, pairs=0)
    assert found == 2 and "no speech gave a pair" in said[-1]
