"""Position bias of a judge: what it gives to the first, second, ... of the replies that it sees
together.
"""

from collections.abc import Sequence

import numpy as np

from psycopref.stats.intervals import Floats, Interval, bootstrap_sums, percentile


class Positions:
    """Scores by the place at which a reply was shown, summed by cluster (speech), so that millions
    of scores need no room.
    """

    def __init__(self, clusters: int, places: int) -> None:
        self._sums = np.zeros(
            (clusters, 3, places)
        )  # count, score, score less the mean of its call

    def add(self, cluster: int, scores: Sequence[float]) -> None:
        """The scores of one call, in the order in which the replies were shown."""
        given = np.asarray(scores, dtype=np.float64)
        self._sums[cluster, :, : len(given)] += np.stack(
            [np.ones_like(given), given, given - given.mean()]
        )

    def figures(self, draws: int = 2000, seed: int = 0) -> tuple[list[Interval], list[Interval]]:
        """By place the mean score, and the mean difference to the other replies of its call, each
        with an interval by clusters.

        Places are given out by a hash of ids, so without a bias every difference is 0 but for
        chance. Places that were never used are left out.
        """
        clusters, _, places = self._sums.shape
        used = [place for place in range(places) if self._sums[:, 0, place].any()]
        flat = self._sums.reshape(clusters, 3 * places)
        value = _means(flat.sum(0, keepdims=True), places)[0]
        drawn = bootstrap_sums(flat, lambda total: _means(total, places), draws, seed)
        counts = self._sums[:, 0].sum(0)
        made = [
            [
                percentile(float(value[kind, place]), drawn[:, kind, place], int(counts[place]))
                for place in used
            ]
            for kind in (0, 1)
        ]
        return made[0], made[1]


def _means(total: Floats, places: int) -> Floats:
    """(draws, 3 x places) sums to (draws, 2, places) means; NaN where a place was not drawn."""
    sums = total.reshape(len(total), 3, places)
    count = sums[:, :1]
    return np.asarray(
        np.divide(sums[:, 1:], count, out=np.full((len(total), 2, places), np.nan), where=count > 0)
    )
