"""A second judge on responses that a first one rated: what a change of judge would change."""

from collections.abc import Sequence

from psycopref.errors import RecipeError
from psycopref.flows import dataset
from psycopref.flows.dataset import Built
from psycopref.lab import Lab
from psycopref.recipes import JudgesRecipe
from psycopref.stages.rejudge import FAILURES, Rejudge
from psycopref.store.keys import digest
from psycopref.tables import Speech


def run(recipe: JudgesRecipe, lab: Lab) -> Built:
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
    built = dataset.run(recipe.dataset, lab)
    part = _drawn(built.speeches, recipe.judges.speeches)
    chosen = {speech.speech_id for speech in part}
    responses = [row for row in built.responses if row.speech_id in chosen]
    old, new = (
        lab.do(rate.model_copy(update={"judge": judge, "judges": ()}), part, responses)
        for judge in (rate.judge, recipe.judges.new)
    )
    found = lab.do(
        Rejudge(instrument=rate.instrument, gap=recipe.judges.gap),
        responses,
        old.ratings,
        new.ratings,
    )
    lost = FAILURES.rows(len(new.failures))  # the dataset's accounts are its own judge's
    return built._replace(metrics=[*built.metrics, *found.metrics, *lost])


def _drawn(speeches: Sequence[Speech], count: int) -> list[Speech]:
    """That many speeches by a hash of their ids (all where there are fewer), so that a larger
    sample holds a smaller one.
    """
    return sorted(speeches, key=lambda speech: digest(["judges", speech.speech_id]))[:count]
