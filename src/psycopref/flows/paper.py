"""The whole paper: dataset, reward model, policy by DPO and DPO-Iter, figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from psycopref.errors import RecipeError
from psycopref.flows import dataset, rewards
from psycopref.flows.dataset import Built
from psycopref.flows.judged import judged
from psycopref.flows.rounds import Judges, Round, answered, figures, online, too_few
from psycopref.lab import Lab
from psycopref.recipes import PaperRecipe, Training
from psycopref.stages.calibrate import Calibrated
from psycopref.stages.policy import Trained as Optimised
from psycopref.stages.reward import Rewarded
from psycopref.tables import Failure, Metric, Point, Preference, Response, Verdict


class Trained(NamedTuple):
    """What the training half of a run yields."""

    reward: Path
    gold: Path | None
    rounds: list[Round]
    calibrated: Calibrated
    verdicts: list[Verdict]
    metrics: list[Metric]
    failures: list[Failure]
    curves: dict[str, Sequence[Point]]
    arms: dict[
        str, Sequence[Response]
    ] = {}  # the last policy's answers by arm, and the opponent's as `opponent`


NONE: Sequence[Preference] = ()


def run(recipe: PaperRecipe, lab: Lab) -> tuple[Built, Trained]:
    """The dataset flow, then training and evaluation."""
    built = dataset.run(recipe.dataset, lab)
    trainable(recipe.training, built)
    return built, train(recipe.training, lab, built)


def trainable(recipe: Training, built: Built, apart: bool = False) -> None:
    """RecipeError where a stage would find no pairs of its split, or the rounds too few speeches:
    said before the first stage trains, not after.
    """
    there = {row.split for row in built.preferences}
    stages = {"reward": recipe.reward.split, **({"gold": recipe.gold.split} if recipe.gold else {})}
    if recipe.policy.learns.rows == 2:
        stages["policy"] = recipe.policy.split
    for name, split in stages.items():
        if split not in there:
            raise RecipeError(
                f"[training.{name}]: no preference pairs in split {split!r} (of"
                f" {len(built.preferences)} in all); look at `gap` in [dataset.pair], and at the"
                " shares in [dataset.topics]"
            )
    if short := too_few(recipe, built.speeches, apart):
        raise RecipeError(short)


class Bench(NamedTuple):
    """What policies are trained with and judged by: the reward models, how the first one is
    calibrated, and their curves.
    """

    judges: Judges
    calibrated: Calibrated
    failures: list[Failure]
    curves: dict[str, Sequence[Point]]


def bench(recipe: Training, lab: Lab, built: Built) -> Bench:
    """The reward model, measured, and the gold one where the recipe has one."""
    reward = lab.do(recipe.reward, built.speeches, built.responses, built.preferences, None)
    table = rewards.tabled(recipe, lab, built, reward.weights)
    gold = _gold(recipe, lab, built)
    return Bench(
        Judges(reward.weights, gold.weights if gold else None),
        table.calibrated,
        table.failures,
        {"reward": reward.curve, "gold": gold.curve if gold else ()},
    )


def train(recipe: Training, lab: Lab, built: Built) -> Trained:
    """Reward models, the policy and its rounds, and the figures."""
    start = (
        lab.do(recipe.start, built.speeches, built.responses, NONE, None) if recipe.start else None
    )
    judges, calibrated, unscored, theirs = bench(recipe, lab, built)
    states = _policies(recipe, lab, built, start, judges)
    compared = judged(recipe, lab, built, states, judges)
    curves = {"start": start.curve if start else (), **theirs, **_curves(states, bool(start))}
    failures = [
        row
        for one in states
        for row in (*one.failures, *(one.practice.failures if one.practice else ()))
    ]
    metrics = [*calibrated.metrics, *figures(states, recipe.drift.limit), *compared.metrics]
    drawn = {name: points for name, points in curves.items() if points}
    lost = [*unscored, *failures, *compared.failures]
    return Trained(
        judges.reward,
        judges.gold,
        states,
        calibrated,
        compared.verdicts,
        metrics,
        lost,
        drawn,
        compared.arms,
    )


def _gold(recipe: Training, lab: Lab, built: Built) -> Rewarded | None:
    """The gold reward model: trained on the speeches of split 'gold', which nothing else uses (the
    recipe sees to that).
    """
    if recipe.gold is None:
        return None
    base = (
        lab.do(recipe.gold_start, built.speeches, built.responses, NONE, None).weights
        if recipe.gold_start
        else None
    )
    return lab.do(recipe.gold, built.speeches, built.responses, built.preferences, base)


def _policies(
    recipe: Training, lab: Lab, built: Built, start: Optimised | None, judges: Judges
) -> list[Round]:
    """Round 0 is the start, round 1 DPO on the dataset's pairs, then DPO-Iter."""
    test = [speech for speech in built.speeches if speech.split == "test"]
    states = [answered(recipe, lab, test, start.weights, judges)] if start else []
    made = lab.do(
        recipe.policy,
        built.speeches,
        built.responses,
        built.preferences,
        start.weights if start else None,
    )
    states.append(
        answered(
            recipe,
            lab,
            test,
            made.weights,
            judges,
            made.curve,
            states[0].weights if states else None,
        )
    )
    return online(recipe, lab, list(built.speeches), states, judges)


def _curves(states: Sequence[Round], started: bool) -> dict[str, Sequence[Point]]:
    """The training curve of each state but the start."""
    trained = states[1:] if started else states
    return {
        "dpo" if not number else f"round {number + started}": one.curve
        for number, one in enumerate(trained)
    }
