"""One self-contained HTML page of a run: whatever data there is, escaped, with figures that were
drawn before.
"""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from psycopref.config.toml_files import DATA
from psycopref.report import (
    cases,
    expert_figures,
    frames,
    health,
    judges,
    paper_tables,
    responders,
    sections,
    statistics,
)
from psycopref.report.data import ReportData
from psycopref.report.figures import matches, numbers
from psycopref.report.limits import guarded, limits
from psycopref.report.provenance import behind
from psycopref.report.values import tabulated


def render(content: ReportData) -> str:
    """The page as HTML. Every text is escaped; only `figures`, which this package draws, stand as
    they are.
    """
    return environment().get_template("page.html").render(sections_of(content))


def sections_of(content: ReportData) -> dict[str, Any]:
    """What the page's template is given, by name; `further` are the figures that no section was
    given.
    """
    found = frames.by_slice(content.metrics)
    shown = content.numbers or numbers(content)
    items, scores = frames.score_table(content.responses, content.ratings)
    compared = matches(content.metrics)
    by_topic = {
        name: paper_tables.parts(found, name, "topic", list(content.listed)) for name in compared
    }
    accounts = sections.accounts(content, len(items))
    given: dict[str, Any] = {
        "title": content.title,
        "titles": content.titles,
        "tiles": sections.tiles(content, found),
        "figures": {name: Markup(svg) for name, svg in content.figures.items()},
        "data": statistics_of(content, shown),
        "values": tabulated(shown),
        "lineage": content.lineage,
        "behind": lambda figure: behind(figure, content.lineage),
        "items": items,
        "scores": scores,
        "scale": sections.scale(content.ratings),
        "pairs": frames.chosen_topics(content.speeches, content.preferences),
        "reward": paper_tables.table_one(found),
        "table_two": paper_tables.table_two(content, found),
        "views": {name: paper_tables.views(found, name) for name in compared},
        "lengths": {name: paper_tables.by_length(found, name) for name in compared},
        "by_item": {name: paper_tables.parts(found, name, "item", items) for name in compared},
        "by_topic": by_topic,
        "interaction": {
            name: [
                found.get((f"{name}.interaction_p", f"topics:{arm}")) for arm in paper_tables.ARMS
            ]
            for name in compared
            if by_topic[name]
        },
        "health": health.tables(content.metrics),
        "verdict": sections.reward_sentence(found),
        "guards": guarded(content.metrics),
        "rounds": sections.round_rows(found),
        "judges": judges.tables(content.metrics),
        "checkpoints": sections.checkpoint_rows(content.metrics),
        "matches": [sections.match(content, found, name) for name in compared],
        "experts": (
            expert_figures.tables(content.metrics)
            if expert_figures.checked(content.metrics)
            else []
        ),
        "choices": expert_figures.choices(content.metrics),
        "sheets": found.get(("expert.sheets", "all")),
        "cases": cases.pick(content),
        "played": cases.played(content),
        "accounts": accounts,
        "lost": sections.lost_rows(found),
        "notes": [
            *content.notes,
            *sections.unjudged(content, found),
            *health.warnings(content.metrics),
        ],
        "others": sections.other_failures(content.failures),
        "steps": content.steps,
        "calls": content.calls,
        "limits": limits(content, found),
        "recipe": content.recipe,
        "css": Markup((DATA / "report" / "page.css").read_text(encoding="utf-8")),
    }
    given["further"] = sections.further(content.metrics, given)
    return given


def statistics_of(content: ReportData, shown: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of the section on data; `shown` are the numbers of the figures."""
    made = {
        "speeches by source": statistics.lengths(content.speeches, "source"),
        "responses by model": shown.get("lengths", {}).get("responses", []),
    }
    return {
        "topics": statistics.topics(content.speeches, content.listed),
        "splits": statistics.splits(content.speeches),
        "sources": shown.get("sources", []),
        "overlap": shown.get("overlap", {}),
        "more": {
            "title": "Counts",
            **frames.pivot(
                [row for row in content.metrics if row.name.startswith(sections.OF_DATA)], {}
            ),
        },
        "lengths": {name: rows for name, rows in made.items() if rows},
        "said": responders.sentences(shown.get("chosen", []), content.responders),
    }


def environment() -> Environment:
    """Where templates are found, and what they may write figures with."""
    made = Environment(
        autoescape=True,
        loader=FileSystemLoader(DATA / "report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["figure"] = sections.number
    made.filters["count"] = lambda value: f"{value:,.0f}"
    made.filters["seconds"] = sections.seconds
    return made
