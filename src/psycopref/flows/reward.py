"""A reward model from preferences, measured, and nothing beside it: no policy, no opponent."""

from typing import Literal

from pydantic import Field

from psycopref.flows import base, dataset, rewards
from psycopref.flows.base import Done
from psycopref.flows.training import Rewarding
from psycopref.lab import Lab
from psycopref.stages.calibrate import Calibrate
from psycopref.stages.score import Score


class Alone(Rewarding):
    """The settings of a reward model alone: what is not said has a default that lets a run come to
    its end (replies longer than the model reads are left out, counted).
    """

    score: Score = Score(longer="skip")
    calibrate: Calibrate = Field(default_factory=Calibrate)


class Recipe(base.Recipe):
    """flow = "reward": preferences of one's own or of others, and a reward model on them."""

    flow: Literal["reward"]
    training: Alone


def run(recipe: Recipe, lab: Lab) -> Done:
    """The dataset, the reward model and the table of reward models."""
    done = dataset.built(recipe.dataset, lab)
    settings = recipe.training
    rewards.trainable(lab, done, {"reward": settings.reward.split})
    reward = lab.do(settings.reward, done.speeches, done.responses, done.preferences, None)
    table = rewards.tabled(settings, lab, done, reward.weights)
    return done._replace(
        failures=[*done.failures, *table.failures],
        metrics=[*done.metrics, *table.calibrated.metrics],
        curves={"reward": reward.curve} if reward.curve else {},
        bins=table.calibrated.bins,
    )
