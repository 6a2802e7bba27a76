"""How many prompts or pairs a claim needs: power of a win rate and of a paired difference,
half-widths of an agreement and of kappa.
"""

import math
from collections.abc import Callable
from itertools import count

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom, binomtest, f, ncf, nct, t

from psycopref.stats.intervals import Z95, Floats, Interval, wilson
from psycopref.stats.topics import FEW

# the fewest prompts whose 95 % interval (Wilson's) excludes a half where all are won: from 3 it
# still reaches below
ALL_WON = 4
MOST = 10_000_000  # more than this is no study
_EXACT = 2_000  # prompts up to which every number of decided ones is counted
_SAW = 6  # numbers of prompts over which the power of an exact test goes up and down


def score_sd(rate: float, ties: float) -> float:
    """Standard deviation of prompt scores (1 won, 1/2 tied or flipped, 0 lost) at a win rate and a
    share of ties (tie counts a half).

    ValueError where no scores have both: ties leave at most 1 - ties/2.
    """
    if not 0 <= ties <= 1 or not ties / 2 - 1e-12 <= rate <= 1 - ties / 2 + 1e-12:
        raise ValueError(
            f"a win rate of {rate} cannot come with a share of {ties} of ties: it lies from"
            f" {ties / 2} to {1 - ties / 2}"
        )
    return math.sqrt(max(0.0, rate - ties / 4 - rate**2))


def mean_power(effect: float, sd: float, n: int, alpha: float = 0.05) -> float:
    """Power of the two-sided one-sample t test on n independent scores (noncentral t; Cohen 1988,
    chapter 2): a mean `effect` off zero.
    """
    if n < 2:
        return 0.0
    if sd == 0:
        return 1.0 if effect else alpha
    far, off = float(t.isf(alpha / 2, n - 1)), effect / sd * math.sqrt(n)
    return float(nct.sf(far, n - 1, off) + nct.cdf(-far, n - 1, off))


def needed(enough: Callable[[int], bool]) -> int:
    """The smallest n from which `enough` holds; it must hold for every larger n too. ValueError
    beyond ten million.
    """
    high = 2
    while not enough(high):
        high *= 2
        if high > MOST:
            raise ValueError(
                "more than ten million would be needed: the effect asked for is practically none"
            )
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def prompts_for_rate(
    rate: float, ties: float = 0.0, power: float = 0.8, alpha: float = 0.05, sd: float | None = None
) -> int:
    """Prompts to tell a win rate from a half, each judged in both orders and scored once. `sd` of
    prompt scores overrides that of `ties`.
    """
    spread = score_sd(rate, ties) if sd is None else sd
    if rate == 0.5:
        raise ValueError(
            "a win rate of a half cannot be told from a half; name the rate that you hope to show"
        )
    return max(ALL_WON, needed(lambda n: mean_power(rate - 0.5, spread, n, alpha) >= power))


def sign_power(rate: float, ties: float, n: int, alpha: float = 0.05) -> float:
    """Power of the two-sided exact sign test (Dixon and Mood 1946) on n prompts, of which a share
    `ties` is at a half and says nothing.

    The number of decided prompts is binomial; the test given that number is exact, so that with few
    of them it may reject nothing at all.
    """
    score_sd(rate, ties)  # refuses a rate and ties that no scores have
    decided = np.arange(n + 1)
    if n > _EXACT:  # the others have a probability of under 1e-14 together
        middle, reach = n * (1 - ties), 8 * math.sqrt(n * ties * (1 - ties)) + 1
        decided = np.arange(
            max(0, math.floor(middle - reach)), min(n, math.ceil(middle + reach)) + 1
        )
    share = min(1.0, max(0.0, (rate - ties / 2) / (1 - ties))) if ties < 1 else 0.5
    most = (
        binom.ppf(alpha / 2, decided, 0.5) - 1
    )  # the largest count whose p-value, twice P(X <= count), is under alpha; -1 for none
    reject = binom.cdf(most, decided, share) + binom.cdf(most, decided, 1 - share)
    return float(binom.pmf(decided, n, 1 - ties) @ reject)


def apart_power(rate: float, ties: float, n: int, topics: int, alpha: float = 0.05) -> float:
    """Power of the F test that `topics` topics of n prompts differ where one has that win rate and
    the others a half (Cohen 1988, chapter 8).
    """
    within = (score_sd(rate, ties) ** 2 + (topics - 1) * score_sd(0.5, ties) ** 2) / topics
    if within == 0:
        return 1.0
    between, inner = topics - 1, topics * (n - 1)
    return float(
        ncf.sf(
            f.isf(alpha, between, inner),
            between,
            inner,
            n * (rate - 0.5) ** 2 * (1 - 1 / topics) / within,
        )
    )


