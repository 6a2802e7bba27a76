"""The win rate that two systems would have at equal length: a fractional logit on the length
difference, and the prompts of like length.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from psycopref.stats.intervals import (
    Floats,
    Interval,
    bootstrap_rows,
    codes,
    mean_interval,
    percentile,
)

LEAST = 10  # prompts that are needed on either side of equal length, with
# that share of all prompts: below it the answer at equal length is the model's and not the data's
SHARE = 0.05
CALIPER = 0.5  # standard deviations of the length difference that still count as equal
# draws x observations at once: what stays in a core's cache, half the time of all at once
_CELLS = 100_000
_NOTHING = Interval(math.nan, None, None, 0)


class LengthControl(NamedTuple):
    """Figures at equal length; all shares are from our side.

    `rate`: the predicted win rate at a length difference of 0. `coefficient`: log-odds of a win per
    standard deviation of the difference (positive: length pays). `matched`: the mean score of the
    prompts within the caliper. `longer`, `shorter`: prompts on which our answer has more, fewer
    words (equal ones are in neither); `thin`: prompts on the thinner side of equal length, equal
    ones counted for both. Where all lengths are equal `rate` is the plain rate, and there is no
    coefficient. `reason` is '' or why there is no `rate`: 'no_overlap' (too few prompts on one side
    of equal length) or 'separated' (length alone tells wins from losses, so the likelihood has no
    maximum); the figure is then NaN.
    """

    rate: Interval
    coefficient: Interval
    matched: Interval
    longer: int
    shorter: int
    thin: int
    reason: str


def length_control(
    scores: ArrayLike,
    difference: ArrayLike,
    clusters: Sequence[str],
    draws: int = 2000,
    seed: int = 0,
) -> LengthControl:
    """Scores (n,) in 0..1 and length differences (n,), ours less theirs, to what the win rate would
    be at equal length.

    The logit of the expected score is a + b * d / sd(d). The difference is scaled and not centred,
    so a is the answer where the lengths are equal (Dubois et al. 2024, arXiv 2404.04475, without
    its terms for one benchmark's own prompts); centred at its mean, as in "style control", a would
    be the raw rate again. Scores between 0 and 1 make it a fractional logit (Papke and Wooldridge
    1996). Intervals refit the model on resampled clusters, since the error of fitted values leaves
    out that of the fit.
    """
    y, d = np.asarray(scores, dtype=np.float64), np.asarray(difference, dtype=np.float64)
    longer, shorter = int((d > 0).sum()), int((d < 0).sum())
    spread = float(d.std()) if d.size else 0.0
    near = np.abs(d) <= CALIPER * spread
    matched = mean_interval(
        y[near],
        [name for name, kept in zip(clusters, near, strict=True) if kept],
        draws,
        seed,
        share=True,
    )
    thin = min(longer, shorter) + int((d == 0).sum())
    if not d.any() and y.size >= LEAST:  # lengths are equal already: nothing to control for
        return LengthControl(matched, _NOTHING, matched, longer, shorter, thin, "")
    if spread == 0 or thin < max(LEAST, SHARE * y.size):
        return LengthControl(_NOTHING, _NOTHING, matched, longer, shorter, thin, "no_overlap")
    x = d / spread
    code, many = codes(clusters)
    whole = fit(x, y, np.ones((1, y.size)))[0]
    drawn = bootstrap_rows(code, many, lambda weight: fit(x, y, weight), draws, seed)
    rate = percentile(float(expit(whole[0])), expit(drawn[:, 0]), y.size)
    if not math.isfinite(rate.value) or rate.low is None:
        return LengthControl(_NOTHING, _NOTHING, matched, longer, shorter, thin, "separated")
    return LengthControl(
        rate, percentile(float(whole[1]), drawn[:, 1], y.size), matched, longer, shorter, thin, ""
    )


def fit(x: Floats, y: Floats, weight: Floats) -> Floats:
    """Intercept and slope (d, 2) of a weighted logistic regression for each row of weights (d, n),
    by Newton's method; NaN where separated.

    A binomial GLM's estimates with the weights as frequencies; y may lie between 0 and 1.
    """
    step = max(1, _CELLS // max(1, x.size))
    return np.concatenate(
        [_newton(x, y, weight[at : at + step]) for at in range(0, len(weight), step)]
    )


def _newton(x: Floats, y: Floats, weight: Floats) -> Floats:
    beta = np.zeros((len(weight), 2))
    lost = _separated(x, y, weight)
    for _ in range(60):
        p = expit(beta[:, :1] + beta[:, 1:] * x)
        slack, curve = weight * (y - p), weight * p * (1 - p)
        g0, g1 = slack.sum(1), slack @ x
        h0, h1, h2 = curve.sum(1), curve @ x, curve @ (x * x)
        det = np.where(lost, 1.0, h0 * h2 - h1 * h1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = np.column_stack([h2 * g0 - h1 * g1, h0 * g1 - h1 * g0]) / det[:, None]
        step = np.where(
            lost[:, None] | ~np.isfinite(step), 0.0, np.clip(step, -2.0, 2.0)
        )  # a full step can overshoot far from the optimum
        beta += step
        if np.abs(step).max(initial=0.0) < 1e-10:
            break
    beta[lost | (np.abs(step).max(1) > 1e-6)] = np.nan
    return beta


def _separated(x: Floats, y: Floats, weight: Floats) -> NDArray[np.bool_]:
    """Whether a point on the line of differences has all wins on one side of it and all losses on
    the other (Albert and Anderson 1984); ties are both.
    """
    ends = {}
    for side, on in (("won", y > 0), ("lost", y < 1)):
        there = (weight > 0) & on
        ends[side] = np.where(there, x, np.inf).min(1), np.where(there, x, -np.inf).max(1)
    (won_low, won_high), (lost_low, lost_high) = ends["won"], ends["lost"]
    return np.asarray((won_low >= lost_high) | (won_high <= lost_low))
