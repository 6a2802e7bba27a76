"""The figures of a run, drawn once: what the page embeds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from psycopref.errors import StoreError
from psycopref.lab import Lab
from psycopref.report.figures import draw
from psycopref.settings import Stage
from psycopref.store.keys import canonical
from psycopref.store.steps import write_synced

FILE = "figures.json"
NUMBERS = "numbers.json"


class Reported(NamedTuple):
    """A folder with figures.json, figure name to inline SVG, and numbers.json, what was drawn."""

    page: Path


class Report(Stage):
    """Draws what takes long. `report.page.render` puts the figures into the page, with what differs
    from run to run (times, calls).
    """

    @classmethod
    def version(cls) -> int:
        """4: drawn from the numbers alone; sources, lengths, overlap, sizes and organisations;
        titles and descriptions.
        """
        return 4

    def run(self, lab: Lab, numbers: Mapping[str, Any]) -> Reported:
        """What `report.figures.numbers` gives to figures. Numbers of stages only, no times: they
        would make every run a new step.
        """
        place = lab.place / "page"
        place.mkdir(exist_ok=True)
        write_synced(place / NUMBERS, canonical(numbers))
        write_synced(place / FILE, json.dumps(draw(numbers), indent=1, sort_keys=True))
        return Reported(place)


def load_figures(page: Path) -> dict[str, str]:
    """The figures of a finished report step; StoreError where they are damaged."""
    return {str(name): str(svg) for name, svg in _loaded(page / FILE).items()}


def load_numbers(page: Path) -> dict[str, Any]:
    """What they were drawn from; StoreError where it is damaged."""
    return _loaded(page / NUMBERS)


def _loaded(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path}: missing or not JSON; delete the folder {path.parent.parent} and run again to"
            " draw the figures anew"
        ) from error
