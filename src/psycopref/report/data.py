"""What a report may show: everything its sections read, nothing worked out yet."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopref.report.frames import Series
from psycopref.report.games import Game
from psycopref.report.origins import Origin
from psycopref.tables import Dropped, Failure, Metric, Preference, Rating, Response, Speech


@dataclass(frozen=True)
class ReportData:
    """What a page may show; a section whose data is absent is left out.

    `read` are the speeches as they were collected, before any was cleaned away. `bins` are
    `calibrate`'s, `curves` the training runs' (run to series), `steps` the dicts of lab.taken,
    `calls` those of ledger.summary(), `titles` what each win rate compares
    ({"winrate": "last policy against hazel"}), `judge` the language model that judged ('' where a
    reward model did), `notes` what the head of the page says first. `sources` are the labels of
    the recipe's sources, `listed` its topic list (coarse to fine; a topic of no list stands for
    itself), `items` the items of its instrument in order, `responders` organisation and size of
    the models of its pool, `lineage` the steps that the figures come from, `verdicts` the games of
    each comparison with what was said in them. Of the sources in `private` no text is shown: a
    report is passed on more easily than a workspace.
    """

    title: str
    read: Sequence[Speech] = ()
    speeches: Sequence[Speech] = ()
    dropped: Sequence[Dropped] = ()
    responses: Sequence[Response] = ()
    ratings: Sequence[Rating] = ()
    failures: Sequence[Failure] = ()
    preferences: Sequence[Preference] = ()
    verdicts: Sequence[Game] = ()
    metrics: Sequence[Metric] = ()
    bins: Sequence[Any] = ()
    curves: Mapping[str, Series] = field(default_factory=dict)
    steps: Sequence[Mapping[str, Any]] = ()
    calls: Sequence[Mapping[str, Any]] = ()
    lineage: Sequence[Origin] = ()
    recipe: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)
    judge: str = ""
    notes: Sequence[str] = ()
    sources: Sequence[str] = ()
    listed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    items: Sequence[str] = ()
    responders: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    private: Collection[str] = ()
