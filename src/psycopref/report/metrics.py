"""Metric rows as the sections of the page look them up, and which of them a section holds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from psycopref.tables import Metric

BySlice = Mapping[tuple[str, str], Metric]
MATCH = "{match}"  # in a name: whichever win rate there is ("winrate", "winrate.start")
WITHOUT_INTERVAL = ".without_interval"  # what a figure is called where no interval can be given


def by_slice(metrics: Sequence[Metric]) -> dict[tuple[str, str], Metric]:
    """Metric rows by name and slice."""
    return {(row.name, row.slice): row for row in metrics}


def matches(metrics: Sequence[Metric]) -> list[str]:
    """The names of the win rates: whatever has a `<name>.wins`, so that one without a single
    verdict is there too, in the order they were made.

    Null opponents stand elsewhere.
    """
    names = dict.fromkeys(
        row.name.removesuffix(".wins") for row in metrics if row.name.endswith(".wins")
    )
    return [name for name in names if not name.startswith("null.")]


def named(metrics: Iterable[Metric], names: Iterable[str]) -> list[Metric]:
    """The rows of some names, those without an interval too."""
    wanted = frozenset(names)
    return [row for row in metrics if row.name.removesuffix(WITHOUT_INTERVAL) in wanted]


def expanded(reads: Iterable[str], comparisons: Sequence[str]) -> set[str]:
    """What a section reads in full: a name with `{match}` once for each comparison of the run."""
    names: set[str] = set()
    for name in reads:
        own = comparisons if MATCH in name else [""]
        names |= {name.replace(MATCH, one) for one in own}
    return names


def held(content: Any) -> Iterator[Metric]:
    """The metric rows in what a section was given, in mappings, lists and tuples however deep."""
    if isinstance(content, Metric):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from held(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from held(value)


def pivot(metrics: Iterable[Metric], titles: Mapping[str, str], start: str = "") -> dict[str, Any]:
    """Metric rows as a table: a line for each slice, a column for each name (by its title, or
    without `start`).
    """
    return table(((row.slice, row.name, row) for row in metrics), titles, start)


def table(
    cells: Iterable[tuple[str, str, Metric]], titles: Mapping[str, str], start: str = ""
) -> dict[str, Any]:
    """Cells, each with its line and the name of its column, as a table of `heads` and `lines`."""
    names: dict[str, None] = {}
    lines: dict[str, dict[str, Metric]] = {}
    for line, name, row in cells:
        names.setdefault(name)
        lines.setdefault(line, {})[name] = row
    heads = [
        titles.get(name) or (name.removeprefix(start) or name).replace("_", " ").replace(".", " ")
        for name in names
    ]
    rows = [
        {"name": line, "cells": [own.get(name) for name in names]} for line, own in lines.items()
    ]
    return {"heads": heads, "lines": rows}
