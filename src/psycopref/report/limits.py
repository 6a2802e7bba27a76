"""What the figures do not show, in plain words."""

from typing import TYPE_CHECKING

from psycopref.report.sections import EXPERTS, Found

if TYPE_CHECKING:
    from psycopref.report.page import ReportData

DRAFTS = "Drafts are for review by a licensed professional. No response of any model here may reach a client unreviewed."
TEXT = "Responses and ratings are text of language models, unless a source says otherwise. No clinician or other expert checked them here."
NO_EXPERTS = "There are no expert annotations in this run, and none was invented: how far experts would agree with these preferences is unknown."
GOLD = (
    "The gold judge is a small reward model of the same kind as the one trained against, trained on a disjoint half of the speeches that are not for test. "
    "It can show that a policy gained more than the quirks of its own reward model. It is no clinician and no independent judge: one rater scored both "
    "halves, and what that rater overlooks, the gold judge overlooks too."
)
BY_REWARD = "a reward model, which scores each answer on its own: both orders would give the same verdict, so each pair is counted once"
FEW = "Topics with fewer than 30 speeches are greyed: their intervals are wide, and differences between them are not evidence."
INTERVALS = (
    "Intervals are 95 % percentile bootstrap intervals in which whole speeches are drawn (Wilson's where a share is exactly 0 or 1). "
    "They cover the choice of speeches; they do not cover other seeds, other raters or other populations."
)
EASY = (
    "Best against worst is the easy end: the two responses often differ in style so plainly that counting words comes close. "
    "Every pair with a gap is the harder test."
)


def limits(content: "ReportData", found: Found) -> list[str]:
    """The limits that apply to this page."""
    said = [DRAFTS, TEXT]
    if not any(row.name in EXPERTS for row in content.metrics):
        said.append(NO_EXPERTS)
    if any(name == "policy.gold_reward" for name, _ in found):
        said.append(GOLD)
    if any(name == "winrate" for name, _ in found):
        said.append(f"Win rates were judged by {f'{content.judge}, asked in both orders' if content.judge else BY_REWARD}. {FEW}")
    if any(row.low is not None for row in content.metrics):
        said.append(INTERVALS)
    if ("reward.accuracy", "test") in found:
        said.append(EASY)
    return said
