"""A second judge on responses that a first one rated: what a change of judge would change."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from psycopref.errors import RecipeError
from psycopref.flows import base, dataset
from psycopref.flows.base import Done
from psycopref.lab import Lab
from psycopref.models.entries import EntrySetting, ModelEntry
from psycopref.settings import Settings
from psycopref.stages.rate import Rate
from psycopref.stages.rejudge import FAILURES, Rejudge
from psycopref.store.keys import digest
from psycopref.tables import Speech


class Judges(Settings):
    """The judge that may take over, on how many speeches (drawn by a hash of their ids) it is
    tried, and which pairs count as clear.
    """

    new: EntrySetting
    speeches: int = Field(default=300, ge=1)
    gap: float = Field(default=1.0, gt=0)


class Recipe(base.Recipe):
    """flow = "judges": the dataset's judge and another one on the same responses. The new judge's
    ratings enter no pair.
    """

    flow: Literal["judges"]
    judges: Judges


def run(recipe: Recipe, lab: Lab) -> Done:
    """The dataset as its own judge has it, then a sample of its speeches by both judges, item by
    item as before.
    """
    rate = recipe.dataset.rate
    if rate is None or recipe.dataset.respond is None:
        raise RecipeError(
            "[dataset]: the old judge's ratings are those of [dataset.rate]; give it, with"
            " [dataset.respond] and [dataset.pair]"
        )
    if rate.judge.name == recipe.judges.new.name:
        raise RecipeError(
            f"[judges]: new is {rate.judge.name!r}, which is the judge of [dataset.rate]; name"
            " another one"
        )
    done = dataset.built(recipe.dataset, lab)
    part = _drawn(done.speeches, recipe.judges.speeches)
    chosen = {speech.speech_id for speech in part}
    responses = [row for row in done.responses if row.speech_id in chosen]
    old = lab.do(_alone(rate, rate.judge), part, responses)
    new = lab.do(_alone(rate, recipe.judges.new), part, responses)
    stage = Rejudge(instrument=rate.instrument, gap=recipe.judges.gap)
    found = lab.do(stage, responses, old.ratings, new.ratings)
    lost = FAILURES.rows(len(new.failures))  # the dataset's accounts are its own judge's
    return done._replace(metrics=[*done.metrics, *found.metrics, *lost])


def _alone(rate: Rate, judge: ModelEntry) -> Rate:
    """The stage with that judge and no other."""
    return rate.model_copy(update={"judge": judge, "judges": ()})


def _drawn(speeches: Sequence[Speech], count: int) -> list[Speech]:
    """That many speeches by a hash of their ids (all where there are fewer), so that a larger
    sample holds a smaller one.
    """
    return sorted(speeches, key=lambda speech: digest(["judges", speech.speech_id]))[:count]
