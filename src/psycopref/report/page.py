"""One self-contained HTML page of a run, section by section: whatever data there is, escaped, with
figures that were drawn before.
"""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from psycopref.config.toml_files import DATA
from psycopref.report import figures
from psycopref.report.data import ReportData
from psycopref.report.glossary import GLOSSARY
from psycopref.report.metrics import held
from psycopref.report.origins import Origin
from psycopref.report.print import count, number, seconds
from psycopref.report.section import Content, Section
from psycopref.report.sections import SECTIONS
from psycopref.report.values import Tabulated
from psycopref.store.inert import inert
from psycopref.tables import Metric

OPEN = ("limits",)  # sections that are read without a click; the others are folded


class Beside(NamedTuple):
    """What the macros put beside a section's words, by the name of a figure or table: drawings,
    their numbers as rows, and the steps behind them.
    """

    figures: Mapping[str, Markup]
    tables: Mapping[str, Tabulated]
    origins: Mapping[str, list[Origin]]


class Part(NamedTuple):
    """A section as it stands on the page."""

    key: str
    title: str
    body: Markup


def drawn_contents(run: ReportData) -> dict[str, Content]:
    """The contents of the sections that have figures, by section: before anything is drawn."""
    return {section.key: section.content(run) for section in SECTIONS if section.figures}


def all_contents(run: ReportData, ready: Mapping[str, Content] | None = None) -> dict[str, Content]:
    """The contents of all sections, by section; those that are `ready` are not worked out again."""
    made = dict(ready or {})
    for section in SECTIONS:
        if section.key not in made:
            made[section.key] = section.content(run)
    return made


def further(run: ReportData, contents: Mapping[str, Content]) -> list[Metric]:
    """The figures that no section on the page holds."""
    on_page = [contents[one.key] for one in SECTIONS if one.shown(contents[one.key])]
    known = {(row.name, row.slice) for row in held(on_page)}
    return [row for row in run.metrics if (row.name, row.slice) not in known]


def render(
    run: ReportData,
    drawings: Mapping[str, str] | None = None,
    ready: Mapping[str, Content] | None = None,
) -> str:
    """The page as HTML. Every text is escaped; only `drawings`, which this package draws (see
    report.figures.draw), stand as they are. `ready` are contents that were worked out before.
    """
    contents = all_contents(run, ready)
    numbers = figures.numbers(contents)
    beside = Beside(
        {name: Markup(svg) for name, svg in (drawings or {}).items()},
        figures.tabulated(numbers),
        figures.origins(numbers, run.lineage),
    )
    top, *parts = [
        _part(section, contents[section.key], beside)
        for section in SECTIONS
        if section.shown(contents[section.key])
    ]
    return inert(
        environment()
        .get_template("page.html")
        .render(
            title=run.title,
            css=css(),
            head=top.body,
            parts=parts,
            further=further(run, contents),
            recipe=run.recipe,
            open=OPEN,
            glossary=GLOSSARY,
        )
    )


def _part(section: Section, content: Content, beside: Beside) -> Part:
    template = environment().get_template(f"sections/{section.key}.html")
    return Part(section.key, section.title, Markup(template.render(**content, page=beside)))


def css() -> Markup:
    """The page's style sheet."""
    return Markup((DATA / "report" / "page.css").read_text(encoding="utf-8"))


@cache
def environment() -> Environment:
    """Where templates are found, and what they may write figures with."""
    made = Environment(
        autoescape=True,
        loader=FileSystemLoader(DATA / "report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["figure"] = number
    made.filters["count"] = count
    made.filters["seconds"] = seconds
    return made
