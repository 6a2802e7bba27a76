"""What the figures do not show, in plain words."""

from psycopref.report.data import ReportData
from psycopref.report.section import Content, Section
from psycopref.report.sections import experts

GOLD_REWARD = "policy.gold_reward"
WIN_RATE = "winrate"
ACCURACY = "reward.accuracy"
READS = frozenset({GOLD_REWARD, WIN_RATE, ACCURACY, *experts.READS})
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


def content(run: ReportData) -> Content:
    """The limits that apply to this page."""
    return {"limits": limits(run)}


def limits(run: ReportData) -> list[str]:
    """The limits that apply to this page."""
    names = {row.name for row in run.metrics}
    lines = [DRAFTS, TEXT]
    if not experts.checked(run.metrics):
        lines.append(NO_EXPERTS)
    gold, judged = GOLD_REWARD in names, WIN_RATE in names
    if gold:
        lines.append(GOLD)
    if judged and not gold and not run.judge:
        lines.append(BY_OWN_REWARD)
    if judged:
        by = f"{run.judge}, asked in both orders" if run.judge else BY_REWARD
        lines.append(f"Win rates were judged by {by}. {FEW}")
    if len(run.speeches):
        lines.append(SPLITS)
    if any(row.low is not None for row in run.metrics):
        lines.append(INTERVALS)
    if any(row.name == ACCURACY and row.slice == "test" for row in run.metrics):
        lines.append(EASY)
    return lines


SECTION = Section("limits", "Limits", lambda content: True, content, reads=READS)
