"""What is counted in a comparison of two systems: win rates by item and topic, counts, lengths,
and what is left at equal length.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from psycopref.stats.intervals import Floats, Interval, mean_interval
from psycopref.stats.length import correlation, within
from psycopref.stats.length_control import length_control
from psycopref.stats.swaps import swaps
from psycopref.stats.topics import topic_rates
from psycopref.stats.winrate import WinRate, prompt_scores, win_rate

SLACK = 0.2
COUNTS = ("wins", "ties", "losses", "flips", "failed")
WHOLE: Mapping[str, str] = {"part": "overall"}


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


class Number(NamedTuple):
    """A number of a comparison: `what` it is, of which part of the prompts ({'part': 'overall'},
    {'item': ...}, {'topic': ...}), and, where it is no estimate, the prompts it rests on (`of`).
    """

    what: str
    where: Mapping[str, str]
    found: Interval | float
    of: int = 0


class Draws(NamedTuple):
    """How intervals are drawn."""

    draws: int = 2000
    seed: int = 0


USUAL = Draws()


def numbers(given: Matched, constrained: bool = False, how: Draws = USUAL) -> Iterator[Number]:
    """Every number of a comparison; docs/evaluation.md says how to read them. `constrained`: ours
    was asked for a length (`targets`).
    """
    overall = given.outcomes["overall"]
    yield from _rates(WHOLE, overall, given.prompts, how)
    yield Number("unmatched", WHOLE, given.alone, given.alone)
    yield from _lengths(given, overall, constrained, how)
    if overall.ndim == 2 and overall.shape[1] == 2:
        judge = swaps(overall, given.prompts, *how)
        yield Number("first_position", WHOLE, judge.first)
        yield Number("consistent", WHOLE, judge.consistent)
    for item, outcomes in given.outcomes.items():
        if item != "overall":
            yield from _rates({"item": item}, outcomes, given.prompts, how)
    yield from _topics(given, overall, how)


def _rates(
    where: Mapping[str, str], outcomes: Floats, prompts: Sequence[str], how: Draws
) -> Iterator[Number]:
    """Win rate ('rate') and counts of a part."""
    return rate_numbers(where, win_rate(outcomes, prompts, *how))


def rate_numbers(where: Mapping[str, str], found: WinRate) -> Iterator[Number]:
    """The rate and its counts; 'worst' and 'best' bound it over what the failed prompts might have
    said.
    """
    every = found.wins + found.ties + found.losses + found.failed
    yield Number("rate", where, found.rate)
    for field in COUNTS:
        yield Number(field, where, getattr(found, field), every)
    if found.failed:
        yield Number("worst", where, found.worst)
        yield Number("best", where, found.best)


def _lengths(given: Matched, overall: Floats, constrained: bool, how: Draws) -> Iterator[Number]:
    """Lengths, what they have to do with winning, the rate at equal length, and in the constrained
    arm who complied.
    """
    prompts, ours = given.prompts, given.words[:, 0]
    for at, side in enumerate(("ours", "theirs")):
        mean = mean_interval(given.words[:, at], prompts, *how)
        yield Number(f"words_{side}", WHOLE, mean)
    scores, _ = prompt_scores(overall)
    judged = np.flatnonzero(np.isfinite(scores)).tolist()
    kept, names = scores[judged], [prompts[at] for at in judged]
    difference = (ours - given.words[:, 1])[judged]
    yield Number("length_correlation", WHOLE, correlation(kept, difference, names, *how))
    counts: list[Number] = []
    if judged:
        control = length_control(kept, difference, names, *how)
        yield Number("length_controlled", WHOLE, control.rate)
        yield Number("length_coefficient", WHOLE, control.coefficient)
        yield Number("length_matched", WHOLE, control.matched)
        counts.append(Number("longer", WHOLE, control.longer, len(judged)))
        counts.append(Number("shorter", WHOLE, control.shorter, len(judged)))
        if control.reason:
            counts.append(Number(control.reason, WHOLE, control.thin, len(judged)))
    if constrained:
        complied = within(ours, given.targets, SLACK)
        yield Number("compliance", WHOLE, mean_interval(complied, prompts, *how, share=True))
        kept_to = np.flatnonzero(complied).tolist()
        if kept_to:
            own = [prompts[at] for at in kept_to]
            counts += _rates({"part": "compliant"}, overall[kept_to], own, how)
    yield from counts


def _topics(given: Matched, overall: Floats, how: Draws) -> Iterator[Number]:
    """Rate and counts of each coarse topic, its partially pooled rate, the test that topics differ,
    and claims where they do.
    """
    for topic in sorted(set(given.topics) - {""}):
        at = [row for row, own in enumerate(given.topics) if own == topic]
        yield from _rates({"topic": topic}, overall[at], [given.prompts[row] for row in at], how)
    scores, _ = prompt_scores(overall)
    judged = [at for at, own in enumerate(given.topics) if own and np.isfinite(scores[at])]
    if not judged:
        return
    found = topic_rates(scores[judged], [given.topics[at] for at in judged], seed=how.seed)
    for topic, pooled in zip(found.names, found.pooled, strict=False):
        yield Number("pooled", {"topic": topic}, pooled)
    if found.interaction == found.interaction:
        yield Number("interaction_p", {"part": "topics"}, found.interaction, len(judged))
    counts = dict(zip(found.names, found.counts, strict=True))
    for topic, p in found.claims.items():
        yield Number("holm_p", {"topic": topic}, p, counts[topic])
