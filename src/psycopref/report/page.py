"""One self-contained HTML page of a run: whatever data there is, escaped, with figures that were drawn before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from psycopref.report import cases, frames, judges, sections
from psycopref.report.figures import matches
from psycopref.report.limits import limits
from psycopref.tables import Dropped, Failure, Metric, Point, Preference, Rating, Response, Speech
from psycopref.toml_files import DATA


@dataclass(frozen=True)
class ReportData:
    """What a page may show; a section whose data is absent is left out.

    `bins` are `calibrate`'s, `steps` the dicts of lab.taken, `calls` those of ledger.summary(), `figures` inline SVG by name (see
    report.figures.draw), `titles` what each win rate compares ({"winrate": "last policy against hazel"}), `judge` the language
    model that judged ('' where a reward model did), `notes` what the head of the page says first.
    """

    title: str
    speeches: Sequence[Speech] = ()
    dropped: Sequence[Dropped] = ()
    responses: Sequence[Response] = ()
    ratings: Sequence[Rating] = ()
    failures: Sequence[Failure] = ()
    preferences: Sequence[Preference] = ()
    metrics: Sequence[Metric] = ()
    bins: Sequence[Any] = ()
    curves: Mapping[str, Sequence[Point]] = field(default_factory=dict)
    steps: Sequence[Mapping[str, Any]] = ()
    calls: Sequence[Mapping[str, Any]] = ()
    recipe: str = ""
    figures: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    judge: str = ""
    notes: Sequence[str] = ()


def render(content: ReportData) -> str:
    """The page as HTML. Every text is escaped; only `figures`, which this package draws, stand as they are."""
    found = frames.by_slice(content.metrics)
    items, scores = frames.score_table(content.responses, content.ratings)
    accounts = sections.accounts(content, len(items))
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=content.title,
            tiles=sections.tiles(content, found),
            figures={name: Markup(svg) for name, svg in content.figures.items()},
            topics=frames.topic_counts(content.speeches),
            items=items,
            scores=scores,
            scale=sections.scale(content.ratings),
            pairs=frames.chosen_topics(content.speeches, content.preferences),
            reward=sections.reward_tables(found),
            verdict=sections.reward_sentence(found),
            rounds=sections.round_rows(found),
            judges=judges.tables(content.metrics),
            checkpoints=sections.checkpoint_rows(content.metrics),
            matches=[sections.match(content, found, name) for name in matches(content.metrics)],
            experts=sections.expert_rows(content.metrics),
            cases=cases.pick(content),
            accounts=accounts,
            lost=sections.lost_rows(found),
            notes=content.notes,
            others=sections.other_failures(content.failures),
            steps=content.steps,
            calls=content.calls,
            limits=limits(content, found),
            recipe=content.recipe,
            css=Markup((DATA / "report" / "page.css").read_text(encoding="utf-8")),
        )
    )


def _environment() -> Environment:
    made = Environment(autoescape=True, loader=FileSystemLoader(DATA / "report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["figure"] = sections.number
    made.filters["count"] = lambda value: f"{value:,.0f}"
    made.filters["seconds"] = sections.seconds
    return made
