"""The tables of a finished run, read from its steps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from psycopref.errors import StoreError
from psycopref.store import steps

Taken = Sequence[Mapping[str, Any]]  # the steps of a run in order, as store.run_folder has them


class Dataset(NamedTuple):
    """What a run's preferences are made of, a row type each (docs/tables.md)."""

    speeches: pl.DataFrame
    responses: pl.DataFrame
    ratings: pl.DataFrame
    preferences: pl.DataFrame


def step_folder(work: Path, step: str) -> Path:
    """The folder of a step; StoreError where it was deleted."""
    place = work / "steps" / step
    if not place.is_dir():
        raise StoreError(
            f"{place}: this step of the run was deleted; run its recipe again in {work} to remake"
            " it first"
        )
    return place


def first(work: Path, taken: Taken, stage: str) -> Path:
    """The folder of a run's first step of a stage; StoreError where it has none."""
    found = [str(entry["step"]) for entry in taken if entry["stage"] == stage]
    if not found:
        raise StoreError(
            f"{work}: the run has no {stage!r} step, so there are no tables of it; `psycopref show"
            " RUN` lists its steps"
        )
    return step_folder(work, found[0])


def rated(taken: Taken) -> bool:
    """Whether the run's own judge rated; else the source brought preferences of its own (later
    steps answer and pair too).
    """
    return any(entry["stage"] == "rate" for entry in taken)


def dataset(work: Path, taken: Taken) -> Dataset:
    """The dataset of a run; StoreError where one of its steps is gone."""
    made = ("respond", "rate", "pair") if rated(taken) else ("collect",) * 3
    names = zip(("topics", *made), Dataset._fields, strict=True)
    return Dataset(*(steps.frame(first(work, taken, stage), name) for stage, name in names))
