"""A finished run of a dataset that needs no model: a published dataset of made-up texts, and its
recipe.
"""

from pathlib import Path

from helpers.tiny_paper import DATASET, dataset
from psycopref.progress import Progress
from psycopref.runs import run


def write(folder: Path, more: str = "") -> Path:
    """The dataset and its recipe in `folder`; `more` goes to the top of the recipe."""
    path = folder / "small.toml"
    path.write_text(
        more + f'flow = "dataset"{DATASET}'.replace("FOLDER", str(dataset(folder / "published"))),
        encoding="utf-8",
    )
    return path


def built(folder: Path) -> Path:
    """The workspace `folder`/work with one finished run."""
    run.run(str(write(folder)), folder / "work", Progress())
    return folder / "work"
