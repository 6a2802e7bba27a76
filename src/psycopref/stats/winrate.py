"""Win rate over prompts judged in one or both orders, with ties, flips and failures kept apart."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from psycopref.stats.intervals import Floats, Interval, mean_interval


class WinRate(NamedTuple):
    """What became of a set of prompts. wins + ties + losses + failed are all of them; flips are
    among the ties.

    `worst` and `best` are the rate over all prompts with every failed order lost, or won: whatever
    those orders would have said lies between.
    """

    rate: Interval
    wins: int
    ties: int
    losses: int
    flips: int
    failed: int
    worst: Interval
    best: Interval


def prompt_scores(outcomes: ArrayLike) -> tuple[Floats, Floats]:
    """Scores (prompts,) and flips (prompts,) from outcomes (prompts, orders): 1 ours won, 0.5 tie,
    0 theirs won, NaN failed.

    A score is the mean of its orders, so a win in one order and a loss in the other (a flip: the
    judge followed the position) is a tie. A prompt with a failed order has no score (NaN): one
    order alone would keep the position's pull.
    """
    data = np.asarray(outcomes, dtype=np.float64)
    if data.ndim == 1:
        data = data[:, None]
    scores = data.mean(axis=1) if data.size else np.zeros(len(data))
    flips = (data == 1).any(axis=1) & (data == 0).any(axis=1) & np.isfinite(scores)
    return scores, flips.astype(np.float64)


def win_rate(
    outcomes: ArrayLike, clusters: Sequence[str], draws: int = 2000, seed: int = 0
) -> WinRate:
    """The mean score of the judged prompts with its interval by clusters, and every count."""
    scores, flips = prompt_scores(outcomes)
    judged = np.isfinite(scores)
    kept, where = (
        scores[judged],
        [name for name, there in zip(clusters, judged, strict=True) if there],
    )
    rate = mean_interval(kept, where, draws, seed, share=True)
    wins, losses, failed = int((kept > 0.5).sum()), int((kept < 0.5).sum()), int((~judged).sum())
    data = np.asarray(outcomes, dtype=np.float64)
    fates = (
        [prompt_scores(np.where(np.isnan(data), fate, data))[0] for fate in (0.0, 1.0)]
        if failed
        else []
    )
    worst, best = (
        (mean_interval(fate, clusters, draws, seed, share=True) for fate in fates)
        if failed
        else (rate, rate)
    )
    return WinRate(
        rate, wins, kept.size - wins - losses, losses, int(flips.sum()), failed, worst, best
    )
