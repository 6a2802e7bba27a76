"""The numbers of a figure as a table, for those who cannot see it or want to work with it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from psycopref.report.plots.bars import Dots, Estimate

Counts = Sequence[tuple[str, int, int]]  # name, chosen, rejected


class Tabulated(NamedTuple):
    """Heads and rows of printed cells."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def share(row: tuple[str, int, int]) -> float:
    """The chosen among a row's chosen and rejected."""
    return row[1] / max(1, row[1] + row[2])


def counts(head: str, rows: Counts) -> Tabulated:
    """Chosen and rejected by whatever `head` says."""
    cells = [[row[0], f"{row[1]:,}", f"{row[2]:,}", f"{100 * share(row):.1f} %"] for row in rows]
    return Tabulated([head, "chosen", "rejected", "share chosen"], cells)


def histogram(bins: Sequence[tuple[int, int, int]]) -> Tabulated:
    """Speeches by length in characters."""
    cells = [[f"{low:,} to {high - 1:,}", f"{n:,}"] for low, high, n in bins]
    return Tabulated(["Characters", "speeches"], cells)


def reliability(models: Mapping[str, Sequence[Dots]]) -> Tabulated:
    """Stated confidence against the share that was right, by model and bin."""
    cells = [
        [name, f"{d.confidence:.3f}", f"{d.right:.3f}", f"{d.low:.3f} to {d.high:.3f}", f"{d.n:,}"]
        for name, dots in models.items()
        for d in dots
    ]
    return Tabulated(["Model", "stated confidence", "share right", "95 % interval", "pairs"], cells)


def curves(runs: Mapping[str, Mapping[str, tuple[Sequence[int], Sequence[float]]]]) -> Tabulated:
    """Where each curve of each training run began and ended."""
    cells = [
        [run, name, f"{steps[-1]:,}", f"{values[0]:.4f}", f"{values[-1]:.4f}"]
        for run, series in runs.items()
        for name, (steps, values) in series.items()
    ]
    return Tabulated(["Training run", "curve", "last step", "first value", "last value"], cells)


def winrates(rows: Sequence[Estimate]) -> Tabulated:
    """Win rates in % with their intervals."""
    cells = [[one.name, f"{100 * one.value:.1f}", _ends(one), f"{one.n:,}"] for one in rows]
    return Tabulated(["Of", "win rate, %", "95 % interval", "speeches"], cells)


def _ends(one: Estimate) -> str:
    if one.low is None or one.high is None:
        return "–"
    return f"{100 * one.low:.1f} to {100 * one.high:.1f}"
