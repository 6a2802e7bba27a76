"""Drawings of training: losses, reliability, rounds and checkpoints."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from psycopref.report.plots.bars import Dots, Estimate
from psycopref.report.plots.svg import (
    ACCENT,
    FAINT,
    INK,
    MUTED,
    WARM,
    canvas,
    inline,
    listed,
)


def curves(runs: Mapping[str, Mapping[str, tuple[Sequence[int], Sequence[float]]]]) -> str:
    """Loss by optimiser step of every training run, train and dev; the last dev accuracy stands in
    the title.
    """
    wide = min(4, len(runs))
    rows = -(-len(runs) // wide)
    with canvas(2.4 * wide if wide > 2 else 3.4 * wide, 2.0 * rows + 0.1, rows, wide) as (
        figure,
        axes,
    ):
        for axis in axes.flat[len(runs) :]:
            axis.axis("off")
        for axis, (name, series) in zip(axes.flat, runs.items(), strict=False):
            _curve(axis, name, series)
        ends = [(name, series["loss"][1][-1]) for name, series in runs.items() if "loss" in series]
        return inline(
            figure,
            "curves",
            "Training curves",
            f"Last train loss: {listed([one for one, _ in ends], [value for _, value in ends])}",
        )


def _curve(
    axis: Any, name: str, series: Mapping[str, tuple[Sequence[int], Sequence[float]]]
) -> None:
    accuracy = series.get("dev_accuracy")
    axis.set_title(
        name + (f" · dev accuracy {accuracy[1][-1]:.2f}" if accuracy else ""), fontsize=8.5
    )
    for field, colour, label in (("loss", MUTED, "train"), ("dev_loss", ACCENT, "dev")):
        if field in series:
            steps, values = series[field]
            marker = "o" if len(steps) == 1 else None
            axis.plot(
                steps,
                values,
                color=colour,
                linewidth=2.2 if field == "dev_loss" else 0.8,
                label=label,
                marker=marker,
                markersize=4,
            )
    axis.set_xlabel("step", fontsize=8)
    axis.legend(fontsize=7.5, labelcolor=MUTED, loc="best", handlelength=1.2)


def reliability(models: Mapping[str, Sequence[Dots]]) -> str:
    """Stated confidence against the share that was right, with intervals, over the pairs per bin;
    one panel a model.
    """
    wide = len(models)
    with canvas(3.6 * wide, 4.1, 2, wide, height_ratios=[4, 1], sharey="row") as (figure, axes):
        for at, (name, dots) in enumerate(models.items()):
            _reliability(axes[0, at], axes[1, at], name, dots)
        axes[0, 0].set_ylim(
            min(0.4, *(dot.low for dots in models.values() for dot in dots)) - 0.02, 1.02
        )
        axes[1, 0].set_ylim(0, 1.5 * max(dot.n for dots in models.values() for dot in dots))
        axes[0, 0].set_ylabel("share that was right")
        axes[1, 0].set_ylabel("pairs")
        words = "; ".join(
            f"{name}:"
            f" {', '.join(f'stated {d.confidence:.2f} right {d.right:.2f} of {d.n}' for d in dots)}"
            for name, dots in models.items()
        )
        return inline(figure, "reliability", "Reliability diagram", words)


def _reliability(upper: Any, lower: Any, name: str, dots: Sequence[Dots]) -> None:
    x = [dot.confidence for dot in dots]
    upper.plot([0.5, 1], [0.5, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    upper.vlines(
        x,
        [dot.low for dot in dots],
        [dot.high for dot in dots],
        color=ACCENT,
        linewidth=1.4,
        alpha=0.7,
    )
    upper.plot(x, [dot.right for dot in dots], "o", color=ACCENT, markersize=5)
    upper.set_title(name)
    upper.set_xlim(0.48, 1.02)
    # The outer labels stay within their panel: 1.0 of one would touch 0.5 of the next.
    upper.set_xticks([0.5, 0.75, 1.0], ["0.5", "0.75", "1.0"])
    for label, side in zip(upper.get_xticklabels(), ("left", "center", "right"), strict=True):
        label.set_horizontalalignment(side)
    upper.set_xlabel("stated confidence", fontsize=8)
    places = range(len(dots))
    lower.bar(places, [dot.n for dot in dots], width=0.7, color=FAINT)
    for at, dot in enumerate(dots):
        lower.text(at, dot.n, f"{dot.n:,}", ha="center", va="bottom", fontsize=7, color=MUTED)
    lower.set_xticks(places, [f"{value:.2f}".lstrip("0") for value in x], fontsize=7)
    lower.set_xlabel("mean stated confidence of the bin", fontsize=8)
    lower.set_yticks([])
    lower.grid(False)


def rounds(series: Mapping[str, Sequence[Estimate]]) -> str:
    """One panel for each series (reward, gold reward, words, answers that came to an end) by round,
    with intervals.
    """
    with canvas(9.6, 2.5, 1, len(series)) as (figure, axes):
        for axis, (name, points) in zip(axes[0], series.items(), strict=True):
            colour = WARM if name == "words" else ACCENT
            x, y = [int(one.name) for one in points], [one.value for one in points]
            ends = [
                (at, one.low, one.high)
                for at, one in zip(x, points, strict=True)
                if one.low is not None and one.high is not None
            ]
            if len(ends) > 1:
                axis.fill_between(
                    *np.transpose(np.array(ends, dtype=float)),
                    color=colour,
                    alpha=0.16,
                    linewidth=0,
                )
            axis.plot(x, y, "o-", color=colour, markersize=5, linewidth=1.6)
            for at, value in zip(x, y, strict=True):
                text = (f"{value:.0f}" if name == "words" else f"{value:.2f}").replace(
                    "-", "\N{MINUS SIGN}"
                )
                axis.annotate(
                    text,
                    (at, value),
                    xytext=(0, 6),
                    textcoords="offset points",
                    ha="center",
                    fontsize=7.5,
                )
            axis.set_title(name, fontsize=8)
            axis.set_xticks(
                x,
                ["start", *(str(at) for at in x[1:])] if x and x[0] == 0 else [str(at) for at in x],
            )
            axis.set_xlabel("round")
            axis.margins(0.12, 0.22)
        words = "; ".join(
            f"{name}: {', '.join(f'round {one.name} {one.value:.2f}' for one in points)}"
            for name, points in series.items()
        )
        return inline(figure, "rounds", "The policy by round", words)


def checkpoints(sizes: Mapping[str, Mapping[str, Sequence[Estimate]]]) -> str:
    """Win rate by checkpoint with intervals, one panel a size, one line an arm (paper, Figure
    4).
    """
    colours = dict(zip(("offline", "online"), (WARM, ACCENT), strict=True))
    with canvas(3.4 * len(sizes), 2.7, 1, len(sizes)) as (figure, axes):
        for axis, (size, arms) in zip(axes[0], sizes.items(), strict=True):
            for arm, points in arms.items():
                x, y = [int(one.name) for one in points], [one.value for one in points]
                colour = colours.get(arm, INK)
                ends = [
                    (at, one.low, one.high)
                    for at, one in zip(x, points, strict=True)
                    if one.low is not None and one.high is not None
                ]
                if len(ends) > 1:
                    axis.fill_between(
                        *np.transpose(np.array(ends, dtype=float)),
                        color=colour,
                        alpha=0.14,
                        linewidth=0,
                    )
                axis.plot(
                    x,
                    y,
                    "s--" if arm == "offline" else "o-",
                    color=colour,
                    markersize=4,
                    linewidth=1.6,
                    label=arm,
                )
            axis.axhline(0.5, color=FAINT, linewidth=0.9, linestyle="--")
            axis.set_title(size, fontsize=8.5)
            axis.set_xticks(sorted({int(one.name) for points in arms.values() for one in points}))
            axis.set_xlabel("checkpoint (0 is the start)", fontsize=8)
            axis.legend(fontsize=7.5, labelcolor=MUTED, loc="best", handlelength=1.2)
        said = [
            f"{size}, {arm}: {', '.join(f'{one.value:.2f}' for one in points)}"
            for size, arms in sizes.items()
            for arm, points in arms.items()
        ]
        return inline(figure, "checkpoints", "Win rate by checkpoint", "; ".join(said))
