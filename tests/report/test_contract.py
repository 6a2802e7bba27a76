"""Sections and metrics: what a section reads some stage makes, and what is made a section reads or
the page lists as further; from the runs of every flow, not from names made up here.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.every_metric import Everything, everything
from markupsafe import escape

from psycopref.report.metrics import MATCH, WITHOUT_INTERVAL, expanded, held, matches
from psycopref.report.page import all_contents, further, render
from psycopref.report.section import Section
from psycopref.report.sections import SECTIONS
from psycopref.store.keys import canonical
from psycopref.tables import Metric

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, paper_work: Path) -> Everything:
    return everything(tmp_path_factory.mktemp("runs"), paper_work)


def unmade(sections: tuple[Section, ...], metrics: list[Metric]) -> dict[str, set[str]]:
    """By section what it reads and nobody made; a figure without interval counts as made."""
    made = {row.name.removesuffix(WITHOUT_INTERVAL) for row in metrics}
    names = matches(metrics)
    lacking = {
        one.key: {name for name in one.reads if not expanded([name], names) & made}
        for one in sections
    }
    return {key: names for key, names in lacking.items() if names}


def test_every_metric_that_a_section_reads_is_made_somewhere(runs: Everything) -> None:
    assert unmade(SECTIONS, runs.metrics) == {}


@pytest.mark.parametrize(
    ("section", "end", "read"),
    [
        ("reward", "reward.accuracy", "reward.accuracy"),
        ("winrates", ".unmatched", f"{MATCH}.unmatched"),
    ],
)
def test_a_renamed_metric_is_found_out(runs: Everything, section: str, end: str, read: str) -> None:
    """What the test above says after somebody renamed a figure where it is made."""
    renamed = [
        dataclasses.replace(row, name=f"novel.{end.rpartition('.')[2]}")
        if row.name.endswith(end)
        else row
        for row in runs.metrics
    ]
    before, after = (unmade(SECTIONS, rows).get(section, set()) for rows in (runs.metrics, renamed))
    assert after - before == {read}


def test_a_section_holds_only_what_it_says_it_reads(runs: Everything) -> None:
    for flow, data in runs.runs.items():
        names = matches(data.metrics)
        for section in SECTIONS:
            wanted = expanded(section.reads, names)
            content = section.content(data)
            undeclared = {row.name.removesuffix(WITHOUT_INTERVAL) for row in held(content)} - wanted
            assert not undeclared, f"{section.key} of {flow} shows what it does not read"
            own = [row for row in data.metrics if row.name.removesuffix(WITHOUT_INTERVAL) in wanted]
            if section.key == "limits":
                continue  # says what intervals are wherever any figure has one
            # The names of the comparisons are those that have wins; no section is without them.
            own += [row for row in data.metrics if row.name.endswith(".wins") and row not in own]
            alone = section.content(dataclasses.replace(data, metrics=own))
            assert plain(alone) == plain(content), f"{section.key} of {flow} looks elsewhere"


def plain(content: Mapping[str, Any]) -> Any:
    """A content as plain values; the last digits of polars' means differ from one time to the
    next.
    """
    return json.loads(canonical(content), parse_float=lambda text: f"{float(text):.9g}")


def test_every_metric_that_is_made_stands_on_the_page_or_among_the_further_ones(
    runs: Everything,
) -> None:
    for flow, data in runs.runs.items():
        contents = all_contents(data)
        shown = {(row.name, row.slice) for row in held(list(contents.values()))}
        rest = {(row.name, row.slice) for row in further(data, contents)}
        assert shown | rest == {(row.name, row.slice) for row in data.metrics}, flow
        listed = render(data).partition('id="further"')[2].partition("</section>")[0]
        assert all(f'<th scope="row">{escape(name)}</th>' in listed for name, _ in rest), flow


def test_what_no_section_reads_is_known(runs: Everything) -> None:
    """Counts of the run and of what rounds learnt from; a name more here is a figure that a section
    has lost, or one that wants a section.
    """
    unread: set[str] = set()
    for data in runs.runs.values():
        reads = {name for section in SECTIONS for name in section.reads}
        made = {row.name.removesuffix(WITHOUT_INTERVAL) for row in data.metrics}
        unread |= made - expanded(reads, matches(data.metrics))
    assert unread == FURTHER


FURTHER = {
    "calls.failed",
    "calls.made",
    "failures",
    "ratings",
    "responses",
    "seconds",
    "speeches.dropped",
    "speeches.kept",
    *(
        f"round.{name}"
        for name in (
            "distinct_2",
            "finished",
            "pairs",
            "self_bleu",
            "speeches",
            "without_pair",
            "words",
        )
    ),
}
