"""What a section of the page is: one part with a template of its own, its figures, and the metrics
that it reads.

A new section is a file in report/sections, a template in data/report/sections and a line in
`report.sections.SECTIONS`; the rest of the page follows from these.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from psycopref.report.data import ReportData
from psycopref.report.values import Tabulated

Content = Mapping[str, Any]
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Drawing(NamedTuple):
    """One figure of a section, drawn from its numbers alone: what the section's content holds under
    the figure's name, which must be plain JSON values.

    `made_by` are the stages that these come from: their first steps in the run, or with `every`
    all of them. With `each` the numbers are tables by the name of a comparison, which are drawn one
    by one with that name, and come from the steps whose settings have it. `table` gives the numbers
    as rows, for those who cannot see the figure or want to work with it.
    """

    draw: Callable[..., str]
    made_by: tuple[str, ...]
    every: bool = False
    each: bool = False
    table: Callable[[Any], Tabulated] | None = None


class Section(NamedTuple):
    """A part of the page. `key` names its file, its template and its place on the page, `title` is
    its entry in the navigation ('' for none).

    `content` works out once all that the template, named sections/<key>.html, and the figures are
    given; `shown` says from it whether there is anything to show. `reads` are the metrics whose
    rows the content may hold or say in words, by name, where `{match}` stands for the name of any
    win rate; rows that no section holds are listed as further figures.
    `made_by` are the stages behind its tables, by the name that the template calls them.
    """

    key: str
    title: str
    shown: Callable[[Content], bool]
    content: Callable[[ReportData], Content]
    figures: Mapping[str, Drawing] = _NOTHING
    reads: frozenset[str] = frozenset()
    made_by: Mapping[str, tuple[str, ...]] = _NOTHING
