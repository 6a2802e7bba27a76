"""The figures of a run, drawn once: what the page embeds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from psycopref.errors import StoreError
from psycopref.lab import Lab
from psycopref.report.figures import draw
from psycopref.settings import Stage
from psycopref.store.steps import write_synced
from psycopref.tables import Metric, Point, Preference, Response, Speech, content_id

FILE = "figures.json"


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A Point with the training run that it belongs to."""

    curve_id: str
    run: str
    name: str
    step: int
    value: float


class Reported(NamedTuple):
    """A folder with figures.json: figure name to inline SVG."""

    page: Path


def curve_points(curves: Mapping[str, Sequence[Point]]) -> list[CurvePoint]:
    """The curves of several training runs as one table, in order."""
    return [CurvePoint(content_id("curve", run, p.name, p.step), run, p.name, p.step, p.value) for run, points in curves.items() for p in points]


class Report(Stage):
    """Draws what takes long. `report.page.render` puts the figures into the page, with what differs from run to run (times, calls)."""

    @classmethod
    def version(cls) -> int:
        """3: a panel for how far the policy has moved."""
        return 3

    def run(
        self,
        lab: Lab,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        preferences: Sequence[Preference],
        metrics: Sequence[Metric],
        bins: Sequence[Any],
        points: Sequence[CurvePoint],
    ) -> Reported:
        """Tables to figures; `bins` are those of `calibrate`. Give stage metrics only, not times: they would make every run a new step."""
        curves: dict[str, list[Point]] = {}
        for row in points:
            curves.setdefault(row.run, []).append(Point(row.curve_id, row.name, row.step, row.value))
        place = lab.place / "page"
        place.mkdir(exist_ok=True)
        write_synced(place / FILE, json.dumps(draw(speeches, responses, preferences, metrics, bins, curves), indent=1, sort_keys=True))
        return Reported(place)


def load_figures(page: Path) -> dict[str, str]:
    """The figures of a finished report step; StoreError where they are damaged."""
    try:
        return {str(name): str(svg) for name, svg in json.loads((page / FILE).read_text(encoding="utf-8")).items()}
    except (OSError, ValueError) as error:
        raise StoreError(f"{page / FILE}: missing or not JSON; delete the folder {page.parent} and run again to draw the figures anew") from error
