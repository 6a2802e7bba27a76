"""Every figure that a run may leave, in one table: collected by hand from the modules that declare
and make them.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any

from psycopref import tables
from psycopref.experts import figures as comparisons
from psycopref.experts import matches, scores
from psycopref.flows import ablation, dataset, judged
from psycopref.labels import by_classifier
from psycopref.stages import (
    calibrate,
    collect,
    evaluate,
    pair,
    rate,
    rejudge,
    respond,
    rounds,
    systems,
    topics,
)
from psycopref.tables import LACKING, Figure, Kind, Metric

# What a run counts of itself (runs/run.py), declared here since the report, which stands below the
# runs, shows it.
CALLS_MADE = Figure("calls.made", "count", ("{of}",), "new calls of the run, and of each stage")
CALLS_FAILED = Figure(
    "calls.failed", "count", ("run",), "calls without a usable answer, each counted once"
)
SECONDS = Figure("seconds", "duration", ("{of}",), "time the run took, and each stage")
OF_A_RUN = (CALLS_MADE, CALLS_FAILED, SECONDS)


def declared(module: ModuleType) -> Iterator[Figure]:
    """The figures that a module declares: its constants, alone or in tuples and mappings."""
    for name, value in vars(module).items():
        if not name.startswith("__"):
            yield from _figures(value)


def _figures(value: Any) -> Iterator[Figure]:
    if isinstance(value, Figure):
        yield value
    elif isinstance(value, dict):
        yield from (one for one in value.values() if isinstance(one, Figure))
    elif isinstance(value, tuple):
        yield from (one for one in value if isinstance(one, Figure))


# In the order of the docs: what a section is about, and the modules that declare its figures.
SECTIONS: dict[str, tuple[ModuleType, ...]] = {
    "The dataset": (dataset, collect, topics, by_classifier, respond, rate, pair),
    "Two judges": (rejudge,),
    "Reward models": (calibrate,),
    "The policy": (rounds, ablation),
    "Win rates": (evaluate, systems, judged),
    "Experts": (comparisons, matches, scores),
}


def _once(figures: Iterable[Figure]) -> tuple[Figure, ...]:
    """Each name once: a module that reads another's figure has it too."""
    return tuple({figure.name: figure for figure in figures}.values())


BY_SECTION: dict[str, tuple[Figure, ...]] = {}
for _title, _modules in SECTIONS.items():
    _found = _once(figure for module in _modules for figure in declared(module))
    _before = {figure.name for part in BY_SECTION.values() for figure in part}
    BY_SECTION[_title] = tuple(figure for figure in _found if figure.name not in _before)
BY_SECTION["The run"] = OF_A_RUN
FIGURES: tuple[Figure, ...] = tuple(figure for part in BY_SECTION.values() for figure in part)


@lru_cache(maxsize=4096)
def figure_of(name: str) -> Figure | None:
    """The declared figure of that name, None where there is none; the count that stands in place
    of a bare estimate is its estimate's.
    """
    name = name.removesuffix(LACKING)
    found = [figure for figure in FIGURES if figure.named(name) is not None]
    return max(found, key=lambda one: len(one.name), default=None)


def kind_of(name: str) -> Kind:
    """The kind of a name as declared; what its last word says where it is a figure of an older
    version.
    """
    figure = figure_of(name)
    if name.endswith(LACKING) or figure is None:
        return tables.kind_of(name)
    return figure.kind


def checked(metrics: Sequence[Metric]) -> list[Metric]:
    """The rows as they are to be written; ValueError at the first one that nothing declares, that
    stands in a slice its figure does not have, or that is an estimate without an interval.
    """
    for row in metrics:
        figure = figure_of(row.name)
        if figure is None:
            raise ValueError(
                f"metric {row.name!r}: no figure of that name is declared; declare it beside the"
                " code that makes it, and name that module in flows/figures.py"
            )
        if figure.fields(row.slice) is None:
            raise ValueError(
                f"metric {row.name!r}: its figure has no slice {row.slice!r}; there are"
                f" {list(figure.slices)}"
            )
        if row.low is None and kind_of(row.name) == "estimate":
            raise ValueError(f"metric {row.name!r} of {row.slice!r}: an estimate without interval")
    return list(metrics)
