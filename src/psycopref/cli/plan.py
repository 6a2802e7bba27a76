"""`psycopref plan`: how many prompts or pairs a claim needs, before money is spent."""

import argparse
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from psycopref.cli.words import COLUMNS, command
from psycopref.runs.claim import Claim

if TYPE_CHECKING:
    from psycopref.runs.planning import Line

ALWAYS = (
    "two-sided tests at 0.05, 95 % intervals; prompts are independent clusters; an interval's width"
    " needs no power, so both columns are the same"
)
NUMBERS = {
    "rate": "the win rate one hopes to show",
    "ties": "share of prompts that tie or flip with the order",
    "sd": "standard deviation of prompt scores (default: from rate and ties)",
    "difference": "of two systems' win rates on the same prompts",
    "correlation": "of the two systems' prompt scores",
    "agreement": "expected share of pairs on which experts agree with the label",
    "within": "half-width of its interval",
    "kappa": "expected kappa of two experts",
    "kappa_within": "half-width of its interval",
    "prevalence": "of the experts' more common answer",
    "topics": "topics with a claim of their own",
    "clustering": "design effect of pairs that share a speech (1: one pair a speech)",
    "seconds": "that one pair takes an expert",
}


def words(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The words of the command: the numbers of a claim, each with its default."""
    made = command(
        commands,
        "plan",
        "how many prompts or pairs a claim needs, before money is spent",
        [
            "psycopref plan --rate 0.55 --ties 0.3",
            "psycopref plan --recipe mine.toml   and what its test split can show",
        ],
    )
    made.add_argument("--recipe", default="", help="a recipe: say what its test split can show")
    for name, text in NUMBERS.items():
        default = Claim._field_defaults[name]
        kind, metavar = (int, "N") if isinstance(default, int) else (float, "X")
        made.add_argument(
            f"--{name.replace('_', '-')}", type=kind, default=default, metavar=metavar, help=text
        )
    made.set_defaults(do=do)


def do(args: argparse.Namespace) -> int:
    """Print the plan, and what the test split of a recipe can show."""
    from psycopref.runs import planning

    claim = Claim(**{name: getattr(args, name) for name in Claim._fields})
    _print(planning.lines(claim))
    if args.recipe:
        print(_there(claim, args.recipe, args.work))
    return 0


def _print(lines: "list[Line]") -> None:
    from psycopref.cli import view
    from psycopref.runs.planning import POWERS

    powers = [f"power {one:g}" for one in POWERS]
    rows = [
        [line.claim, line.unit, *(f"{count:,}" for count in _each(line.counts, len(POWERS)))]
        for line in lines
    ]
    view.table("how many", ["to show that", "of", *powers], rows, right=powers)
    print("assumed")
    for sentence in [*(f"{line.claim}: {line.assumed}" for line in lines), ALWAYS]:
        print(
            textwrap.fill(
                sentence,
                COLUMNS,
                initial_indent="- ",
                subsequent_indent="  ",
                break_on_hyphens=False,
            )
        )


def _each(counts: tuple[int, ...], powers: int) -> tuple[int, ...]:
    """A count for each power; one number stands for all where power plays no part."""
    return counts if len(counts) == powers else counts * powers


def _there(claim: Claim, recipe: str, work: Path) -> str:
    from psycopref.runs.planning import POWERS, smallest

    found = smallest(claim, recipe, work)
    rates = ", ".join(
        f"{rate:g} with power {one:g}" if rate else f"no rate with power {one:g}"
        for one, rate in zip(POWERS, found.rates, strict=True)
    )
    return (
        f"{recipe} has {found.speeches:,} test speeches: with {claim.ties:.0%} ties and flips the"
        f" smallest win rate they can show is {rates}."
    )
