"""What the figures do not show, in plain words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopref.report import expert_figures
from psycopref.report.sections import Found
from psycopref.tables import Metric

if TYPE_CHECKING:
    from psycopref.report.data import ReportData

DRAFTS = (
    "Drafts are for review by a licensed professional. No response of any model here may reach a"
    " client unreviewed."
)
TEXT = (
    "Responses and ratings are text of language models, unless a source says otherwise. No"
    " clinician or other expert checked them here."
)
NO_EXPERTS = (
    "There are no expert annotations in this run, and none was invented: how far experts would"
    " agree with these preferences is unknown."
)
GOLD = (
    "The gold judge is a small reward model of the same kind as the one trained against, trained on"
    " a disjoint half of the speeches that are not for test. It can show that a policy gained more"
    " than the quirks of its own reward model. It is no clinician and no independent judge: one"
    " rater scored both halves, and what that rater overlooks, the gold judge overlooks too."
)
BY_REWARD = (
    "a reward model, which scores each answer on its own: both orders would give the same verdict,"
    " so each pair is counted once"
)
BY_OWN_REWARD = (
    "There is neither a gold reward model nor a language model as judge in this run: the policy is"
    " judged by the reward model it was trained against (the two learnt from the same pairs, and in"
    " DPO-Iter this reward model picks the pairs of every round). Such win rates favour the policy"
    " by construction: they show that training did what it was told to, not that the answers are"
    " better."
)
SPLITS = (
    "Splits are drawn by speech. Where turns of one session were given as separate rows, they can"
    " stand on both sides of train and test, and figures on test speeches are too good; give one"
    " row per session, or a split column."
)
FEW = (
    "Topics with fewer than 30 speeches are greyed: their intervals are wide, and differences"
    " between them are not evidence."
)
INTERVALS = (
    "Intervals are 95 % percentile bootstrap intervals in which whole speeches are drawn (Wilson's"
    " where a share is exactly 0 or 1; inverted tests for calibration errors). They cover the"
    " choice of speeches; they do not cover other seeds, other raters or other populations."
)
EASY = (
    "Best against worst is the easy end: the two responses often differ in style so plainly that"
    " counting words comes close. Every pair with a gap is the harder test."
)


GUARDS = {
    "over_optimised": "its reward rose while the gold reward fell",
    "length": "answers have grown or shrunk by half against the start",
    "unfinished": "over a fifth of the answers did not come to an end, and have no reward",
    "ties": "over half of the speeches gave no pair",
    "diversity": "samples are less than half as varied as in the first round",
    "kl": "its answers have moved further from the start than the limit",
}


def guarded(metrics: Sequence[Metric]) -> list[str]:
    """What the guards of flows/rounds.py found wrong with a round, in words."""
    tripped = [
        (row, GUARDS.get(row.name.removeprefix("guard."), row.name))
        for row in metrics
        if row.name.startswith("guard.") and row.slice.startswith("round:")
    ]
    return [
        f"Round {row.slice.removeprefix('round:')}: {why}." for row, why in tripped if row.value
    ]


def limits(content: "ReportData", found: Found) -> list[str]:
    """The limits that apply to this page."""
    said = [DRAFTS, TEXT]
    if not expert_figures.checked(content.metrics):
        said.append(NO_EXPERTS)
    gold, judged = (
        any(name == wanted for name, _ in found) for wanted in ("policy.gold_reward", "winrate")
    )
    if gold:
        said.append(GOLD)
    if judged and not gold and not content.judge:
        said.append(BY_OWN_REWARD)
    if judged:
        said.append(
            "Win rates were judged by"
            f" {f'{content.judge}, asked in both orders' if content.judge else BY_REWARD}. {FEW}"
        )
    if len(content.speeches):
        said.append(SPLITS)
    if any(row.low is not None for row in content.metrics):
        said.append(INTERVALS)
    if ("reward.accuracy", "test") in found:
        said.append(EASY)
    return said
