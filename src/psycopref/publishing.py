"""A finished run's report made anew, on the terminal or in a file: no model is asked and nothing is trained."""

import dataclasses
import os
from contextlib import closing
from pathlib import Path

from psycopref import reporting, runs
from psycopref.recipes import load_recipe
from psycopref.report.figures import draw, numbers
from psycopref.report.markdown import twin
from psycopref.report.page import render
from psycopref.stages.report import NUMBERS, load_figures, load_numbers
from psycopref.store import steps as stored
from psycopref.store.keys import canonical
from psycopref.store.ledger import Ledger
from psycopref.tables import Metric


def reported(work: Path, name: str = "", texts: bool = False) -> str:
    """The page of a finished run (the newest where none is named), from its steps; `texts` as in `reporting.content`."""
    place = runs.latest(work, name)
    short, recipe = load_recipe(str(place / "recipe.toml"))
    metrics = [Metric(**row) for row in runs.read_json(place / "metrics.json")]
    steps = runs.taken(place)
    drawn = [work / "steps" / str(entry["step"]) / "page" for entry in steps if entry["stage"] == "report"]
    drawn = [page for page in drawn if (page / NUMBERS).is_file()]
    curves = load_numbers(drawn[-1]).get("curves", {}) if drawn else {}
    title = str(runs.read_json(place / runs.LAST).get("recipe", short))
    with closing(Ledger(work / "calls.sqlite")) as ledger:
        content = reporting.content(reporting.Run(work, title, steps, recipe, (place / "recipe.toml").read_text("utf-8"), metrics, curves), ledger, texts)
    shown = numbers(content)
    same = drawn and canonical(load_numbers(drawn[-1])) == canonical(shown)
    return render(dataclasses.replace(content, figures=load_figures(drawn[-1]) if same else draw(shown), numbers=shown))


def write(page: str, out: Path | None) -> None:
    """A page on the terminal as Markdown, or in a file, as HTML where its name ends so; nobody else may read the file, since it may hold client text."""
    if out is None:
        print(twin(page), end="")
        return
    try:
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(page if out.suffix in (".html", ".htm") else twin(page))
    except OSError as error:
        raise stored.explain(error, out) from error
    print(f"written to {out}")
