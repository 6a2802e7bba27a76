"""One run of a recipe: do the flow, then leave recipe.toml, steps.json, metrics.json and
report.html.
"""

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path

from psycopref import __version__
from psycopref.errors import RecipeError
from psycopref.experts.files import read_all, write_all
from psycopref.experts.matches import Match, matched
from psycopref.flows import ablation, dataset, figures, judges, paper
from psycopref.flows.dataset import FAILURES, Built
from psycopref.flows.figures import CALLS_FAILED, CALLS_MADE, SECONDS
from psycopref.flows.paper import Trained
from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.recipes import (
    DatasetRecipe,
    JudgesRecipe,
    PaperRecipe,
    Recipe,
    load_recipe,
    resolved,
)
from psycopref.report import content, frames
from psycopref.report.drawn import Report, load_figures
from psycopref.report.figures import numbers
from psycopref.report.markdown import twin
from psycopref.report.page import drawn_contents, render
from psycopref.stages.validate import Validated
from psycopref.store.run_folder import LAST, new_run
from psycopref.store.steps import write_synced
from psycopref.tables import Annotation, Metric

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
    if lacking := [str(one.path) for one in recipe.annotations if not one.path.is_file()]:
        raise RecipeError(
            f"{name}: 'annotations': no file {lacking[0]!r}; give the path of a filled experts.csv"
            " (or a list of paths), or leave it out"
        )
    if recipe.validate_ and recipe.validate_.matches and recipe.flow != "paper":
        raise RecipeError(
            f"{name} [validate]: matches = {recipe.validate_.matches}, but only flow = 'paper' has"
            " a policy and an opponent; leave it out"
        )
    began = time.monotonic()
    with Lab(work, progress, recipe.budget) as lab:
        built, trained = _flow(recipe, lab)
        if lab.follows:
            return work
        _no_pairs(built, progress)
        expert = _validated(recipe, lab, built, trained)
        text = resolved(recipe)
        curves = (
            {name: frames.series(points) for name, points in trained.curves.items()}
            if trained
            else {}
        )
        stage_metrics = [
            *built.metrics,
            *(trained.metrics if trained else []),
            *(expert.metrics if expert else []),
        ]
        data = content.content(
            content.Run(work, name, list(lab.taken), recipe, text, stage_metrics, curves),
            lab.ledger,
        )
        contents = drawn_contents(data)
        drawn = load_figures(lab.do(Report(), numbers(contents)).page)
        metrics = figures.checked(
            [*stage_metrics, *_run_metrics(lab, built, trained, time.monotonic() - began)]
        )
        page = render(dataclasses.replace(data, metrics=metrics, steps=lab.taken), drawn, contents)
        place = new_run(work, name)
        if expert and recipe.validate_:
            write_all(
                expert.sheet,
                recipe.validate_.items,
                recipe.validate_.instrument,
                recipe.validate_.layouts,
                place,
            )
        write_synced(place / "recipe.toml", text)
        write_synced(place / "report.html", page)
        write_synced(place / "report.md", twin(page))
        steps = {"psycopref": __version__, "recipe": name, "steps": lab.taken}
        write_synced(
            place / "metrics.json",
            json.dumps([dataclasses.asdict(row) for row in metrics], indent=1),
        )
        write_synced(place / LAST, json.dumps(steps, indent=1))
    return place


def _no_pairs(built: Built, progress: Progress) -> None:
    """A dataset without a single pair is a finished run, but not what anybody wanted."""
    if not len(built.preferences):
        progress.say(
            f"WARNING: no preference pairs: {len(built.responses)} responses, {len(built.ratings)}"
            f" ratings, {len(built.failures)} failures; look at the ratings, at `gap` in"
            " [dataset.pair], and at the report's accounts"
        )


def _flow(recipe: Recipe, lab: Lab) -> tuple[Built, Trained | None]:
    if isinstance(recipe, JudgesRecipe):
        return judges.run(recipe, lab), None
    if isinstance(recipe, DatasetRecipe):
        return dataset.run(recipe.dataset, lab), None
    return ablation.run(recipe, lab) if recipe.flow == "ablation" else paper.run(recipe, lab)


def _validated(recipe: Recipe, lab: Lab, built: Built, trained: Trained | None) -> Validated | None:
    """The experts' sheets, and figures where `annotations` names filled ones. None is ever
    invented.
    """
    stage = recipe.validate_
    if stage is None:
        return None
    games = _matches(recipe, built, trained) if stage.matches else []
    made = lab.do(stage, built.speeches, built.responses, built.preferences, NOBODY, matches=games)
    if not recipe.annotations:
        return made
    given = read_all(
        [(one.path, one.annotator) for one in recipe.annotations], made.sheet, stage.instrument
    )
    if given.skipped:
        lab.progress.say(
            f"{len(given.skipped)} rows of experts have a name or a note but no answer, the first"
            f" at {given.skipped[0]}; they count as skipped"
        )
    return lab.do(
        stage,
        built.speeches,
        built.responses,
        built.preferences,
        given.annotations,
        given.ratings,
        built.ratings,
        games,
    )


def _matches(recipe: Recipe, built: Built, trained: Trained | None) -> list[Match]:
    """The policy against the opponent, by arm, with the judge's verdicts."""
    if not isinstance(recipe, PaperRecipe) or trained is None:
        return []
    test = [speech for speech in built.speeches if speech.split == "test"]
    orders = 1 if recipe.training.evaluate.judge is None else 2
    theirs = trained.arms["opponent"]
    ours = {arm: answers for arm, answers in trained.arms.items() if arm != "opponent"}
    return [
        row
        for arm, answers in ours.items()
        for row in matched(arm, test, answers, theirs, trained.verdicts, orders)
    ]


def _run_metrics(lab: Lab, built: Built, trained: Trained | None, seconds: float) -> list[Metric]:
    failures = [*built.failures, *(trained.failures if trained else [])]
    failed = len({row.call_id for row in failures if row.call_id})
    rows = [
        *CALLS_MADE.rows(lab.calls_made, of="run"),
        *CALLS_FAILED.rows(failed),
        *FAILURES.rows(len(failures), part="run"),
        *SECONDS.rows(round(seconds, 2), 1, of="run"),
    ]
    for stage in dict.fromkeys(str(entry["stage"]) for entry in lab.taken):
        entries = [entry for entry in lab.taken if entry["stage"] == stage]
        made = sum(int(entry["calls"]) for entry in entries if not entry["found"])
        spent = round(sum(float(entry["seconds"]) for entry in entries), 2)
        rows += SECONDS.rows(spent, len(entries), of=stage)
        rows += CALLS_MADE.rows(made, of=stage)
    return rows
