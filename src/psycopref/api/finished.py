"""A finished run in a notebook: figures, steps and tables as frames, and where its report is."""

from pathlib import Path
from typing import Any

import polars as pl

from psycopref.errors import StoreError
from psycopref.runs import tables
from psycopref.runs.summary import Summary, summary
from psycopref.store import run_folder, steps
from psycopref.store.parquet import table
from psycopref.tables import Metric


class Run:
    """A finished run. Frames are polars; `psycopref.to_pandas` makes pandas ones of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._taken = run_folder.taken(folder)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {len(self._taken)} steps)"

    @property
    def name(self) -> str:
        """What the run is called in its workspace."""
        return self.folder.name

    @property
    def report(self) -> Path:
        """The report, an HTML page."""
        return self.folder / "report.html"

    @property
    def recipe(self) -> Path:
        """The recipe with every setting said, as TOML."""
        return self.folder / "recipe.toml"

    @property
    def metrics(self) -> pl.DataFrame:
        """Every figure: `name`, `slice`, `value`, its 95 % interval `low` and `high`, and `count`,
        on how many observations it rests.
        """
        return table(Metric, run_folder.kept_metrics(self.folder)).frame.drop("metric_id")

    @property
    def steps(self) -> pl.DataFrame:
        """The steps in order: `step`, `stage`, whether it was `found` or made, `seconds` when it
        was made, `calls`.
        """
        names = ("step", "stage", "found", "made_seconds", "calls")
        rows = [{name: entry.get(name) for name in names} for entry in self._taken]
        return pl.DataFrame(rows, infer_schema_length=None).rename({"made_seconds": "seconds"})

    def summary(self) -> Summary:
        """What was made, the figures that matter most and what needs attention."""
        return summary(self.folder)

    def dataset(self) -> tables.Dataset:
        """The speeches, responses, ratings and preferences of the run's dataset, as frames. They
        hold what clients said (masked).
        """
        return tables.dataset(self.folder.parent.parent, self._taken)

    def table(self, step: str, name: str) -> pl.DataFrame:
        """A table of a step, which is named in full (`Run.steps` lists them) or by its stage where
        the run has one such step; StoreError says which there are.
        """
        found = [str(one["step"]) for one in self._taken if step in (one["step"], one["stage"])]
        found = list(dict.fromkeys(found))
        if len(found) != 1:
            there: list[Any] = found or list(dict.fromkeys(one["stage"] for one in self._taken))
            what = "has several" if found else "has no"
            raise StoreError(
                f"{self.name}: {what} step {step!r}; there are {', '.join(map(str, there))}"
            )
        return steps.frame(tables.step_folder(self.folder.parent.parent, found[0]), name)