def prompts_for_topic(
    rate: float, ties: float, topics: int, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Prompts in each of `topics` topics for a claim on the one whose win rate is `rate` where the
    others have a half.

    As `stats.topics` claims it: the interaction test says that topics differ, and the exact sign
    test of the topic holds at alpha / topics (Holm's first step), from `FEW` prompts on. The two
    tests succeed on the same samples more often than independent ones would, so the product of
    their powers errs on the side of more prompts. Where all topics have one rate there is no such
    claim at any number.
    """
    if rate == 0.5 or topics < 2:
        raise ValueError(
            "a claim on one topic needs a rate other than a half and two topics or more"
        )

    def enough(n: int) -> bool:
        return (
            sign_power(rate, ties, n, alpha / topics) * apart_power(rate, ties, n, topics, alpha)
            >= power
        )

    start = needed(enough)
    # an exact test's power goes up and down with n: even and odd counts differ; count from where it
    # stays up
    return next(
        n for n in count(max(FEW, start - _SAW)) if all(enough(more) for more in range(n, n + _SAW))
    )


def prompts_for_difference(
    difference: float, sd: float, correlation: float = 0.0, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Prompts to tell two systems' win rates apart that were judged on the same prompts, with
    prompt scores of `sd` correlated so.
    """
    if difference == 0:
        raise ValueError(
            "a difference of nothing cannot be shown; name the one that you hope to show"
        )
    if not -1 <= correlation < 1:
        raise ValueError(f"correlation must be from -1 to under 1, found {correlation}")
    apart = sd * math.sqrt(2 * (1 - correlation))
    return max(ALL_WON, needed(lambda n: mean_power(difference, apart, n, alpha) >= power))


def smallest_rate(
    n: int, ties: float = 0.0, power: float = 0.8, alpha: float = 0.05
) -> float | None:
    """The smallest win rate over a half that n prompts can show, to three decimals; None where no
    rate with so many ties will do.
    """
    if n < ALL_WON:
        return None
    for step in range(501, 1001):
        rate = step / 1000
        if rate <= 1 - ties / 2 and mean_power(rate - 0.5, score_sd(rate, ties), n, alpha) >= power:
            return rate
    return None


def pairs_within(share: float, half: float) -> int:
    """Independent pairs for an agreement whose 95 % interval (Wilson's) is at most `half` to each
    side of its middle.
    """
    _inside(half)
    return needed(lambda n: np.diff(wilson(share, n))[0] / 2 <= half)


def kappa_variance(joint: ArrayLike) -> float:
    """n times the variance of Cohen's kappa at a joint table of shares (Fleiss, Cohen and Everitt
    1969, by the delta method).
    """
    p = np.asarray(joint, dtype=np.float64)
    rows, columns = p.sum(1), p.sum(0)
    seen, chance = float(np.trace(p)), float(rows @ columns)
    slope = (np.eye(len(p)) * (1 - chance) - (1 - seen) * (columns[:, None] + rows[None, :])) / (
        1 - chance
    ) ** 2
    return float((p * slope**2).sum() - (p * slope).sum() ** 2)


def two_by_two(kappa: float, prevalence: float) -> Floats:
    """Shares of two raters' answers with the same prevalence of the first answer and that kappa."""
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence must lie between 0 and 1, found {prevalence}")
    both = prevalence**2 + kappa * prevalence * (1 - prevalence)
    table = np.array([[both, prevalence - both], [prevalence - both, 1 - 2 * prevalence + both]])
    if table.min() < -1e-12:
        raise ValueError(f"no two raters with a prevalence of {prevalence} have a kappa of {kappa}")
    return np.asarray(np.maximum(table, 0.0))


def pairs_for_kappa(kappa: float, half: float, prevalence: float = 0.5) -> int:
    """Pairs for a kappa of two experts whose 95 % interval is `half` to each side, large-sample.

    At least as many as make it so narrow where the experts agree on every pair: the interval is
    then Wilson's at the same agreement by chance (`stats.coefficients`), while the large-sample one
    would have no width at all.
    """
    _inside(half)
    wide = math.ceil(Z95**2 * kappa_variance(two_by_two(kappa, prevalence)) / half**2)
    beyond = 2 * prevalence * (1 - prevalence)  # one less the agreement by chance
    alike = math.ceil(Z95**2 / (2 * half * beyond) - Z95**2)
    if max(wide, alike) > MOST:
        raise ValueError("more than ten million pairs would be needed; ask for a wider interval")
    return max(ALL_WON, wide, alike)


def _inside(half: float) -> None:
    if not 0 < half < 0.5:
        raise ValueError(f"a half-width must lie between 0 and 0.5, found {half}")


def counted(hits: int, n: int) -> tuple[Interval, Interval]:
    """A published count as a share, with Wilson's and with the exact (Clopper and Pearson 1934) 95
    % interval.
    """
    share, exact = hits / n, binomtest(hits, n).proportion_ci(0.95, "exact")
    return Interval(share, *wilson(share, n), n), Interval(
        share, float(exact.low), float(exact.high), n
    )
