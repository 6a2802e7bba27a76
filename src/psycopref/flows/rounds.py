"""DPO-Iter: round after round the policy answers, the reward model picks best and worst, the policy
learns (paper, section 5).
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from psycopref.flows.training import Training
from psycopref.lab import Lab
from psycopref.stages.rounds import Practice, Rounded, Rounds, State
from psycopref.store.keys import digest
from psycopref.tables import Failure, Metric, Point, Response, Speech

NO_RESPONSES: Sequence[Response] = ()
Draw = Callable[[int], Sequence[Speech]]


class Round(NamedTuple):
    """One state of the policy: weights and curve, its answers to the test speeches and what it had
    learnt from, and its figures (empty until it stands in a row of states: `joined`).
    """

    weights: Path
    curve: Sequence[Point]
    state: State
    found: Rounded = Rounded((), ())

    @property
    def answers(self) -> Sequence[Response]:
        """Its answers to the test speeches."""
        return self.state.answers

    @property
    def failures(self) -> list[Failure]:
        """Every answer that came to nothing, in practice too."""
        practice = self.state.practice
        return [*self.state.failures, *(practice.failures if practice else ())]


class Judges(NamedTuple):
    """The reward model that picks, and the gold one that only watches (None where there is
    none).
    """

    reward: Path
    gold: Path | None


def answered(
    recipe: Training,
    lab: Lab,
    test: Sequence[Speech],
    weights: Path,
    judges: Judges,
    curve: Sequence[Point] = (),
    start: Path | None = None,
) -> Round:
    """A state of the policy with its answers to the test speeches, and how far it has moved from
    `start`.
    """
    drafts = lab.do(recipe.answer, test, weights, NO_RESPONSES)
    scores = lab.do(recipe.score, test, drafts.responses, judges.reward).ratings
    gold = lab.do(recipe.score, test, drafts.responses, judges.gold).ratings if judges.gold else ()
    moved = lab.do(recipe.drift, test, drafts.responses, weights, start).ratings if start else ()
    state = State(drafts.responses, drafts.failures, scores, gold, moved=moved)
    return Round(weights, curve, state)


def joined(recipe: Training, lab: Lab, before: Sequence[Round], one: Round) -> list[Round]:
    """The states before and one more, with its figures beside theirs."""
    limit = recipe.drift.limit if math.isfinite(recipe.drift.limit) else None
    states = [state.state for state in (*before, one)]
    return [*before, one._replace(found=lab.do(Rounds(limit=limit), states))]


def figures(rounds: Sequence[Round]) -> list[Metric]:
    """The figures of every state, and of what it learnt from."""
    return [row for one in rounds for row in one.found.metrics]


def online(
    recipe: Training,
    lab: Lab,
    speeches: Sequence[Speech],
    before: Sequence[Round],
    judges: Judges,
    draw: Draw | None = None,
) -> list[Round]:
    """The rounds before and those of DPO-Iter. Each finished step is kept, so a run that was killed
    goes on where it was.

    `draw` gives a round's speeches by its number from 0 (`drawn` where nothing else is given). A
    guard that trips is said, or with `guard = "stop"` ends the rounds; so does a round in which no
    speech gives a pair.
    """
    test = [speech for speech in speeches if speech.split == "test"]
    rounds = list(before)
    for number in range(recipe.rounds):
        if _watched(recipe, lab, rounds):
            return rounds
        part = draw(number) if draw else drawn(speeches, recipe.round_speeches, number)
        one = _practised(recipe, lab, part, rounds, judges)
        if not len(one.pairs):
            lab.progress.say(
                f"WARNING: round {len(rounds)}: no speech gave a pair (all samples alike, or too"
                " few at an end); the rounds end here"
            )
            return rounds
        reference = rounds[0].weights if recipe.reference == "first" else None
        more = () if reference is None else (reference,)
        made = lab.do(recipe.online, one.speeches, one.drafts, one.pairs, rounds[-1].weights, *more)
        new = answered(recipe, lab, test, made.weights, judges, made.curve, rounds[0].weights)
        new = new._replace(state=new.state._replace(practice=one))
        rounds = joined(recipe, lab, rounds, new)
    _watched(recipe, lab, rounds)
    return rounds


def _watched(recipe: Training, lab: Lab, rounds: Sequence[Round]) -> bool:
    """Say what is wrong with the last state; whether the rounds are to end."""
    doubts = rounds[-1].found.doubts
    for doubt in doubts:
        lab.progress.say(f"WARNING: round {len(rounds) - 1}: {doubt.says}")
    if len(doubts) and recipe.guard == "stop":
        lab.progress.say(f'stopped after round {len(rounds) - 1} ([training] guard = "stop")')
        return True
    return False


def too_few(recipe: Training, speeches: Sequence[Speech], apart: bool = False) -> str:
    """What is wrong where the rounds ask for more train speeches than there are ('' where they do
    not); `apart`: no speech in two rounds.
    """
    train = sum(speech.split == "train" for speech in speeches)
    wanted = recipe.round_speeches * (recipe.rounds if apart else min(recipe.rounds, 1))
    if wanted <= train:
        return ""
    if not apart:
        return (
            f"[training]: round_speeches = {wanted}, but there are {train} train speeches; lower"
            " it, or collect more"
        )
    most = train // max(1, recipe.rounds)
    asked = f"{recipe.rounds} rounds of {recipe.round_speeches} speeches"
    return f"[training]: {asked}, but there are {train} to train on; at most {most} a round"


def drawn(speeches: Sequence[Speech], count: int, number: int) -> list[Speech]:
    """`count` train speeches for a round, without replacement, afresh for each round (all where
    there are fewer: `too_few` says so before).
    """
    train = [speech for speech in speeches if speech.split == "train"]
    return sorted(train, key=lambda speech: digest(["round", number, speech.speech_id]))[:count]


def _practised(
    recipe: Training, lab: Lab, part: Sequence[Speech], rounds: list[Round], judges: Judges
) -> Practice:
    drafts = lab.do(recipe.draft, part, rounds[-1].weights, NO_RESPONSES)
    scores = lab.do(recipe.score, part, drafts.responses, judges.reward).ratings
    return Practice(
        part,
        drafts.responses,
        drafts.failures,
        lab.do(recipe.pair, part, drafts.responses, scores).preferences,
    )
