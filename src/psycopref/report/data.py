"""What a report may show."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopref.report import (
    frames,
)
from psycopref.report.games import Game
from psycopref.report.provenance import Origin
from psycopref.tables import Dropped, Failure, Metric, Preference, Rating, Response, Speech


@dataclass(frozen=True)
class ReportData:
    """What a page may show; a section whose data is absent is left out.

    `bins` are `calibrate`'s, `steps` the dicts of lab.taken, `calls` those of ledger.summary(),
    `figures` inline SVG by name (see report.figures.draw), `titles` what each win rate compares
    ({"winrate": "last policy against hazel"}), `judge` the language model that judged ('' where a
    reward model did), `notes` what the head of the page says first. `read` are the speeches as they
    were collected, before any was cleaned away, `sources` the labels of the recipe's sources,
    `listed` its topic list (coarse to fine), `responders` organisation and size of the models of
    its pool, `lineage` where the figures come from, `numbers` what `report.figures.numbers` gave
    (worked out where it is empty), `verdicts` the games of each comparison with what was said in
    them. Of the sources in `private` no text is shown: a report is passed on more easily than a
    workspace.
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
    curves: Mapping[str, frames.Series] = field(default_factory=dict)
    steps: Sequence[Mapping[str, Any]] = ()
    calls: Sequence[Mapping[str, Any]] = ()
    recipe: str = ""
    figures: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    judge: str = ""
    notes: Sequence[str] = ()
    read: Sequence[Speech] = ()
    sources: Sequence[str] = ()
    listed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    responders: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    lineage: Sequence[Origin] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    verdicts: Sequence[Game] = ()
    private: Collection[str] = ()
