"""Reports made anew from finished runs, of one or of two side by side: no model is asked and
nothing is trained.
"""

import tomllib
from contextlib import closing
from pathlib import Path

from psycopref.flows.figures import kind_of
from psycopref.recipes import load_recipe
from psycopref.report import content, two_runs
from psycopref.report.drawn import NUMBERS, load_figures, load_numbers
from psycopref.report.figures import draw, numbers
from psycopref.report.page import drawn_contents, render
from psycopref.store import run_folder
from psycopref.store.keys import canonical
from psycopref.store.reading import readable


def reported(work: Path, name: str = "", texts: bool = False) -> str:
    """The page of a finished run (the newest where none is named), from its steps; `texts` as in
    `report.content.content`.
    """
    run = _opened(run_folder.latest(work, name))
    drawn = _drawn(run)
    with closing(readable(work)) as ledger:
        data = content.content(run, ledger, texts)
    contents = drawn_contents(data)
    tables = numbers(contents)
    if drawn and canonical(load_numbers(drawn)) == canonical(tables):
        return render(data, load_figures(drawn), contents)
    return render(data, draw(tables), contents)


def compared(work: Path, first: str, second: str) -> str:
    """Two finished runs on one page. A run is a name in the workspace, or the path of a run's
    folder in another one.
    """
    return two_runs.render(*(_side(_place(work, name)) for name in (first, second)))


def _place(work: Path, name: str) -> Path:
    path = Path(name)
    return (
        run_folder.latest(path.parent.parent, path.name)
        if "/" in name and path.is_dir() and path.parent.name == "runs"
        else run_folder.latest(work, name)
    )


def _opened(place: Path) -> content.Run:
    """A finished run as it stands in its folder."""
    short, recipe = load_recipe(str(place / "recipe.toml"))
    last = run_folder.last(place)
    metrics = run_folder.kept_metrics(place, kind_of)
    text = (place / "recipe.toml").read_text(encoding="utf-8")
    run = content.Run(
        place.parent.parent,
        str(last.get("recipe", short)),
        run_folder.taken(place),
        recipe,
        text,
        metrics,
        {},
    )
    drawn = _drawn(run)
    return run._replace(curves=load_numbers(drawn).get("curves", {}) if drawn else {})


def _drawn(run: content.Run) -> Path | None:
    """Where the run's figures and what they were drawn from are kept; None where that step is gone,
    or is of a version that kept no numbers.
    """
    pages = [
        run.work / "steps" / str(entry["step"]) / "page"
        for entry in run.taken
        if entry["stage"] == "report"
    ]
    return next((page for page in reversed(pages) if (page / NUMBERS).is_file()), None)


def _side(place: Path) -> two_runs.Side:
    run = _opened(place)
    return two_runs.Side(
        place.name,
        tomllib.loads(run.text),
        run.metrics,
        content.games(run),
        content.margins(run),
    )
