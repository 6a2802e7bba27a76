"""The figures that say most of a run, by plain names: one table, the weightiest first."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from psycopref.tables import Metric

MOST = 6


class Headline(NamedTuple):
    """A figure worth a line: what a person calls it, its name, and which of its slices (patterns;
    of several slices that fit the last stands, as the last round of a policy). `beside` is the
    last word of a figure that must stand beside it: a win rate has its wins.
    """

    says: str
    name: str
    slice: str
    beside: str = ""


class Shown(NamedTuple):
    """A headline figure of a run."""

    says: str
    metric: Metric


HEADLINES = (
    Headline("win rate against the opponent", "winrate", "overall:raw"),
    Headline("win rate, length controlled", "winrate.length_controlled", "overall:raw"),
    Headline("win rate against the start", "winrate.start", "overall:raw"),
    # an ablation's, `winrate.<size>`
    Headline("win rate, online over offline", r"winrate\.[\w.-]+", "overall:raw", ".wins"),
    Headline("reward model accuracy, test pairs", "reward.accuracy", "test"),
    Headline("reward model accuracy, all test pairs", "reward.accuracy", "test_all"),
    Headline("gold reward of the last policy", "policy.gold_reward", r"round:\d+"),
    Headline("answers of the last policy that end", "policy.finished", r"round:\d+"),
    Headline("the two judges agree (kappa)", "compare.kappa", "overall"),
    Headline("clear pairs stay the same", "compare.pairs_same", "overall"),
    Headline("best response changes", "compare.best_changed", "overall"),
    Headline("the judges agree (Spearman)", "judges.spearman", ".* & .*"),
    Headline("answers lost", "respond.lost", "all"),
    Headline("ratings lost", "rate.lost", "all"),
)


def headlines(metrics: Sequence[Metric], most: int = MOST) -> list[Shown]:
    """The figures of a run that say most, each an estimate with its interval, at most so many."""
    found: list[Shown] = []
    names = {row.name for row in metrics}
    for line in HEADLINES:
        rows = [row for row in metrics if row.low is not None and _fits(line, row, names)]
        rows = [row for row in rows if row not in [shown.metric for shown in found]]
        if rows:
            found.append(Shown(line.says, max(rows, key=lambda row: _place(row.slice))))
    return found[:most]


def _fits(line: Headline, row: Metric, names: set[str]) -> bool:
    return (
        re.fullmatch(line.name, row.name) is not None
        and re.fullmatch(line.slice, row.slice) is not None
        and (not line.beside or row.name + line.beside in names)
    )


def _place(slice_: str) -> tuple[int, ...]:
    """The numbers in a slice, so that round 10 comes after round 9."""
    return tuple(int(number) for number in re.findall(r"\d+", slice_))
