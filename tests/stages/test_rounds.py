"""Figures of a policy's states, and guards that say what went wrong."""

import dataclasses
import tempfile
from pathlib import Path

import pytest

from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.stages.rounds import Practice, Rounded, Rounds, State
from psycopref.tables import Failure, Metric, Preference, Rating, Response, Speech, content_id


def state(
    text: str, reward: float, gold: float, unfinished: int = 0, practice: Practice | None = None
) -> State:
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
    return State(answers, failures, scores[0], scores[1], practice)


def practice(texts: list[str], pairs: int) -> Practice:
    speeches = [Speech(f"speech-{n}", "test", "x", split="train") for n in range(4)]
    drafts = [
        Response(content_id("response", n, text), f"speech-{n % 4}", "p", text)
        for n, text in enumerate(texts)
    ]
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


def rounded(states: list[State], limit: float | None = None) -> Rounded:
    with tempfile.TemporaryDirectory() as folder, Lab(Path(folder), Progress(quiet=True)) as lab:
        found = lab.do(Rounds(limit=limit), states)
        return Rounded(list(found.metrics), list(found.doubts))


def guards(states: list[State], limit: float | None = None) -> list[str]:
    return [row.guard for row in rounded(states, limit).doubts]


def figures(states: list[State], limit: float | None = None) -> list[Metric]:
    return list(rounded(states, limit).metrics)


def test_a_sound_round_trips_nothing() -> None:
    assert (
        guards([FINE]) == []
        and guards([FINE, state("one two three four five six seven", 1.0, 1.0)]) == []
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
        guards([FINE, last._replace(moved=moved)], 50.0) == ["kl"]
        and guards([FINE, last._replace(moved=moved)], 70.0) == []
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
def test_each_guard_trips_alone(name: str, last: State) -> None:
    assert guards([FINE, last]) == [name]
    assert any(
        row.name == f"guard.{name}" and row.slice == "round:1" for row in figures([FINE, last])
    )


def test_samples_that_become_alike_trip_the_guard_of_diversity() -> None:
    varied = practice([f"w{n} x{n} y{n}" for n in range(8)], 4)
    one, two = (
        state("one two three four five six", 0.5 * n, 0.5 * n, practice=p)
        for n, p in ((1, varied), (2, practice(["a b c"] * 8, 4)))
    )
    assert guards([FINE, one]) == [] and guards([FINE, one, two]) == ["diversity"]


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


def test_noise_is_no_over_optimisation() -> None:
    def noisy(shift: float) -> State:
        base = state("one two three four five six", 0.0, 0.0)
        scores, gold = (
            [
                Rating(row.rating_id, row.subject_id, "reward", "r", sign * (shift + (-1) ** at))
                for at, row in enumerate(base.scores)
            ]
            for sign in (1, -1)
        )
        return base._replace(scores=scores, gold_scores=gold)

    assert guards([FINE, noisy(0.01)]) == [] and guards([FINE, noisy(3.0)]) == ["over_optimised"]


def test_the_same_states_are_measured_once(lab: Lab) -> None:
    last = state("one two three four five six", 1.0, 1.0, practice=practice(["a b c"] * 8, 3))
    first = lab.do(Rounds(), [FINE, last])
    again = lab.do(Rounds(), [FINE, last])
    assert [entry["found"] for entry in lab.taken] == [False, True]
    assert list(first.metrics) == list(again.metrics) and len(first.metrics) > 8
    lab.do(Rounds(), [last, FINE])
    assert not lab.taken[-1]["found"], "the order of the states is part of the question"


def test_a_rehearsal_has_no_figure_and_no_doubt() -> None:
    bad = state("one two three", 0.0, 0.0)
    assert guards([FINE, bad]) and Rounds().rehearse([FINE, bad])[0] == Rounded([], [])
