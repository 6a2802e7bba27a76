"""The figures of the page: from the sections' contents to small tables, from which alone they are
drawn.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopref.report.origins import Origin, behind
from psycopref.report.section import Content, Drawing
from psycopref.report.sections import SECTIONS
from psycopref.report.values import Tabulated

DRAWINGS: dict[str, Drawing] = {
    name: drawing for section in SECTIONS for name, drawing in section.figures.items()
}


def numbers(contents: Mapping[str, Content]) -> dict[str, Any]:
    """What the figures of a run show, by figure: small tables of JSON values. A figure without data
    is not there. Their digest is the key of the step that draws them.
    """
    return {
        name: contents[section.key][name]
        for section in SECTIONS
        for name in section.figures
        if section.key in contents and contents[section.key][name]
    }


def draw(numbers: Mapping[str, Any]) -> dict[str, str]:
    """Every figure of `numbers` as inline SVG by name; where a figure has one drawing for each
    comparison, by the comparison's name.
    """
    drawn: dict[str, str] = {}
    for name, rows in numbers.items():
        drawing = DRAWINGS[name]
        if drawing.each:
            drawn |= {one: drawing.draw(own, one) for one, own in rows.items()}
        else:
            drawn[name] = drawing.draw(rows)
    return drawn


def tabulated(numbers: Mapping[str, Any]) -> dict[str, Tabulated]:
    """The numbers as rows by the names that `draw` gives, for those figures that have no table of
    their own on the page.
    """
    tables: dict[str, Tabulated] = {}
    for name, rows in numbers.items():
        drawing = DRAWINGS[name]
        if drawing.table is None:
            continue
        parts = rows if drawing.each else {name: rows}
        tables |= {one: drawing.table(own) for one, own in parts.items()}
    return tables


def origins(numbers: Mapping[str, Any], lineage: Sequence[Origin]) -> dict[str, list[Origin]]:
    """The steps behind every figure and every table that a section names, by that name; empty where
    nothing is known of the run's steps.
    """
    if not lineage:
        return {}
    steps = {
        table: behind(lineage, stages)
        for section in SECTIONS
        for table, stages in section.made_by.items()
    }
    for name, rows in numbers.items():
        drawing = DRAWINGS[name]
        if drawing.each:
            steps |= {one: behind(lineage, drawing.made_by, named=one) for one in rows}
        else:
            steps[name] = behind(lineage, drawing.made_by, every=drawing.every)
    return steps
