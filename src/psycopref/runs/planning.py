"""How many prompts or pairs a claim needs, before anything is asked, judged or annotated."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from psycopref.errors import RecipeError
from psycopref.runs.claim import Claim, checked
from psycopref.stats import power
from psycopref.stats.topics import FEW

POWERS = (0.8, 0.9)


class Line(NamedTuple):
    """One line of the plan: the claim, how many of what for each power (one number where power
    plays no part), and what was assumed.
    """

    claim: str
    unit: str
    counts: tuple[int, ...]
    assumed: str


def lines(claim: Claim) -> list[Line]:
    """The plan; RecipeError says which of the numbers is out of its range or does not go with the
    others.
    """
    checked(claim)
    try:
        return [*_rates(claim), *_agreements(claim)]
    except ValueError as error:
        raise RecipeError(f"plan: {error}") from None


def _rates(c: Claim) -> list[Line]:
    spread = power.score_sd(c.rate, c.ties) if c.sd is None else c.sd
    said = f"both orders of each prompt are one score; sd of scores {spread:.3f}" + (
        "" if c.sd is not None else f" ({c.ties:.0%} ties and flips)"
    )

    def each(count: Callable[[float], int]) -> tuple[int, ...]:
        return tuple(count(one) for one in POWERS)

    alone = each(lambda one: power.prompts_for_rate(c.rate, c.ties, one, sd=c.sd))
    wide = spread or power.score_sd(
        c.rate + (abs(c.difference) if c.rate < 0.5 else -abs(c.difference)), 0
    )  # all won or lost: the other system's
    apart = each(lambda one: power.prompts_for_difference(c.difference, wide, c.correlation, one))
    return [
        Line(f"win rate {c.rate:g} is not a half", "prompts", alone, said),
        *(_topic(c) if c.topics > 1 else []),
        Line(
            f"two systems differ by {c.difference:g}",
            "prompts",
            apart,
            f"the same prompts for both; scores correlate {c.correlation:g}; sd {wide:.3f}",
        ),
    ]


def _topic(c: Claim) -> list[Line]:
    """A topic's own claim, as `evaluate` makes it."""
    said = (
        "a half in the others: a topic is claimed only where the interaction test says that topics"
        f" differ; exact sign test at 0.05/{c.topics}, the first step of Holm, {c.ties:.0%} ties"
        f" and flips; at least {FEW}. Where all topics have one rate, the line above is the claim"
    )
    return [
        Line(
            f"win rate {c.rate:g} in one of {c.topics} topics",
            "prompts a topic",
            tuple(power.prompts_for_topic(c.rate, c.ties, c.topics, p) for p in POWERS),
            said,
        )
    ]


def _agreements(c: Claim) -> list[Line]:
    def whole(count: int) -> tuple[int, ...]:
        return (math.ceil(count * c.clustering),)

    same = (
        ""
        if c.clustering == 1
        else f"; design effect {c.clustering:g} for pairs that share a speech"
    )
    agreed, beyond = (
        whole(power.pairs_within(c.agreement, c.within)),
        whole(power.pairs_for_kappa(c.kappa, c.kappa_within, c.prevalence)),
    )
    each = max(agreed[0], FEW)
    topic = (each * c.topics,)
    return [
        Line(
            f"agreement {c.agreement:g} within {c.within:g}",
            "pairs",
            agreed,
            f"Wilson's interval; {_hours(agreed[0], c)}{same}",
        ),
        *(
            [
                Line(
                    f"agreement {c.agreement:g} in each of {c.topics} topics",
                    "pairs in all",
                    topic,
                    f"{each} a topic, at least {FEW}; {_hours(topic[0], c)}",
                )
            ]
            if c.topics > 1
            else []
        ),
        Line(
            f"kappa {c.kappa:g} within {c.kappa_within:g}",
            "pairs",
            beyond,
            f"two experts, prevalence {c.prevalence:g}; {_hours(beyond[0], c)}{same}",
        ),
    ]


def _hours(pairs: int, c: Claim) -> str:
    return f"{pairs * c.seconds / 3600:.1f} hours an expert at {c.seconds:g} s a pair"


class Smallest(NamedTuple):
    """What the test split of a recipe can show: its speeches, and for each power the smallest win
    rate that they do (None where they show none).
    """

    speeches: int
    rates: tuple[float | None, ...]


def smallest(claim: Claim, recipe: str, work: Path) -> Smallest:
    """The smallest win rates that a recipe's test split can show; its dataset is rehearsed, and
    nobody asked.
    """
    from psycopref.runs.rehearsal import test_speeches

    count = test_speeches(recipe, work)
    return Smallest(count, tuple(power.smallest_rate(count, claim.ties, one) for one in POWERS))
