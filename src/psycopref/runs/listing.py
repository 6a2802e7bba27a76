"""The runs and steps of a workspace, as rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from psycopref.errors import StoreError
from psycopref.runs.headline import Shown, headlines
from psycopref.store import run_folder, steps
from psycopref.store.rights import folders
from psycopref.store.run_folder import ended


class RunLine(NamedTuple):
    """One run of a workspace. `ended` is when it left its folder (UTC), `seconds` how long it took,
    `state` 'finished', 'did not end' or 'damaged'; `figure` is the one that says most of it.
    """

    run: str
    ended: datetime | None
    recipe: str
    seconds: float | None
    state: str
    figure: Shown | None


class StepLine(NamedTuple):
    """One step of a workspace: `state` is 'finished', 'begun' (under way or interrupted) or
    'damaged'.
    """

    step: str
    stage: str
    finished: str
    seconds: float | None
    calls: int
    rows: dict[str, int]
    state: str


def runs(work: Path) -> list[RunLine]:
    """Every run, the oldest first; StoreError where the workspace may not be read."""
    lines = [_run(place) for place in folders(work / "runs")]
    return sorted(lines, key=lambda line: (line.ended is not None, line.ended, line.run))


def _run(place: Path) -> RunLine:
    recipe = place.name.rpartition("-")[0]
    if not run_folder.finished(place):
        return RunLine(place.name, ended(place), recipe, None, "did not end", None)
    try:
        metrics = run_folder.kept_metrics(place)
        recipe = str(run_folder.last(place).get("recipe", recipe))
    except StoreError:
        return RunLine(place.name, ended(place), recipe, None, "damaged", None)
    seconds = [row.value for row in metrics if (row.name, row.slice) == ("seconds", "run")]
    first = headlines(metrics, 1)
    return RunLine(
        place.name,
        ended(place),
        recipe,
        seconds[0] if seconds else None,
        "finished",
        first[0] if first else None,
    )


def step_lines(work: Path) -> list[StepLine]:
    """Every step, by name, those that did not end too."""
    return [_step(place) for place in folders(work / "steps")]


def _step(place: Path) -> StepLine:
    stage = place.name.rpartition("-")[0]
    if place.name.endswith(".part"):
        return StepLine(place.name, stage, "", None, 0, {}, "begun")
    try:
        manifest = steps.load_manifest(place)
    except StoreError:
        return StepLine(place.name, stage, "", None, 0, {}, "damaged")
    rows = {name: one["rows"] for name, one in manifest["outputs"].items() if one["row"]}
    return StepLine(
        place.name,
        str(manifest["stage"]),
        str(manifest.get("finished", "")),
        float(manifest["seconds"]),
        int(manifest["calls"]),
        rows,
        "finished",
    )


def frame(lines: Iterable[RunLine]) -> pl.DataFrame:
    """Runs as a frame, the headline figure as `figure`, `value`, `low`, `high` and `n`."""
    rows = [_flat(line) for line in lines]
    return pl.DataFrame(rows, schema=_SCHEMA)


_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "run": pl.String,
    "ended": pl.Datetime(time_zone="UTC"),
    "recipe": pl.String,
    "seconds": pl.Float64,
    "state": pl.String,
    "figure": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n": pl.Int64,
}


def _flat(line: RunLine) -> dict[str, object]:
    row = {name: value for name, value in line._asdict().items() if name != "figure"}
    if line.figure is None:
        return {**row, **dict.fromkeys(("figure", "value", "low", "high", "n"))}
    one = line.figure.metric
    figures = {"value": one.value, "low": one.low, "high": one.high, "n": one.count}
    return {**row, "figure": line.figure.says, **figures}


def unfinished(lines: Sequence[StepLine]) -> list[StepLine]:
    """The steps that are under way or were interrupted."""
    return [line for line in lines if line.state == "begun"]
