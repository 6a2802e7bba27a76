"""What a study hopes to show, in numbers; light, since the command line reads its defaults."""

from typing import NamedTuple

from psycopref.errors import RecipeError


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


SPANS: dict[str, tuple[float, float, str]] = {
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
    for name, (low, high, what) in SPANS.items():
        value = getattr(claim, name)
        if value is not None and not low <= value <= high:  # false for NaN too
            raise RecipeError(
                f"plan: --{name.replace('_', '-')} ({what}) must lie from {low:,g} to {high:,g},"
                f" found {value:g}"
            )
    return claim
