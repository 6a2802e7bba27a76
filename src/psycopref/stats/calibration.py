"""How well margins of a preference model foretell choices: accuracy, AUC, calibration error, Brier
score, log-loss.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from psycopref.stats.intervals import (
    Floats,
    Interval,
    Ints,
    bootstrap_rows,
    bootstrap_sums,
    cluster_sums,
    codes,
    effective_count,
    mean_interval,
    percentile,
    wilson,
)

_CELLS = 4_000_000  # draws x pairs held at once
_SHARES = np.linspace(0.0, 4.0, 81)  # of the observed gaps: the true gaps that `ece` tests


class Reliability(NamedTuple):
    """One bin of a reliability diagram: bounds and mean of the stated confidence, the share that
    was right with its interval, the pairs.
    """

    low: float
    high: float
    confidence: float
    right: float
    right_low: float
    right_high: float
    n: int


class PairFigures(NamedTuple):
    """The figures of one preference model on one set of pairs."""

    accuracy: Interval
    auc: Interval
    ece: Interval
    ece_floor: Interval
    brier: Interval
    logloss: Interval


def sigmoid(margins: ArrayLike) -> Floats:
    """Bradley-Terry: the probability that a margin (score of one minus score of the other) gives
    the first; no overflow.
    """
    return np.asarray(np.exp(-np.logaddexp(0.0, -np.asarray(margins, dtype=np.float64))))


def correct(margins: ArrayLike) -> Floats:
    """1.0 where the chosen response scored higher (margin > 0), 0.5 for equal scores, else 0.0."""
    return np.asarray((np.sign(np.asarray(margins, dtype=np.float64)) + 1) / 2)


def orientation(ids: Sequence[str]) -> Floats:
    """+1.0 or -1.0 for each id from a hash of it: which side of a pair comes first, the same in
    every run.
    """
    return np.asarray(
        [1.0 if sha256(f"side:{one}".encode()).digest()[0] % 2 else -1.0 for one in ids]
    )


def pair_figures(
    margins: ArrayLike,
    clusters: Sequence[str],
    ids: Sequence[str],
    bins: int = 10,
    draws: int = 2000,
    seed: int = 0,
) -> PairFigures:
    """Every figure of margins (n,), score of the chosen minus score of the rejected in log-odds,
    with intervals by clusters.

    `ids` are the pairs' ids: "the chosen one comes first" would make every label 1, so that AUC had
    no second class; each pair's orientation is drawn from its id instead. The other figures are the
    same for either orientation.
    """
    margin = np.asarray(margins, dtype=np.float64)
    probability = sigmoid(margin)
    return PairFigures(
        mean_interval(correct(margin), clusters, draws, seed, share=True),
        auc(margin, clusters, ids, draws, seed),
        ece(margin, clusters, bins, draws, seed),
        ece_floor(margin, bins, draws, seed),
        mean_interval((1 - probability) ** 2, clusters, draws, seed, share=True),
        mean_interval(np.logaddexp(0.0, -margin), clusters, draws, seed),
    )


def auc(
    margins: ArrayLike,
    clusters: Sequence[str],
    ids: Sequence[str],
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Area under the ROC curve of the oriented margins (Hanley and McNeil 1982; ties count a half).

    Where the classes are fully apart the bootstrap never varies; `intervals.steady` gives the
    interval then.
    """
    side = orientation(ids)
    oriented, positive = side * np.asarray(margins, dtype=np.float64), (side > 0).astype(np.float64)
    code, many = codes(clusters)
    value = (
        float(weighted_auc(oriented, positive, np.ones((1, len(oriented))))[0])
        if len(oriented)
        else float("nan")
    )
    if not np.isfinite(value):
        return Interval(value, None, None, len(oriented))
    return percentile(
        value,
        bootstrap_rows(code, many, lambda w: weighted_auc(oriented, positive, w), draws, seed),
        len(oriented),
        (0.0, 1.0),
        many,
    )


