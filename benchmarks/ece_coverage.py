"""Do the intervals of the calibration error hold the truth? `python benchmarks/ece_coverage.py
[EXPERIMENTS]`.

Pairs whose true log-odds are normal (sd 1.5), judged by a model that is T times as sure; one or
three alike pairs a speech. Prints how often the shipped interval and the percentile bootstrap of
the same statistic hold the true error (that of infinitely many pairs and bins).
"""

import sys

import numpy as np
from scipy.stats import norm

from psycopref.stats.calibration import correct, ece, equal_mass, sigmoid
from psycopref.stats.intervals import Floats, bootstrap_sums, cluster_sums, codes


def percentile_ends(margin: Floats, speeches: list[str], seed: int) -> tuple[float, float]:
    """What a plain percentile bootstrap by speech says of the error over ten bins."""
    confidence = sigmoid(np.abs(margin))
    where = equal_mass(confidence, 10)
    gaps = np.zeros((margin.size, int(where.max()) + 2))
    gaps[np.arange(margin.size), where] = correct(margin) - confidence
    gaps[:, -1] = 1
    sums = cluster_sums(gaps, *codes(speeches))
    drawn = bootstrap_sums(
        sums, lambda total: np.abs(total[:, :-1]).sum(1) / total[:, -1], 400, seed
    )
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def experiment(
    rng: np.random.Generator, pairs: int, alike: int, sure: float
) -> tuple[Floats, list[str]]:
    """Margins of one experiment, and their speeches; pairs of one speech are right or wrong
    together more often than by chance.
    """
    true = rng.normal(0, 1.5, pairs)
    shared = np.repeat(rng.normal(size=pairs // alike + 1), alike)[:pairs]
    luck = (
        rng.random(pairs)
        if alike == 1
        else norm.cdf(0.7 * shared + np.sqrt(1 - 0.49) * rng.normal(size=pairs))
    )
    return np.where(luck < sigmoid(true), 1, -1) * true * sure, [
        str(at // alike) for at in range(pairs)
    ]


def main() -> None:
    experiments = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print("| pairs | a speech | T | true error | ours | percentiles |\n|---|---|---|---|---|---|")
    sample = np.abs(np.random.default_rng(0).normal(0, 1.5, 200_000))
    for alike in (1, 3):
        for pairs in (50, 100, 300, 1000):
            for sure in (1.0, 1.3, 3.0):
                truth, rng, held = (
                    float(np.abs(sigmoid(sample) - sigmoid(sample * sure)).mean()),
                    np.random.default_rng(2),
                    np.zeros(2),
                )
                for seed in range(experiments):
                    margin, speeches = experiment(rng, pairs, alike, sure)
                    found, (low, high) = (
                        ece(margin, speeches, draws=400, seed=seed),
                        percentile_ends(margin, speeches, seed),
                    )
                    held += [
                        found.low is not None
                        and found.high is not None
                        and found.low <= truth <= found.high,
                        low <= truth <= high,
                    ]
                print(
                    f"| {pairs} | {alike} | {sure} | {truth:.3f} | {held[0] / experiments:.2f} |"
                    f" {held[1] / experiments:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
