"""The run in three plain sentences: what was tried, whether it is better, and whether one may trust
that. Each follows from the figures.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from psycopref.report.data import ReportData
from psycopref.report.metrics import BySlice, by_slice
from psycopref.report.print import percent
from psycopref.report.sections.policy import by_round, guards
from psycopref.tables import Metric

WIN, ARM = "winrate", "overall:raw"
NULLS = "guard.null_opponents"
LOST = {"respond.lost": "answers asked for", "rate.lost": "ratings asked for"}
CUT = "respond.lost.truncated"
READS = frozenset(
    {NULLS, CUT, *LOST, "pairs", "expert.annotators", "policy.words", f"{WIN}.unmatched"}
)
GRAVE = 0.1  # share of answers or ratings from which a loss is said in the head
FEW = 100  # test speeches below which a win rate is called one of few
SPLITS = ("train", "dev", "test", "gold")
TRIPPED = {
    "over_optimised": "the trained model learnt to please its own scorer, not the control scorer",
    "length": "its answers grew or shrank by half, which alone can change a judge's mind",
    "unfinished": "over a fifth of its answers broke off and are in no figure",
    "ties": "most speeches gave nothing to learn from",
    "diversity": "its answers became much alike",
    "kl": "it moved further from the model it started as than the limit (KL over the limit)",
}


class Plain(NamedTuple):
    """The three sentences."""

    tried: str
    better: str
    trust: str


def sentences(run: ReportData) -> Plain:
    """What was tried, whether it is better, whether one may trust it and why not."""
    metrics = by_slice(run.metrics)
    return Plain(_tried(run, metrics), _better(run, metrics), _trust(run, metrics))


def pairs(metrics: BySlice) -> int | None:
    """Preference pairs of all splits; None where nobody counted."""
    rows = [metrics[("pairs", split)] for split in SPLITS if ("pairs", split) in metrics]
    return int(sum(row.value for row in rows)) if rows else None


def _tried(run: ReportData, metrics: BySlice) -> str:
    made = f"{len(run.speeches):,} things that clients said"
    if len(run.responses):
        made += f" were each given answers ({len(run.responses):,} in all)"
    if len(run.ratings):
        made += ", the answers were rated"
    found = pairs(metrics) or len(run.preferences)
    if found:
        made += f", and {found:,} pairs of a better and a worse answer were made of that"
    rounds = len(by_round(run.metrics, "policy.words"))
    if rounds or (WIN, ARM) in metrics:
        return f"{made}; a model was then trained to answer as the better ones do."
    if ("reward.accuracy", "test") in metrics:
        return f"{made}; a model was then trained to tell the better answers from the worse."
    return f"{made}; no model was trained."


def _better(run: ReportData, metrics: BySlice) -> str:
    row = metrics.get((WIN, ARM))
    if row is None or row.low is None or row.high is None:
        tried = (WIN, ARM) in metrics or (f"{WIN}.wins", ARM) in metrics
        return "Nobody can say: too few comparisons." if tried else "Nothing was compared here."
    who = run.titles.get(WIN, "the trained model against another")
    seen = (
        f"({who}) in {percent(row.value)} of {row.count:,} test speeches, where 50 % would be no"
        f" difference; the true share may lie from {percent(row.low)} to {percent(row.high)}."
    )
    if row.low > 0.5:
        return f"Yes, by this run's judge: the trained model's answer was preferred {seen}"
    if row.high < 0.5:
        return f"No, by this run's judge: the other one is better, ours was preferred {seen}"
    return f"That cannot be said: the trained model's answer was preferred {seen}"


def _trust(run: ReportData, metrics: BySlice) -> str:
    reasons = list(doubts(run, metrics))
    if not reasons:
        return "No warning sign was found, and experts looked at it; read the limits below."
    return f"Only with care: {'; '.join(reasons)}."


def doubts(run: ReportData, metrics: BySlice) -> Iterator[str]:
    """Why the figures mean less than they seem to, the gravest first."""
    if pairs(metrics) == 0:
        yield "there are no preference pairs, so nothing could be learnt or measured"
    nulls = [row for row in run.metrics if row.name == NULLS and row.value]
    if nulls:
        yield (
            f"{nulls[0].value:.0f} of {nulls[0].count} meaningless answers beat the opponent, so"
            " the judge is easily pleased"
        )
    yield from last_guards(run.metrics)
    if left := outside(metrics, WIN):
        yield left
    for name, what in LOST.items():
        row = metrics.get((name, "all"))
        if row and row.value >= GRAVE:
            yield f"{percent(row.value)} of the {what} were lost{_cut(metrics, name)}"
    win = metrics.get((WIN, ARM))
    if win and win.count < FEW:
        yield f"{win.count:,} test speeches are few"
    experts = metrics.get(("expert.annotators", "all"))
    if experts is None or not experts.value:
        yield "no expert has checked it"


def _cut(metrics: BySlice, name: str) -> str:
    row = metrics.get((CUT, "all"))
    return (
        f" ({percent(row.value)} cut off at `max_tokens`)"
        if row and row.value and name == "respond.lost"
        else ""
    )


def last_guards(metrics: Sequence[Metric]) -> Iterator[str]:
    """What guards say of the last round, in plain words."""
    rows = [row for row in guards(metrics) if row.value]
    last = max((_round(row) for row in guards(metrics)), default=0)
    for row in rows:
        if _round(row) == last:
            yield TRIPPED[row.name.removeprefix("guard.")]


def _round(row: Metric) -> int:
    return int(row.slice.rpartition(":")[2])


def outside(metrics: BySlice, match: str) -> str:
    """How many speeches a win rate is of, where it is not of all; '' where it is."""
    row = metrics.get((match, ARM))
    gone = sum(
        int(metrics[f"{match}.{why}", ARM].value)
        for why in ("unmatched", "failed")
        if (f"{match}.{why}", ARM) in metrics
    )
    if row is None or not gone:
        return ""
    return f"only {row.count:,} of {row.count + gone:,} test speeches are in the win rate"
