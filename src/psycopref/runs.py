"""One run of a recipe: do the flow, then leave recipe.toml, steps.json, metrics.json and report.html."""

import dataclasses
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopref import __version__, reporting
from psycopref.errors import RecipeError, StoreError
from psycopref.flows import ablation, dataset, judges, paper
from psycopref.flows.dataset import Built
from psycopref.flows.paper import Trained
from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.recipes import DatasetRecipe, JudgesRecipe, Recipe, load_recipe, resolved
from psycopref.report import frames
from psycopref.report.figures import numbers
from psycopref.report.markdown import twin
from psycopref.report.page import render
from psycopref.stages.report import Report, load_figures
from psycopref.stages.validate import Validated, read_annotations, write_sheet
from psycopref.store.steps import write_synced
from psycopref.tables import Annotation, Metric, metric

LAST = "steps.json"


def run(name: str, work: Path, progress: Progress) -> Path:
    """Run a recipe in a workspace; gives the folder of the run. Everything finished before is found, not made again.

    A process that follows another (see Lab) leaves no run and gives the workspace.
    """
    short, recipe = load_recipe(name)
    if recipe.annotations is not None and not recipe.annotations.is_file():
        raise RecipeError(f"{name}: 'annotations': no file {str(recipe.annotations)!r}; give the path of a filled experts.csv, or leave it out")
    began = time.monotonic()
    with Lab(work, progress, recipe.budget) as lab:
        built, trained = _flow(recipe, lab)
        if lab.follows:
            return work
        _no_pairs(built, progress)
        expert = _validated(recipe, lab, built)
        text = resolved(recipe)
        curves = {name: frames.series(points) for name, points in trained.curves.items()} if trained else {}
        stage_metrics = [*built.metrics, *(trained.metrics if trained else []), *(expert.metrics if expert else [])]
        content = reporting.content(reporting.Run(work, short, list(lab.taken), recipe, text, stage_metrics, curves), lab.ledger)
        shown = numbers(content)
        figures = load_figures(lab.do(Report(), shown).page)
        metrics = [*stage_metrics, *_run_metrics(lab, built, trained, time.monotonic() - began)]
        page = render(dataclasses.replace(content, figures=figures, numbers=shown, metrics=metrics, steps=lab.taken))
        place = new_run(work, short)
        if expert:
            write_sheet(expert.sheet, place / "experts.csv")
        write_synced(place / "recipe.toml", text)
        write_synced(place / "report.html", page)
        write_synced(place / "report.md", twin(page))
        steps = {"psycopref": __version__, "recipe": short, "steps": lab.taken}
        write_synced(place / "metrics.json", json.dumps([dataclasses.asdict(row) for row in metrics], indent=1))
        write_synced(place / LAST, json.dumps(steps, indent=1))
    return place


def _no_pairs(built: Built, progress: Progress) -> None:
    """A dataset without a single pair is a finished run, but not what anybody wanted."""
    if not len(built.preferences):
        progress.say(
            f"WARNING: no preference pairs: {len(built.responses)} responses, {len(built.ratings)} ratings, {len(built.failures)} failures; "
            "look at the ratings, at `gap` in [dataset.pair], and at the report's accounts"
        )


def _flow(recipe: Recipe, lab: Lab) -> tuple[Built, Trained | None]:
    if isinstance(recipe, JudgesRecipe):
        return judges.run(recipe, lab), None
    if isinstance(recipe, DatasetRecipe):
        return dataset.run(recipe.dataset, lab), None
    return ablation.run(recipe, lab) if recipe.flow == "ablation" else paper.run(recipe, lab)


def _validated(recipe: Recipe, lab: Lab, built: Built) -> Validated | None:
    """The experts' sheet, and their agreement where `annotations` names a filled one. None is ever invented."""
    if recipe.validate_ is None:
        return None
    given: Sequence[Annotation] = ()
    made = lab.do(recipe.validate_, built.speeches, built.responses, built.preferences, given)
    if recipe.annotations is not None:
        given = read_annotations(recipe.annotations, made.sheet)
        made = lab.do(recipe.validate_, built.speeches, built.responses, built.preferences, given)
    return made


def new_run(work: Path, recipe: str) -> Path:
    """A fresh folder work/runs/<recipe>-<time>; a number is added when two runs start in one second."""
    (work / "runs").mkdir(mode=0o700, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    for number in range(100):
        place = work / "runs" / (f"{recipe}-{stamp}" + (f"-{number}" if number else ""))
        try:
            place.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return place
    raise StoreError(f"{work / 'runs'}: a hundred runs of {recipe!r} in one second; wait a second and run again")


def _run_metrics(lab: Lab, built: Built, trained: Trained | None, seconds: float) -> list[Metric]:
    failures = [*built.failures, *(trained.failures if trained else [])]
    failed = len({row.call_id for row in failures if row.call_id})
    rows = [
        metric("calls.made", "run", lab.calls_made, count=lab.calls_made),
        metric("calls.failed", "run", failed, count=failed),
        metric("failures", "run", len(failures), count=len(failures)),
        metric("seconds", "run", round(seconds, 2), count=1),
    ]
    for stage in dict.fromkeys(str(entry["stage"]) for entry in lab.taken):
        entries = [entry for entry in lab.taken if entry["stage"] == stage]
        made = sum(int(entry["calls"]) for entry in entries if not entry["found"])
        rows.append(metric("seconds", stage, round(sum(float(entry["seconds"]) for entry in entries), 2), count=len(entries)))
        rows.append(metric("calls.made", stage, made, count=made))
    return rows


def latest(work: Path, name: str = "") -> Path:
    """The newest finished run of a workspace, or the one of that name; StoreError where there is none."""
    if name and (work / "runs" / name).is_dir() and not finished(work / "runs" / name):
        raise StoreError(f"{work / 'runs' / name}: this run did not end, so it has no figures; run its recipe again: what was finished is found")
    found = [path for path in (work / "runs").glob("*") if finished(path) and name in ("", path.name)]
    if not found:
        what = f"no run {name!r}" if name else "no finished run"
        raise StoreError(f"{work / 'runs'}: {what}; `psycopref run RECIPE --work {work}` makes one")
    return max(found, key=lambda path: ((path / LAST).stat().st_mtime_ns, path.name))


def finished(run_folder: Path) -> bool:
    """Whether a run came to its end: the file that is written last is there."""
    return (run_folder / LAST).is_file()


def read_json(path: Path) -> Any:
    """A file of a run; StoreError where it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: missing or not JSON; delete the folder {path.parent} and run the recipe again") from error


def taken(run_folder: Path) -> list[dict[str, Any]]:
    """The steps of a run in order, as lab.taken had them."""
    return list(read_json(run_folder / LAST)["steps"])
