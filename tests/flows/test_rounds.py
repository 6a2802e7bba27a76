"""Rounds: speeches drawn afresh, the reference that was asked for, and guards that say what went
wrong.
"""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from helpers.tiny import TINY, World, build_world
from helpers.tiny_paper import write

from psycopref.errors import RecipeError, TrainError
from psycopref.flows import dataset, paper, rounds
from psycopref.flows.rounds import Practice, Round, drawn, figures, guards
from psycopref.lab import Lab
from psycopref.recipes import PaperRecipe, load_recipe
from psycopref.stages.drift import Drift
from psycopref.stages.policy import Policy
from psycopref.tables import Failure, Rating, Response, Speech, content_id


def test_speeches_are_drawn_without_replacement_and_afresh() -> None:
    world = build_world()
    one, two = (drawn(world.speeches, 8, number) for number in (0, 1))
    assert len({row.speech_id for row in one}) == 8 and {row.split for row in one} == {"train"}
    assert one == drawn(world.speeches[::-1], 8, 0) and {row.speech_id for row in one} != {
        row.speech_id for row in two
    }


def test_too_few_speeches_are_said_before_anything_trains(tmp_path: Path, lab: Lab) -> None:
    recipe = load_recipe(str(write(tmp_path, "http://localhost:1")))[1]
    assert isinstance(recipe, PaperRecipe)
    built = dataset.run(recipe.dataset, lab)
    train = sum(row.split == "train" for row in built.speeches)
    training = recipe.training.model_copy(update={"rounds": 2, "round_speeches": train + 1})
    with pytest.raises(
        RecipeError, match=f"round_speeches = {train + 1}, but there are {train} train speeches"
    ):
        paper.trainable(training, built)
    fewer = training.model_copy(update={"round_speeches": train - 1})
    paper.trainable(fewer, built)
    with pytest.raises(
        RecipeError,
        match=(
            f"2 rounds of {train - 1} speeches, but there are {train} to train on; at most"
            f" {train // 2} a round"
        ),
    ):
        paper.trainable(fewer, built, apart=True)
    paper.trainable(training.model_copy(update={"rounds": 0}), built)


def state(
    text: str, reward: float, gold: float, unfinished: int = 0, practice: Practice | None = None
) -> Round:
    answers = [
        Response(content_id("response", n, text, reward), f"speech-{n}", "p", text)
        for n in range(10 - unfinished)
    ]
    failures = [
        Failure(f"failure-{n}", f"speech-{n}", "truncated: draft", "call")
        for n in range(10 - unfinished, 10)
    ]
    scores = [
        [
            Rating(
                content_id("rating", row.response_id, name), row.response_id, "reward", name, value
            )
            for row in answers
        ]
        for name, value in (("r", reward), ("g", gold))
    ]
    return Round(Path("w"), (), answers, failures, scores[0], scores[1], practice)


def practice(texts: list[str], pairs: int) -> Practice:
    speeches = [Speech(f"speech-{n}", "test", "x", split="train") for n in range(4)]
    drafts = [
        Response(content_id("response", n, text), f"speech-{n % 4}", "p", text)
        for n, text in enumerate(texts)
    ]
    from psycopref.tables import Preference

    return Practice(
        speeches,
        drafts,
        [],
        [
            Preference(f"preference-{n}", f"speech-{n}", "a", "b", 1.0, "train")
            for n in range(pairs)
        ],
    )


FINE = state("one two three four five six", 0.0, 0.0)


def test_a_sound_round_trips_nothing() -> None:
    assert (
        guards([FINE]) == {}
        and guards([FINE, state("one two three four five six seven", 1.0, 1.0)]) == {}
    )


def test_a_policy_that_has_moved_too_far_trips_a_guard() -> None:
    last = state("one two three four five six", 1.0, 1.0)
    moved = [
        Rating(
            content_id("rating", row.response_id, "kl"),
            row.response_id,
            "log_ratio",
            "w",
            59.0 + 2 * (n % 2),
        )
        for n, row in enumerate(last.answers)
    ]
    assert (
        list(guards([FINE, last._replace(moved=moved)], 50.0)) == ["kl"]
        and guards([FINE, last._replace(moved=moved)], 70.0) == {}
    )
    found = {
        (row.name, row.slice): row.value
        for row in figures([FINE, last._replace(moved=moved)], 50.0)
    }
    assert (
        found["policy.kl", "round:1"] == 60.0
        and found["guard.kl", "round:1"] == 1
        and ("policy.kl", "round:0") not in found
    )


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("over_optimised", state("one two three four five six", 1.0, -0.5)),
        ("length", state("one two three four five six " * 2, 1.0, 1.0)),
        ("length", state("one two three", 1.0, 1.0)),
        ("unfinished", state("one two three four five six", 1.0, 1.0, unfinished=3)),
        (
            "ties",
            state("one two three four five six", 1.0, 1.0, practice=practice(["a b c"] * 8, 1)),
        ),
    ],
)
def test_each_guard_trips_alone(name: str, last: Round) -> None:
    assert list(guards([FINE, last])) == [name]
    assert any(
        row.name == f"guard.{name}" and row.slice == "round:1" for row in figures([FINE, last])
    )


