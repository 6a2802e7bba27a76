"""What the sections read is declared beside a stage: a figure that is renamed there is missed here
in a second (test_contract.py runs the flows and looks at what they made).
"""

import pytest

from psycopref.flows.figures import FIGURES
from psycopref.report.metrics import MATCH
from psycopref.report.section import Section
from psycopref.report.sections import SECTIONS, reward
from psycopref.tables import Figure

COMPARISON = "winrate.start"


def undeclared(reads: frozenset[str], known: tuple[Figure, ...] = FIGURES) -> set[str]:
    """The names that no declared figure has."""
    names = {name.replace(MATCH, COMPARISON) for name in reads}
    return {name for name in names if all(one.named(name) is None for one in known)}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.key)
def test_a_section_reads_declared_figures(section: Section) -> None:
    assert undeclared(section.reads) == set()


def test_a_figure_that_nobody_declares_any_more_is_missed() -> None:
    """As after renaming the accuracy beside its stage."""
    rest = tuple(one for one in FIGURES if one.name != "reward.accuracy")
    assert undeclared(reward.READS, rest) == {"reward.accuracy"}
