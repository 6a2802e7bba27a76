"""The whole paper: dataset, reward model, policy by DPO and DPO-Iter, figures."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple

from pydantic import model_validator

from psycopref.flows import dataset, rewards
from psycopref.flows.base import Done
from psycopref.flows.judged import judged
from psycopref.flows.rounds import Judges, Round, answered, figures, joined, online, too_few
from psycopref.flows.training import Training, TrainingRecipe
from psycopref.lab import Lab
from psycopref.stages.calibrate import Calibrated
from psycopref.stages.policy import Trained
from psycopref.stages.reward import Rewarded
from psycopref.tables import Failure, Point, Preference

NONE: Sequence[Preference] = ()


class Recipe(TrainingRecipe):
    """flow = "paper": the dataset, the reward model, the policy and their figures."""

    meets: ClassVar[bool] = True
    flow: Literal["paper"]

    @model_validator(mode="after")
    def _no_sizes(self) -> "Recipe":
        if self.sizes:
            raise ValueError(
                '[sizes]: flow = "ablation" needs at least one, such as [sizes.small] with a base;'
                " other flows have none"
            )
        return self

    def titles(self) -> dict[str, str]:
        """The last policy against the opponent, and against its start."""
        return {
            "winrate": f"last policy against {self.training.opponent.pool.name}",
            "winrate.start": "last policy against its start",
        }

    def sides(self, name: str) -> tuple[str, str]:
        """The last policy, and whom it meets."""
        rival = self.training.opponent.pool.name
        met = {"winrate": rival, "winrate.start": "its start"}
        return "last policy", met.get(name, "opponent")


def run(recipe: Recipe, lab: Lab) -> Done:
    """The dataset flow, then training and evaluation."""
    done = dataset.built(recipe.dataset, lab)
    trainable(recipe.training, lab, done)
    return trained(recipe.training, lab, done)


def trainable(recipe: Training, lab: Lab, done: Done, apart: bool = False) -> None:
    """RecipeError (by `lab.refuse`) where a stage would find no pairs of its split, or the rounds
    too few speeches: said before the first stage trains, not after. `apart`: no speech is in two
    rounds.
    """
    stages = {"reward": recipe.reward.split}
    if recipe.gold:
        stages["gold"] = recipe.gold.split
    if recipe.policy.learns.rows == 2:
        stages["policy"] = recipe.policy.split
    rewards.trainable(lab, done, stages)
    if short := too_few(recipe, done.speeches, apart):
        lab.refuse(short)


class Bench(NamedTuple):
    """What policies are trained with and judged by: the reward models, how the first one is
    calibrated, and their curves.
    """

    judges: Judges
    calibrated: Calibrated
    failures: list[Failure]
    curves: dict[str, Sequence[Point]]


def bench(recipe: Training, lab: Lab, done: Done) -> Bench:
    """The reward model, measured, and the gold one where the recipe has one."""
    reward = lab.do(recipe.reward, done.speeches, done.responses, done.preferences, None)
    table = rewards.tabled(recipe, lab, done, reward.weights)
    gold = _gold(recipe, lab, done)
    return Bench(
        Judges(reward.weights, gold.weights if gold else None),
        table.calibrated,
        table.failures,
        {"reward": reward.curve, "gold": gold.curve if gold else ()},
    )


def trained(recipe: Training, lab: Lab, done: Done) -> Done:
    """Reward models, the policy and its rounds, and the figures, beside the dataset's."""
    start = (
        lab.do(recipe.start, done.speeches, done.responses, NONE, None) if recipe.start else None
    )
    judges, calibrated, unscored, theirs = bench(recipe, lab, done)
    states = _policies(recipe, lab, done, start, judges)
    compared = judged(recipe, lab, done, states, judges)
    curves = {"start": start.curve if start else (), **theirs, **_curves(states, bool(start))}
    lost = [*unscored, *(row for one in states for row in one.failures), *compared.failures]
    return done._replace(
        failures=[*done.failures, *lost],
        metrics=[*done.metrics, *calibrated.metrics, *figures(states), *compared.metrics],
        curves=drawn(curves),
        arms=compared.arms,
        verdicts=compared.verdicts,
        orders=recipe.orders,
        bins=calibrated.bins,
    )


def drawn(curves: Mapping[str, Sequence[Point]]) -> dict[str, Sequence[Point]]:
    """The curves that have points."""
    return {name: points for name, points in curves.items() if points}


def _gold(recipe: Training, lab: Lab, done: Done) -> Rewarded | None:
    """The gold reward model: trained on the speeches of split 'gold', which nothing else uses (the
    recipe sees to that).
    """
    if recipe.gold is None:
        return None
    base = (
        lab.do(recipe.gold_start, done.speeches, done.responses, NONE, None).weights
        if recipe.gold_start
        else None
    )
    return lab.do(recipe.gold, done.speeches, done.responses, done.preferences, base)


def _policies(
    recipe: Training, lab: Lab, done: Done, start: Trained | None, judges: Judges
) -> list[Round]:
    """Round 0 is the start, round 1 DPO on the dataset's pairs, then DPO-Iter."""
    test = done.test()
    states: list[Round] = []
    begun = start.weights if start else None
    if begun:
        states = joined(recipe, lab, states, answered(recipe, lab, test, begun, judges))
    made = lab.do(recipe.policy, done.speeches, done.responses, done.preferences, begun)
    new = answered(recipe, lab, test, made.weights, judges, made.curve, begun)
    states = joined(recipe, lab, states, new)
    return online(recipe, lab, list(done.speeches), states, judges)


def _curves(states: Sequence[Round], started: bool) -> dict[str, Sequence[Point]]:
    """The training curve of each state but the start."""
    states = states[1:] if started else states
    return {
        "dpo" if not number else f"round {number + started}": one.curve
        for number, one in enumerate(states)
    }
