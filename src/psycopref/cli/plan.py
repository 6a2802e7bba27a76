"""`psycopref plan`: how many prompts or pairs a claim needs, before anything is asked, judged or
annotated.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table as View

from psycopref.errors import RecipeError
from psycopref.stats import power
from psycopref.stats.topics import FEW

POWERS = (0.8, 0.9)


class Claim(NamedTuple):
    """What one hopes to show, and what is assumed on the way; shares as fractions."""

    rate: float = 0.6
    ties: float = 0.2
    sd: float | None = None
    difference: float = 0.1
    correlation: float = 0.3
    agreement: float = 0.87
    within: float = 0.05
    kappa: float = 0.7
    kappa_within: float = 0.1
    prevalence: float = 0.5
    topics: int = 8
    clustering: float = 1.0
    seconds: float = 90.0


_SPANS: dict[str, tuple[float, float, str]] = {
    "rate": (0, 1, "a win rate"),
    "ties": (0, 1, "a share of prompts"),
    "sd": (0.001, 0.5, "the standard deviation of scores from 0 to 1"),
    "difference": (-1, 1, "of two win rates"),
    "correlation": (-1, 0.999, "of two systems' scores"),
    "agreement": (0, 1, "a share of pairs"),
    "within": (0.001, 0.499, "a half-width"),
    "kappa": (-1, 1, "a coefficient"),
    "kappa_within": (0.001, 0.499, "a half-width"),
    "prevalence": (0.001, 0.999, "of the experts' more common answer"),
    "topics": (1, 10_000, "a number of topics"),
    "clustering": (1, 10_000, "a design effect: pairs by independent pairs worth as much"),
    "seconds": (0, 86_400, "the time for one pair"),
}


def checked(claim: Claim) -> Claim:
    """The claim, if every number is finite and in its range; RecipeError names the first that is
    not.
    """
    for name, (low, high, what) in _SPANS.items():
        value = getattr(claim, name)
        if value is not None and not low <= value <= high:  # false for NaN too
            raise RecipeError(
                f"plan: --{name.replace('_', '-')} ({what}) must lie from {low:,g} to {high:,g},"
                f" found {value:g}"
            )
    return claim


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


def plan(claim: Claim, recipe: str = "", work: Path = Path("work")) -> None:
    """Print the plan as a table, and what the test split of a recipe can show."""
    made = lines(claim)
    view = View(title="how many", title_justify="left")
    for head in ("to show that", "of", *(f"power {one:g}" for one in POWERS), "assumed"):
        view.add_column(
            head, justify="right" if head.startswith("power") else "left", overflow="fold"
        )
    for one in made:
        view.add_row(
            one.claim,
            one.unit,
            *(f"{count:,}" for count in one.counts * (2 if len(one.counts) == 1 else 1)),
            one.assumed,
        )
    console = Console()
    (console if console.is_terminal else Console(width=170)).print(view)
    print(
        "Two-sided tests at 0.05, 95 % intervals; prompts are independent clusters. An interval's"
        " width needs no power: both columns are the same."
    )
    if recipe:
        print(_there(claim, recipe, work))


def _there(claim: Claim, recipe: str, work: Path) -> str:
    from psycopref.runs.rehearsal import test_speeches

    count = test_speeches(recipe, work)
    least = [power.smallest_rate(count, claim.ties, one) for one in POWERS]
    said = ", ".join(
        f"{rate:g} with power {one:g}" if rate else f"no rate with power {one:g}"
        for one, rate in zip(POWERS, least, strict=True)
    )
    return (
        f"{recipe} has {count:,} test speeches: with {claim.ties:.0%} ties and flips the smallest"
        f" win rate they can show is {said}."
    )
