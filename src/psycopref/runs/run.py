"""One run of a recipe: do the flow, have experts' sheets made, and leave the run's folder."""

import time
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from psycopref.errors import RecipeError, SourceWarning
from psycopref.experts.files import read_all
from psycopref.experts.matches import BlindMatch, matched
from psycopref.flows.base import Done
from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.recipes import Recipe, flow_of, load_recipe
from psycopref.runs.folder import leave
from psycopref.runs.packages import check_packages
from psycopref.stages.validate import Validated
from psycopref.tables import Annotation

NOBODY: Sequence[Annotation] = ()


def run(name: str, work: Path, progress: Progress) -> Path:
    """Run a recipe in a workspace; gives the folder of the run. Everything finished before is
    found, not made again.

    A process that follows another (see Lab) leaves no run and gives the workspace.
    """
    short, recipe = load_recipe(name)
    return run_recipe(short, recipe, work, progress)


def run_recipe(name: str, recipe: Recipe, work: Path, progress: Progress) -> Path:
    """Run a recipe that was loaded or built; `name` is what its runs are called."""
    check(name, recipe)
    began = time.monotonic()
    with Lab(work, progress, recipe.budget) as lab:
        done = flow_of(recipe).run(recipe, lab)
        if lab.follows:
            return work
        _no_pairs(recipe, done, progress)
        expert = _validated(recipe, lab, done)
        return leave(lab, name, recipe, done, expert, began)


def check(name: str, recipe: Recipe) -> None:
    """RecipeError where a run would come to its end and fail there: said before it begins."""
    check_packages(name, recipe)
    if lacking := [str(one.path) for one in recipe.annotations if not one.path.is_file()]:
        raise RecipeError(
            f"{name}: 'annotations': no file {lacking[0]!r}; give the path of a filled experts.csv"
            " (or a list of paths), or leave it out"
        )
    if recipe.validate_ and recipe.validate_.matches and not recipe.meets:
        raise RecipeError(
            f"{name} [validate]: matches = {recipe.validate_.matches}, but only flow = 'paper' has"
            " a policy and an opponent; leave it out"
        )


def _no_pairs(recipe: Recipe, done: Done, progress: Progress) -> None:
    """A dataset without a single pair is a finished run, but not what anybody wanted who asked for
    pairs.
    """
    if recipe.dataset.pair is not None and not len(done.preferences):
        reasons = Counter(row.parts()[:2] for row in done.failures)
        most = [f"{n:,} {outcome} in {stage}" for (outcome, stage), n in reasons.most_common(3)]
        told = ", ".join(most)
        progress.say(
            f"WARNING: no preference pairs: {len(done.responses)} responses, {len(done.ratings)}"
            f" ratings, {len(done.failures)} failures{f' ({told})' if told else ''}; look at the"
            " ratings, at `gap` in [dataset.pair], and at the report's accounts"
        )


def _validated(recipe: Recipe, lab: Lab, done: Done) -> Validated | None:
    """The experts' sheets, and figures where `annotations` names filled ones. None is ever
    invented.
    """
    stage = recipe.validate_
    if stage is None:
        return None
    games = _matches(done) if stage.matches else []
    made = lab.do(stage, done.speeches, done.responses, done.preferences, NOBODY, matches=games)
    if not recipe.annotations:
        return made
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", SourceWarning)
        given = read_all(
            [(one.path, one.annotator) for one in recipe.annotations], made.sheet, stage.instrument
        )
    for one in told:
        lab.progress.say(f"WARNING: {one.message}")
    if given.skipped:
        lab.progress.say(
            f"{len(given.skipped)} rows of experts have a name or a note but no answer, the first"
            f" at {given.skipped[0]}; they count as skipped"
        )
    return lab.do(
        stage,
        done.speeches,
        done.responses,
        done.preferences,
        given.annotations,
        given.ratings,
        done.ratings,
        games,
    )


def _matches(done: Done) -> list[BlindMatch]:
    """The policy against the opponent, by arm, with the judge's verdicts."""
    arms = dict(done.arms)
    theirs, test = arms.pop("opponent"), done.test()
    return [
        row
        for arm, answers in arms.items()
        for row in matched(arm, test, answers, theirs, done.verdicts, done.orders)
    ]
