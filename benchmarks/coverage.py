"""How often the intervals of the evaluation hold the truth, by simulated experiments with both
orders, a position bias and prompts that differ.

python benchmarks/coverage.py [--experiments 2000] [--draws 1000] [--sizes 100,200,500] [--seed 0]

Two parts. Win rate: the prompt bootstrap (ours) at nominal 95 %, and a row bootstrap that takes
both orders (and repeats of each) as independent, at nominal 90 % as arena-hard prints it. Length
control: a planted rate at equal length; ours, "style control" (the same fit on the centred
difference) and our fit with the standard error of rows. Everything random is drawn from --seed.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from psycopref.stats.claims import paired_systems
from psycopref.stats.length_control import fit, length_control
from psycopref.stats.winrate import win_rate

Floats = NDArray[np.float64]
POSITION = 0.5  # log-odds that the first place is worth
ABILITY = 0.3  # log-odds of a win at equal length, of a middling prompt
REPEATS = 3  # of each order, as arena-hard's weighted verdicts


def verdicts(
    rng: np.random.Generator, n: int, ability: float, spread: float, tie: float = 0.1
) -> Floats:
    """(n, 2) outcomes from our side in both orders: prompts differ by `spread` in log-odds, the
    first place helps, some orders end in a tie.
    """
    own = rng.normal(ability, spread, n)[:, None] + np.array([POSITION, -POSITION])
    won = (rng.random((n, 2)) < expit(own)).astype(np.float64)
    return np.where(rng.random((n, 2)) < tie, 0.5, won)


def true_rate(ability: float, spread: float, tie: float = 0.1) -> float:
    """The expected score of a prompt, by Gauss-Hermite quadrature over prompts."""
    nodes, weight = np.polynomial.hermite_e.hermegauss(80)
    p = np.mean([expit(ability + spread * nodes + side) for side in (POSITION, -POSITION)], axis=0)
    return float((1 - tie) * (p @ weight) / weight.sum() + tie / 2)


def rows_hold(outcomes: Floats, truth: float, draws: int, rng: np.random.Generator) -> bool:
    """Whether the 5th and 95th percentile of means of resampled rows hold the truth; a row is one
    of `REPEATS` copies of an order's verdict.
    """
    rows = np.repeat(outcomes.ravel(), REPEATS)
    means = rows[rng.integers(0, rows.size, (min(draws, 400), rows.size))].mean(1)
    low, high = np.percentile(means, [5, 95])
    return bool(low <= truth <= high)


def win_rates(n: int, experiments: int, draws: int, seed: int) -> list[str]:
    """Coverage of the win rate's interval, of the row bootstrap's, and of the paired difference of
    two systems.
    """
    ability, spread = 0.9, 1.5
    truth, other = true_rate(ability, spread), true_rate(ability - 0.4, spread)
    names, held = [str(at) for at in range(n)], np.zeros(3)
    width = 0.0
    for trial in range(experiments):
        rng = np.random.default_rng([seed, n, trial])
        outcomes = verdicts(rng, n, ability, spread)
        found = win_rate(outcomes, names, draws, trial).rate
        second = verdicts(rng, n, ability - 0.4, spread).mean(1)
        gap = paired_systems(outcomes.mean(1), second, names, draws, trial).difference
        rows = rows_hold(outcomes, truth, draws, rng) if trial < 500 else False
        ends = [found.low, found.high, gap.low, gap.high]
        assert all(end is not None for end in ends)
        held += [
            found.low <= truth <= found.high,  # type: ignore[operator]
            rows,
            gap.low <= truth - other <= gap.high,  # type: ignore[operator]
        ]
        width += found.high - found.low  # type: ignore[operator]
    shares = held / [experiments, min(experiments, 500), experiments]
    return [
        str(n),
        f"{truth:.3f}",
        *(f"{100 * one:.1f} %" for one in (shares[0], shares[2], shares[1])),
        f"{width / experiments:.3f}",
    ]


def planted(rng: np.random.Generator, n: int, slope: float, shift: float) -> tuple[Floats, Floats]:
    """Scores of both orders, and length differences of `shift` standard deviations (40 words) on
    average; prompts differ by 1 in log-odds.
    """
    d = rng.normal(40 * shift, 40, n)
    own = rng.normal(ABILITY, 1.0, n) + slope * d / 40
    return (rng.random((n, 2)) < expit(own[:, None] + np.array([POSITION, -POSITION]))).mean(1), d


def lengths(n: int, shift: float, experiments: int, draws: int, seed: int) -> list[str]:
    """Length control against a planted truth: mean estimate, its bias, coverage; style control; the
    error of rows.
    """
    truth, names = true_rate(ABILITY, 1.0, tie=0.0), [str(at) for at in range(n)]
    found, centred, raw, held, rows, none = [], [], [], 0, 0, 0
    for trial in range(experiments):
        y, d = planted(np.random.default_rng([seed, n, trial, 1]), n, 0.8, shift)
        own = length_control(y, d, names, draws, trial)
        raw.append(y.mean())
        centred.append(expit(fit((d - d.mean()) / d.std(), y, np.ones((1, n)))[0, 0]))
        if own.reason or own.rate.low is None or own.rate.high is None:
            none += 1
            continue
        found.append(own.rate.value)
        held += own.rate.low <= truth <= own.rate.high
        low, high = row_interval(y, d)
        rows += low <= truth <= high
    made = len(found)
    share = (lambda count: f"{100 * count / made:.1f} %") if made else (lambda count: "-")
    return [
        *(str(n), f"{shift:.1f}", f"{truth:.3f}", f"{np.mean(raw):.3f}", f"{np.mean(centred):.3f}"),
        *(
            f"{np.mean(found):.3f}" if made else "-",
            share(held),  # type: ignore[no-untyped-call]
            share(rows),  # type: ignore[no-untyped-call]
            f"{100 * none / experiments:.1f} %",
        ),
    ]


def row_interval(y: Floats, d: Floats) -> tuple[float, float]:
    """The same fit with the model's own standard error, every order and repeat of a prompt taken as
    a row of its own.
    """
    x = d / d.std()
    beta = fit(x, y, np.ones((1, y.size)))[0]
    p = expit(beta[0] + beta[1] * x)
    curve = 2 * REPEATS * p * (1 - p)
    error = (
        np.linalg.inv(np.array([[curve.sum(), curve @ x], [curve @ x, curve @ x**2]]))[0, 0] ** 0.5
    )
    return float(expit(beta[0] - 1.96 * error)), float(expit(beta[0] + 1.96 * error))


def table(title: str, heads: list[str], rows: list[Callable[[], list[str]]]) -> None:
    print(f"\n{title}\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for row in rows:
        print(f"| {' | '.join(row())} |", flush=True)


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--sizes", default="100,200,500")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    sizes, spent = [int(one) for one in args.sizes.split(",")], time.process_time()
    heads = [
        "prompts",
        "truth",
        "by prompts, nominal 95 %",
        "paired difference, nominal 95 %",
        f"by rows ({REPEATS} of each order), nominal 90 %",
        "width",
    ]
    table(
        f"Win rate, {args.experiments:,} experiments",
        heads,
        [partial(win_rates, n, args.experiments, args.draws, args.seed) for n in sizes],
    )
    heads = [
        "prompts",
        "shift, sd",
        "truth",
        "raw",
        "style control",
        "length-controlled",
        "coverage",
        "coverage with the error of rows",
        "not identifiable",
    ]
    cells = [(n, 1.0) for n in sizes] + [(200, shift) for shift in (0.0, 0.5, 1.5, 2.0, 2.5)]
    table(
        f"Length control, {args.experiments:,} experiments",
        heads,
        [
            lambda n=n, s=s: lengths(  # type: ignore[misc]
                n, s, args.experiments, args.draws, args.seed
            )
            for n, s in cells
        ],
    )
    print(f"\n{time.process_time() - spent:.0f} s of CPU time")


if __name__ == "__main__":
    main()
