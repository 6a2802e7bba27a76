"""The numbers of a figure as a table, for those who cannot see it or want to work with it."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopref.report.plots.bars import Dots, Estimate
from psycopref.report.responders import share

Made = dict[str, Any]  # heads and rows of printed cells


def tabulated(shown: Mapping[str, Any]) -> dict[str, Made]:
    """Tables for those figures of `report.figures.numbers` that have none of their own on the
    page.
    """
    found = {
        name: _counts(shown[name], head)
        for name, head in (
            ("chosen", "Model"),
            ("sizes", "Size"),
            ("organisations", "Organisation"),
        )
        if name in shown
    }
    if "reliability" in shown:
        found["reliability"] = _bins(shown["reliability"])
    if "curves" in shown:
        found["curves"] = _curves(shown["curves"])
    if "lengths" in shown:
        found["lengths"] = {
            "heads": ["Characters", "speeches"],
            "rows": [
                [f"{low:,} to {high - 1:,}", f"{n:,}"] for low, high, n in shown["lengths"]["bins"]
            ],
        }
    return found | {name: _estimates(rows) for name, rows in shown.get("matches", {}).items()}


def _counts(rows: Sequence[tuple[str, int, int]], head: str) -> Made:
    cells = [[row[0], f"{row[1]:,}", f"{row[2]:,}", f"{100 * share(row):.1f} %"] for row in rows]
    return {"heads": [head, "chosen", "rejected", "share chosen"], "rows": cells}


def _bins(models: Mapping[str, Sequence[Dots]]) -> Made:
    cells = [
        [name, f"{d.confidence:.3f}", f"{d.right:.3f}", f"{d.low:.3f} to {d.high:.3f}", f"{d.n:,}"]
        for name, dots in models.items()
        for d in dots
    ]
    return {
        "heads": ["Model", "stated confidence", "share right", "95 % interval", "pairs"],
        "rows": cells,
    }


def _curves(runs: Mapping[str, Mapping[str, tuple[Sequence[int], Sequence[float]]]]) -> Made:
    cells = [
        [run, name, f"{steps[-1]:,}", f"{values[0]:.4f}", f"{values[-1]:.4f}"]
        for run, series in runs.items()
        for name, (steps, values) in series.items()
    ]
    return {
        "heads": ["Training run", "curve", "last step", "first value", "last value"],
        "rows": cells,
    }


def _estimates(rows: Sequence[Estimate]) -> Made:
    def ends(one: Estimate) -> str:
        return (
            "–"
            if one.low is None or one.high is None
            else f"{100 * one.low:.1f} to {100 * one.high:.1f}"
        )

    cells = [[one.name, f"{100 * one.value:.1f}", ends(one), f"{one.n:,}"] for one in rows]
    return {"heads": ["Of", "win rate, %", "95 % interval", "speeches"], "rows": cells}
