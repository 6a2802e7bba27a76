"""What a run leaves in its folder: recipe.toml, the report, experts' sheets, metrics.json and
steps.json, which is written last. (store/run_folder.py reads it back.)
"""

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path

from psycopref import __version__
from psycopref.experts.files import write_all
from psycopref.flows import figures
from psycopref.flows.base import Done
from psycopref.flows.dataset import FAILURES
from psycopref.flows.figures import CALLS_FAILED, CALLS_MADE, SECONDS
from psycopref.lab import Lab
from psycopref.recipes import Recipe, resolved
from psycopref.report import content, frames
from psycopref.report.drawn import Report, load_figures
from psycopref.report.figures import numbers
from psycopref.report.markdown import twin
from psycopref.report.page import drawn_contents, render
from psycopref.stages.validate import Validated
from psycopref.store import rights
from psycopref.store.run_folder import LAST, new_run
from psycopref.store.steps import explain, os_error, write_synced
from psycopref.tables import Failure, Metric


def leave(
    lab: Lab, name: str, recipe: Recipe, done: Done, expert: Validated | None, began: float
) -> Path:
    """The folder of a run that is done but for this; `began` is when, by `time.monotonic`."""
    try:
        return _left(lab, name, recipe, done, expert, began)
    except Exception as error:
        if (refused := os_error(error)) is None:
            raise
        raise explain(refused, lab.work / "runs") from error


def _left(
    lab: Lab, name: str, recipe: Recipe, done: Done, expert: Validated | None, began: float
) -> Path:
    text = resolved(recipe)
    of_stages = [*done.metrics, *(expert.metrics if expert else ())]
    page, metrics = _page(lab, name, recipe, text, done, of_stages, began)
    place = new_run(lab.work, name)
    if expert and recipe.validate_:
        stage = recipe.validate_
        write_all(expert.sheet, stage.items, stage.instrument, stage.layouts, place)
    write_synced(place / "recipe.toml", text)
    write_synced(place / "report.html", page)
    write_synced(place / "report.md", twin(page))
    rows = [dataclasses.asdict(row) for row in metrics]
    write_synced(place / "metrics.json", json.dumps(rows, indent=1))
    steps = {"psycopref": __version__, "recipe": name, "steps": lab.taken}
    write_synced(place / LAST, json.dumps(steps, indent=1))
    rights.settle(place, rights.of(lab.work))
    return place


def _page(
    lab: Lab,
    name: str,
    recipe: Recipe,
    text: str,
    done: Done,
    of_stages: Sequence[Metric],
    began: float,
) -> tuple[str, list[Metric]]:
    """The report, and every figure of the run: those of the stages and those of the run itself."""
    curves = {name: frames.series(points) for name, points in done.curves.items()}
    run = content.Run(lab.work, name, list(lab.taken), recipe, text, of_stages, curves)
    data = content.content(run, lab.ledger)
    contents = drawn_contents(data)
    drawn = load_figures(lab.do(Report(), numbers(contents)).page)
    own = run_metrics(lab, done.failures, time.monotonic() - began)
    metrics = figures.checked([*of_stages, *own])
    whole = dataclasses.replace(data, metrics=metrics, steps=lab.taken)
    return render(whole, drawn, contents), metrics


def run_metrics(lab: Lab, failures: Sequence[Failure], seconds: float) -> list[Metric]:
    """What the run itself took: calls made and failed, failures, seconds, also by stage."""
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
        took = round(sum(float(entry["seconds"]) for entry in entries), 2)
        rows += SECONDS.rows(took, len(entries), of=stage)
        rows += CALLS_MADE.rows(made, of=stage)
    return rows