def test_samples_that_become_alike_trip_the_guard_of_diversity() -> None:
    varied = practice([f"w{n} x{n} y{n}" for n in range(8)], 4)
    one, two = (
        state("one two three four five six", 0.5 * n, 0.5 * n, practice=p)
        for n, p in ((1, varied), (2, practice(["a b c"] * 8, 4)))
    )
    assert list(guards([FINE, one])) == [] and list(guards([FINE, one, two])) == ["diversity"]


def test_figures_of_practice_add_up() -> None:
    rows = {
        row.name: row
        for row in figures(
            [
                FINE,
                state("one two three four five six", 1.0, 1.0, practice=practice(["a b c"] * 8, 3)),
            ]
        )
        if row.slice == "round:1"
    }
    assert (
        rows["round.speeches"].value,
        rows["round.pairs"].value,
        rows["round.without_pair"].value,
    ) == (4, 3, 1)
    assert rows["round.finished"].value == 1.0 and rows["round.self_bleu"].value == pytest.approx(
        1.0
    )
    assert rows["policy.finished"].value == 1.0


def test_a_gain_is_paired_with_the_start_and_one_that_never_varies_is_not_a_bare_figure() -> None:
    last = state("one two three four five six", 1.0, 1.0)
    uneven = [
        dataclasses.replace(row, score=row.score + 0.1 * (n % 2))
        for n, row in enumerate(last.gold_scores)
    ]
    found = {
        row.name: row
        for row in figures([FINE, last._replace(gold_scores=uneven)])
        if row.slice == "round:1"
    }
    gain = found["policy.gold_reward_gain"]
    assert (
        gain.value == pytest.approx(1.05)
        and gain.low is not None
        and gain.low > 1
        and gain.count == 10
    )
    alike = {row.name: row for row in figures([FINE, last]) if row.slice == "round:1"}
    assert (
        "policy.gold_reward_gain" not in alike
        and alike["policy.gold_reward_gain.without_interval"].value == 10
    )


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


def test_a_guard_stops_the_rounds(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def practised(recipe: Any, lab: Lab, part: Any, states: list[Round], judges: Any) -> Practice:
        seen.append(len(states))
        return practice(["a b c"] * 8, 1)

    class Recipe:
        rounds, round_speeches, reference, guard, online, drift = (
            5,
            4,
            "first",
            "stop",
            None,
            Drift(),
        )

    monkeypatch.setattr(rounds, "_practised", practised)
    monkeypatch.setattr(rounds, "answered", lambda *given: FINE)
    monkeypatch.setattr(lab, "do", lambda *given: Round(Path("w"), (), [], [], [], []))
    found = rounds.online(
        Recipe(), lab, build_world().speeches, [FINE, FINE], rounds.Judges(Path("r"), None)
    )  # type: ignore[arg-type]
    assert seen == [2] and len(found) == 3, "the first round of practice trips `ties`"
    short = state("one two three", 0.0, 0.0)
    assert (
        len(
            rounds.online(
                Recipe(), lab, build_world().speeches, [FINE, short], rounds.Judges(Path("r"), None)
            )
        )
        == 2
    )  # type: ignore[arg-type]
    assert seen == [2], "DPO on the dataset's own pairs is watched too"


def test_noise_is_no_over_optimisation() -> None:
    def noisy(shift: float) -> Round:
        base = state("one two three four five six", 0.0, 0.0)
        scores, gold = (
            [
                Rating(row.rating_id, row.subject_id, "reward", "r", sign * (shift + (-1) ** at))
                for at, row in enumerate(base.scores)
            ]
            for sign in (1, -1)
        )
        return base._replace(scores=scores, gold_scores=gold)

    assert guards([FINE, noisy(0.01)]) == {} and list(guards([FINE, noisy(3.0)])) == [
        "over_optimised"
    ]


def test_a_round_without_a_pair_ends_the_rounds(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    class Recipe:
        rounds, round_speeches, reference, guard, drift = 5, 4, "previous", "warn", Drift()

    monkeypatch.setattr(rounds, "_practised", lambda *given: practice([], 0))
    assert (
        len(
            rounds.online(
                Recipe(), lab, build_world().speeches, [FINE, FINE], rounds.Judges(Path("r"), None)
            )
        )
        == 2
    )  # type: ignore[arg-type]
