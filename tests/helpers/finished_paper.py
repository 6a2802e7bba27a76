"""The tiny paper's run, made once for all tests that start from it: twenty seconds that five of
them would spend alike.
"""

import os
import shutil
from pathlib import Path

from filelock import FileLock

from helpers.loopback import Loopback
from helpers.tiny_paper import write
from psycopref.progress import Progress
from psycopref.runs import run


def finished_paper(base: Path) -> Path:
    """A workspace with the finished run, made by the first that asks; to be copied, not used.

    `base` is pytest's base temp; with xdist every process has one of its own below a common one.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    place = base / "finished-paper"
    with FileLock(f"{place}.lock"):
        if not place.exists():
            made = base / "finished-paper-recipe"
            made.mkdir()
            with Loopback() as server:
                run.run(str(write(made, server.url)), made / "work", Progress(quiet=True))
            (made / "work").rename(place)
    return place


def copied(finished: Path, folder: Path) -> Path:
    """A workspace of one's own at `folder`, with all that the finished one has."""
    return Path(shutil.copytree(finished, folder))
