"""One run of a recipe: do the flow, then leave recipe.toml, steps.json, metrics.json and report.html."""

import dataclasses
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopref import __version__
from psycopref.errors import StoreError
from psycopref.flows import dataset, paper
from psycopref.flows.dataset import Built
from psycopref.flows.paper import Trained
from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.recipes import DatasetRecipe, PaperRecipe, Recipe, load_recipe, resolved
from psycopref.report.page import ReportData, render
from psycopref.stages.report import Report, curve_points, load_figures
from psycopref.stages.validate import read_annotations, write_sheet
from psycopref.store.steps import write_synced
from psycopref.tables import Annotation, Metric, metric

FILES = ("recipe.toml", "steps.json", "metrics.json", "report.html")


def run(name: str, work: Path, progress: Progress) -> Path:
    """Run a recipe in a workspace; gives the folder of the run. Everything finished before is found, not made again."""
    short, recipe = load_recipe(name)
    began = time.monotonic()
    with Lab(work, progress) as lab:
        built, trained = _flow(recipe, lab)
        place = new_run(work, short)
        expert = _validated(recipe, lab, built, place)
        figures = lab.do(Report(), *_drawn(built, trained)).page
        text = resolved(recipe)
        write_synced(place / "recipe.toml", text)
        stage_metrics = [*built.metrics, *(trained.metrics if trained else [])]
        metrics = [*stage_metrics, *expert, *_run_metrics(lab, built, trained, time.monotonic() - began)]
        page = render(_content(short, text, recipe, lab, built, trained, metrics, load_figures(figures)))
        write_synced(place / "report.html", page)
        steps = {"psycopref": __version__, "recipe": short, "steps": lab.taken}
        write_synced(place / "metrics.json", json.dumps([dataclasses.asdict(row) for row in metrics], indent=1))
        write_synced(place / "steps.json", json.dumps(steps, indent=1))
    return place


def _flow(recipe: Recipe, lab: Lab) -> tuple[Built, Trained | None]:
    if isinstance(recipe, DatasetRecipe):
        return dataset.run(recipe.dataset, lab), None
    return paper.run(recipe, lab)


def _validated(recipe: Recipe, lab: Lab, built: Built, place: Path) -> list[Metric]:
    """The experts' sheet in the run's folder, and their agreement where `annotations` names a filled one. None is ever invented."""
    if recipe.validate_ is None:
        return []
    given: Sequence[Annotation] = ()
    made = lab.do(recipe.validate_, built.speeches, built.responses, built.preferences, given)
    write_sheet(made.sheet, place / "experts.csv")
    if recipe.annotations is not None:
        given = read_annotations(recipe.annotations, made.sheet)
        made = lab.do(recipe.validate_, built.speeches, built.responses, built.preferences, given)
    return list(made.metrics)


def new_run(work: Path, recipe: str) -> Path:
    """A fresh folder work/runs/<recipe>-<time>; a number is added when two runs start in one second."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    for number in range(100):
        place = work / "runs" / (f"{recipe}-{stamp}" + (f"-{number}" if number else ""))
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            continue
        return place
    raise StoreError(f"{work / 'runs'}: a hundred runs of {recipe!r} in one second; wait a second and run again")


def _run_metrics(lab: Lab, built: Built, trained: Trained | None, seconds: float) -> list[Metric]:
    failed = len(built.failures) + (len(trained.failures) if trained else 0)
    rows = [
        metric("calls.made", "run", lab.calls_made, count=lab.calls_made),
        metric("calls.failed", "run", failed, count=failed),
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
    runs = sorted((path for path in (work / "runs").glob("*") if (path / "steps.json").is_file()), key=lambda p: p.stat().st_mtime)
    if name:
        runs = [path for path in runs if path.name == name]
    if not runs:
        what = f"no run {name!r}" if name else "no finished run"
        raise StoreError(f"{work / 'runs'}: {what}; `psycopref run RECIPE --work {work}` makes one")
    return runs[-1]


def taken(run_folder: Path) -> list[dict[str, Any]]:
    """The steps of a run in order, as lab.taken had them."""
    loaded = json.loads((run_folder / "steps.json").read_text(encoding="utf-8"))
    return list(loaded["steps"])


def _drawn(built: Built, trained: Trained | None) -> tuple[Any, ...]:
    """What the figures are made of: tables and stage metrics, no times."""
    metrics = [*built.metrics, *(trained.metrics if trained else [])]
    points = curve_points(trained.curves if trained else {})
    return built.speeches, built.responses, built.preferences, metrics, trained.calibrated.bins if trained else (), points


def _content(
    name: str,
    text: str,
    recipe: Recipe,
    lab: Lab,
    built: Built,
    trained: Trained | None,
    metrics: Sequence[Metric],
    figures: dict[str, str],
) -> ReportData:
    judge = recipe.training.evaluate.judge if isinstance(recipe, PaperRecipe) else None
    return ReportData(
        title=name,
        speeches=built.speeches,
        dropped=built.dropped,
        responses=built.responses,
        ratings=built.ratings,
        failures=built.failures,
        preferences=built.preferences,
        metrics=metrics,
        bins=trained.calibrated.bins if trained else (),
        curves=trained.curves if trained else {},
        steps=lab.taken,
        calls=lab.ledger.summary(),
        recipe=text,
        figures=figures,
        titles=_titles(recipe),
        judge=judge.name if judge else "",
        prices=_prices(recipe),
    )


def _titles(recipe: Recipe) -> dict[str, str]:
    """What each win rate compares."""
    if not isinstance(recipe, PaperRecipe):
        return {}
    return {"winrate": f"last policy against {recipe.training.opponent.pool.name}", "winrate.start": "last policy against its start"}


def _prices(recipe: Recipe) -> dict[str, tuple[float | None, float | None]]:
    """Dollars per million tokens in and out of the models that a recipe names."""
    respond, rate = recipe.dataset.respond, recipe.dataset.rate
    entries = [*(respond.pool.models if respond else ()), *([rate.judge] if rate else [])]
    return {entry.name: (entry.price_in, entry.price_out) for entry in entries}