def weighted_auc(scores: Floats, positive: Floats, weight: Floats) -> Floats:
    """AUC for each row of weights (d, n), `positive` 1.0 or 0.0; NaN where one class has no
    weight.
    """
    order = np.argsort(scores, kind="stable")
    ordered, label, weight = scores[order], positive[order], weight[:, order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    above = np.add.reduceat(weight * label, starts, axis=1)
    below = np.add.reduceat(weight * (1 - label), starts, axis=1)
    wins = (above * (np.cumsum(below, axis=1) - below / 2)).sum(axis=1)
    total = above.sum(axis=1) * below.sum(axis=1)
    return np.asarray(np.divide(wins, total, out=np.full_like(wins, np.nan), where=total > 0))


def equal_mass(confidence: Floats, bins: int) -> Ints:
    """The bin of each value, from 0, such that bins hold about as many values; equal values share a
    bin, so some may stay empty.
    """
    edges = np.quantile(confidence, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf")
    return np.searchsorted(np.unique(edges), confidence, side="left").astype(np.int64)


def ece(
    margins: ArrayLike, clusters: Sequence[str], bins: int = 10, draws: int = 2000, seed: int = 0
) -> Interval:
    """Expected calibration error over equal-mass bins: the mean gap between stated confidence and
    the share that was right.

    Confidence is the probability of the side that the model favours, max(p, 1 - p) (Guo et al.
    2017, equation 3; equal-mass bins: Nguyen and O'Connor 2015). Bins are those of the whole sample
    in every draw.

    The value is a sum of sizes of gaps, so chance alone lifts it above the true error
    (`ece_floor`), and percentiles of its bootstrap lie above the truth. The interval is that of the
    true error instead, by inverting tests (Casella and Berger 2002, section 9.2.1): it holds every
    share of the observed gaps with which, under the noise of the gaps over clusters, an error as
    large and one as small as the value are both likelier than 2.5 %. It reaches down to 0 where a
    calibrated model would show as much. Pairs that are all right, or all wrong, have none: nothing
    is known of the noise then.
    """
    margin = np.asarray(margins, dtype=np.float64)
    if margin.size == 0:
        return Interval(float("nan"), None, None, 0)
    confidence, right = sigmoid(np.abs(margin)), correct(margin)
    sums, total = _gaps(confidence, right, bins, clusters)
    gap = total[:-1] / total[-1]
    value = float(np.abs(gap).sum())
    drawn = bootstrap_sums(sums, lambda one: one[:, :-1] / one[:, -1:], draws, seed)
    noise = drawn - gap
    if np.ptp(right) == 0 or np.ptp(drawn, axis=0).max() <= 1e-12:
        return Interval(value, None, None, margin.size)
    low, high = _inverted(gap, noise, value)
    return Interval(value, low, high, margin.size)


def ece_floor(margins: ArrayLike, bins: int = 10, draws: int = 2000, seed: int = 0) -> Interval:
    """What `ece` would show for a perfectly calibrated model with these confidences: mean, 2.5th
    and 97.5th percentile over simulated outcomes.

    Each outcome is right with the stated confidence, apart from the others.
    """
    margin = np.asarray(margins, dtype=np.float64)
    if margin.size == 0:
        return Interval(float("nan"), None, None, 0)
    confidence = sigmoid(np.abs(margin))
    order = np.argsort(equal_mass(confidence, bins), kind="stable")
    where, confidence = equal_mass(confidence, bins)[order], confidence[order]
    starts = np.flatnonzero(np.r_[True, where[1:] != where[:-1]])
    rng, found = np.random.default_rng(seed), []
    step = max(1, _CELLS // margin.size)
    for start in range(0, draws, step):
        right = rng.random((min(step, draws - start), margin.size)) < confidence
        found.append(
            np.abs(np.add.reduceat(right - confidence, starts, axis=1)).sum(axis=1) / margin.size
        )
    drawn = np.concatenate(found)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(drawn.mean()), float(low), float(high), margin.size)


def _gaps(
    confidence: Floats, right: Floats, bins: int, clusters: Sequence[str]
) -> tuple[Floats, Floats]:
    """Sums of right - confidence by bin, and counts in the last column: within clusters (clusters,
    bins + 1), and over all.
    """
    where = equal_mass(confidence, bins)
    gaps = np.zeros((confidence.size, int(where.max()) + 2))
    gaps[np.arange(confidence.size), where] = right - confidence
    gaps[:, -1] = 1
    code, many = codes(clusters)
    sums = cluster_sums(gaps, code, many)
    return sums, sums.sum(0)


def _inverted(gap: Floats, noise: Floats, value: float) -> tuple[float, float]:
    """The interval of the error from the observed gaps (bins,) and draws of their noise (d, bins);
    it always holds the value.
    """
    shown = np.stack([np.abs(share * gap + noise).sum(axis=1) for share in _SHARES])
    reached, kept = (shown >= value).mean(axis=1), (shown <= value).mean(axis=1)
    low = _SHARES[reached > 0.025].min(initial=1.0) * value
    high = _SHARES[kept > 0.025].max(initial=1.0) * value
    return float(low), float(min(1.0, high))


def reliability(margins: ArrayLike, clusters: Sequence[str], bins: int = 10) -> list[Reliability]:
    """The non-empty bins of `ece` with counts; intervals are Wilson's with the effective number of
    pairs (pairs of one speech are alike).
    """
    margin = np.asarray(margins, dtype=np.float64)
    if margin.size == 0:
        return []
    confidence, right = sigmoid(np.abs(margin)), correct(margin)
    where, (code, _) = equal_mass(confidence, bins), codes(clusters)
    return [
        _bin(confidence[where == one], right[where == one], code[where == one])
        for one in np.unique(where)
    ]


def _bin(confidence: Floats, right: Floats, code: Ints) -> Reliability:
    share = float(right.mean())
    low, high = wilson(share, effective_count(right, code))
    return Reliability(
        float(confidence.min()),
        float(confidence.max()),
        float(confidence.mean()),
        share,
        low,
        high,
        confidence.size,
    )
