"""The sections of the page, one file each, in the page's order."""

from psycopref.report.section import Section
from psycopref.report.sections import (
    accounts,
    cases,
    checkpoints,
    cost,
    dataset,
    experts,
    head,
    judge,
    limits,
    policy,
    provenance,
    rejudge,
    responders,
    reward,
    winrates,
)

SECTIONS: tuple[Section, ...] = (
    head.SECTION,
    dataset.SECTION,
    responders.SECTION,
    reward.SECTION,
    rejudge.SECTION,
    checkpoints.SECTION,
    policy.SECTION,
    winrates.SECTION,
    judge.SECTION,
    experts.SECTION,
    cases.SECTION,
    accounts.SECTION,
    cost.SECTION,
    provenance.SECTION,
    limits.SECTION,
)
