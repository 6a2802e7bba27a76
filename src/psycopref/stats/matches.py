"""The figures of a comparison of two systems: win rates by item and topic, counts, lengths, and
what is left at equal length.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from psycopref.stats.intervals import Floats, Interval, mean_interval
from psycopref.stats.length import correlation, within
from psycopref.stats.length_control import length_control
from psycopref.stats.swaps import swaps
from psycopref.stats.topics import topic_rates
from psycopref.stats.winrate import WinRate, prompt_scores, win_rate
from psycopref.tables import Metric, estimate, metric

SLACK = 0.2
_COUNTS = ("wins", "ties", "losses", "flips", "failed")


class Matched(NamedTuple):
    """What was judged, a row for each prompt that both systems answered.

    `prompts` (n,) are the units that are resampled. `outcomes` by item ('overall' among them) are
    (n, orders): 1 ours won, 0.5 tie, 0 lost, NaN failed. `words` (n, 2) of ours and theirs;
    `topics` (n,), '' for none; `alone`: prompts that one system answered only; `targets` (n,) words
    that were asked for, read in the constrained arm.
    """

    prompts: Sequence[str]
    outcomes: dict[str, Floats]
    words: Floats
    topics: Sequence[str]
    alone: int
    targets: Floats


class _Maker(NamedTuple):
    name: str
    arm: str
    draws: int
    seed: int

    def rates(self, place: str, outcomes: Floats, prompts: Sequence[str]) -> list[Metric]:
        """Win rate and counts of a slice."""
        return rate_rows(
            self.name, f"{place}:{self.arm}", win_rate(outcomes, prompts, self.draws, self.seed)
        )


def figures(given: Matched, name: str, arm: str, draws: int = 2000, seed: int = 0) -> list[Metric]:
    """Every figure of a comparison, as metrics `<name>` and `<name>.<what>` with slices
    `<part>:<arm>`; docs/evaluation.md says how to read them.
    """
    make, overall = _Maker(name, arm, draws, seed), given.outcomes["overall"]
    rows = make.rates("overall", overall, given.prompts)
    rows.append(metric(f"{name}.unmatched", f"overall:{arm}", given.alone, count=given.alone))
    rows += _lengths(make, given, overall)
    if overall.ndim == 2 and overall.shape[1] == 2:
        judge = swaps(overall, given.prompts, draws, seed)
        rows += [
            *estimate(f"{name}.first_position", f"overall:{arm}", judge.first),
            *estimate(f"{name}.consistent", f"overall:{arm}", judge.consistent),
        ]
    for item, outcomes in given.outcomes.items():
        if item != "overall":
            rows += make.rates(f"item:{item}", outcomes, given.prompts)
    return rows + _topics(make, given, overall)


def rate_rows(name: str, place: str, found: WinRate) -> list[Metric]:
    """The rate and its counts; `.worst` and `.best` bound it over what the failed prompts might
    have said.
    """
    every = found.wins + found.ties + found.losses + found.failed
    rows = estimate(name, place, found.rate)
    rows += [
        metric(f"{name}.{field}", place, getattr(found, field), count=every) for field in _COUNTS
    ]
    if found.failed:
        rows += [
            *estimate(f"{name}.worst", place, found.worst),
            *estimate(f"{name}.best", place, found.best),
        ]
    return rows


def _lengths(make: _Maker, given: Matched, overall: Floats) -> list[Metric]:
    """Lengths, what they have to do with winning, the rate at equal length, and in the constrained
    arm who complied.
    """
    place, prompts, spare = f"overall:{make.arm}", given.prompts, (make.draws, make.seed)
    found: dict[str, Interval] = {
        f"words_{side}": mean_interval(given.words[:, at], prompts, *spare)
        for at, side in enumerate(("ours", "theirs"))
    }
    scores, _ = prompt_scores(overall)
    judged = np.flatnonzero(np.isfinite(scores)).tolist()
    kept, names = scores[judged], [prompts[at] for at in judged]
    difference = (given.words[:, 0] - given.words[:, 1])[judged]
    found["length_correlation"] = correlation(kept, difference, names, *spare)
    rows: list[Metric] = []
    if judged:
        control = length_control(kept, difference, names, *spare)
        found |= {
            "length_controlled": control.rate,
            "length_coefficient": control.coefficient,
            "length_matched": control.matched,
        }
        sides = {"longer": control.longer, "shorter": control.shorter}
        rows += [
            metric(f"{make.name}.{side}", place, count, count=len(judged))
            for side, count in sides.items()
        ]
        if control.reason:
            rows.append(
                metric(
                    f"{make.name}.length_controlled.{control.reason}",
                    place,
                    control.thin,
                    count=len(judged),
                )
            )
    if make.arm == "constrained":
        complied = within(given.words[:, 0], given.targets, SLACK)
        found["compliance"] = mean_interval(complied, prompts, *spare, share=True)
        kept_to = np.flatnonzero(complied).tolist()
        rows += (
            make.rates("compliant", overall[kept_to], [prompts[at] for at in kept_to])
            if kept_to
            else []
        )
    return [
        row
        for what, figure in found.items()
        for row in estimate(f"{make.name}.{what}", place, figure)
    ] + rows


def _topics(make: _Maker, given: Matched, overall: Floats) -> list[Metric]:
    """Rate and counts of each coarse topic, its partially pooled rate, the test that topics differ,
    and claims where they do.
    """
    rows: list[Metric] = []
    for topic in sorted(set(given.topics) - {""}):
        where = [at for at, own in enumerate(given.topics) if own == topic]
        rows += make.rates(f"topic:{topic}", overall[where], [given.prompts[at] for at in where])
    scores, _ = prompt_scores(overall)
    judged = [at for at, own in enumerate(given.topics) if own and np.isfinite(scores[at])]
    if not judged:
        return rows
    found = topic_rates(scores[judged], [given.topics[at] for at in judged], seed=make.seed)
    for topic, pooled in zip(found.names, found.pooled, strict=False):
        rows += estimate(f"{make.name}.pooled", f"topic:{topic}:{make.arm}", pooled)
    if found.interaction == found.interaction:
        rows.append(
            metric(
                f"{make.name}.interaction_p",
                f"topics:{make.arm}",
                found.interaction,
                count=len(judged),
            )
        )
    counts = dict(zip(found.names, found.counts, strict=True))
    return rows + [
        metric(f"{make.name}.holm_p", f"topic:{topic}:{make.arm}", p, count=counts[topic])
        for topic, p in found.claims.items()
    ]
