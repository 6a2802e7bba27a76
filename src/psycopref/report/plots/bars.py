"""The figures of the report: columns in, an inline SVG string out."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from psycopref.report.plots.svg import (
    ACCENT,
    CARD,
    FAINT,
    GRID,
    HATCH,
    INK,
    MUTED,
    WARM,
    canvas,
    inline,
    listed,
)

FEW = 30


class Estimate(NamedTuple):
    """A named figure with its interval (None where none is claimed) and what it rests on."""

    name: str
    value: float
    low: float | None
    high: float | None
    n: int


class Dots(NamedTuple):
    """One bin of a reliability diagram."""

    confidence: float
    right: float
    low: float
    high: float
    n: int


def topics(groups: Mapping[str, Mapping[str, int]]) -> str:
    """Speeches by coarse topic and, within it, by fine topic, in two columns."""
    order = sorted(groups, key=lambda name: (-sum(groups[name].values()), name))
    columns = _halves(order, groups)
    tall = max(sum(len(groups[name]) + 1.6 for name in half) for half in columns)
    most = max(max(fine.values()) for fine in groups.values())
    with canvas(9.6, 0.2 * tall + 0.2, 1, len(columns)) as (figure, axes):
        for axis, half in zip(axes[0], columns, strict=True):
            _topic_column(axis, half, groups, tall, most)
        totals = [sum(groups[name].values()) for name in order]
        return inline(figure, "topics", "Speeches by topic", listed(order, totals, "{:.0f}"))


def _halves(order: Sequence[str], groups: Mapping[str, Mapping[str, int]]) -> list[list[str]]:
    halves: list[list[str]] = [[], []]
    sizes = [0.0, 0.0]
    for name in order:
        at = int(sizes[1] < sizes[0])
        halves[at].append(name)
        sizes[at] += len(groups[name]) + 1.6
    return [half for half in halves if half]


def _topic_column(
    axis: Any, names: Sequence[str], groups: Mapping[str, Mapping[str, int]], tall: float, most: int
) -> None:
    y = 0.0
    for name in names:
        axis.text(
            -0.85 * most,
            y,
            f"{name}  ·  {sum(groups[name].values()):,}",
            fontweight="bold",
            va="center",
            color=INK,
            fontsize=9.5,
        )
        for fine, count in sorted(groups[name].items(), key=lambda pair: (-pair[1], pair[0])):
            y += 1
            axis.barh(y, count, height=0.62, color=ACCENT)
            axis.text(-0.02 * most, y, fine, ha="right", va="center", color=MUTED, fontsize=8.5)
            axis.text(count + 0.015 * most, y, f"{count:,}", va="center", color=MUTED, fontsize=8)
        y += 1.6
    axis.set_ylim(tall - 0.4, -0.8)
    axis.set_xlim(-0.85 * most, 1.45 * most)
    for label in axis.texts:
        label.set_in_layout(
            False
        )  # else the layout shrinks the axes to make room, and the labels with them
    axis.axis("off")


def chosen(
    counts: Sequence[tuple[str, int, int]],
    name: str = "chosen",
    title: str = "Chosen and rejected by model",
) -> str:
    """How often the responses of each model, or group of models, were chosen (to the right) and
    rejected (to the left).
    """
    models, chosen_counts, rejected_counts = (list(column) for column in zip(*counts, strict=True))
    y = np.arange(len(models))
    most = max([*chosen_counts, *rejected_counts, 1])
    with canvas(7.2, 0.3 * len(models) + 0.7) as (figure, axes):
        axis = axes[0, 0]
        axis.barh(y, chosen_counts, color=ACCENT, height=0.66)
        axis.barh(y, [-count for count in rejected_counts], color=WARM, height=0.66, hatch=HATCH)
        for at, (up, down) in enumerate(zip(chosen_counts, rejected_counts, strict=True)):
            axis.text(up + 0.02 * most, at, f"{up:,}", va="center", color=MUTED, fontsize=8)
            axis.text(
                -down - 0.02 * most,
                at,
                f"{down:,}",
                va="center",
                ha="right",
                color=MUTED,
                fontsize=8,
            )
        axis.axvline(0, color=MUTED, linewidth=0.8)
        axis.set_yticks(y, models, color=INK)
        axis.set_xlim(-1.2 * most, 1.2 * most)
        axis.set_xticks([-0.6 * most, 0.6 * most], ["rejected", "chosen"])
        axis.invert_yaxis()
        axis.grid(False)
        axis.spines[:].set_visible(False)
        said = (
            f"Chosen: {listed(models, chosen_counts, '{:.0f}')}. Rejected:"
            f" {listed(models, rejected_counts, '{:.0f}')}"
        )
        return inline(figure, name, title, said)


def judges(panels: Mapping[str, Sequence[Estimate]]) -> str:
    """One panel a figure (agreement, bias), one line an item, with intervals; where values fall
    below 0, the line at 0.
    """
    most = max(len(rows) for rows in panels.values())
    with canvas(4.2 * len(panels), 0.28 * most + 0.9, 1, len(panels)) as (figure, axes):
        for axis, (title, rows) in zip(axes[0], panels.items(), strict=True):
            for at, one in enumerate(rows):
                if one.low is not None and one.high is not None:
                    axis.hlines(at, one.low, one.high, color=ACCENT, linewidth=1.6)
                axis.plot([one.value], [at], "o", color=ACCENT, markersize=4.5)
            if min(one.value if one.low is None else one.low for one in rows) < 0:
                axis.axvline(0, color=FAINT, linewidth=0.9, linestyle="--")
            axis.set_yticks(range(len(rows)), [one.name for one in rows], fontsize=7.5)
            axis.invert_yaxis()
            axis.set_title(title, fontsize=8.5)
        said = "; ".join(
            f"{title}: {listed([one.name for one in rows], [one.value for one in rows])}"
            for title, rows in panels.items()
        )
        return inline(figure, "judges", "Two judges on the same responses", said)


def winrates(rows: Sequence[Estimate], name: str) -> str:
    """Win rates with intervals, one row each, 0.5 marked; rows on fewer than 30 speeches are
    greyed.
    """
    y = np.arange(len(rows))
    with canvas(8.2, 0.34 * len(rows) + 0.6) as (figure, axes):
        axis = axes[0, 0]
        axis.axvline(0.5, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        for at, one in enumerate(rows):
            colour = FAINT if one.n < FEW else ACCENT
            if one.low is not None and one.high is not None:
                axis.hlines(at, one.low, one.high, color=colour, linewidth=2.2)
            axis.plot(
                [one.value],
                [at],
                "o",
                color=colour,
                markersize=7,
                markeredgecolor=CARD,
                markeredgewidth=1.2,
            )
            axis.text(
                1.03,
                at,
                f"{100 * one.value:.0f} %",
                va="center",
                fontsize=8.5,
                color=MUTED if one.n < FEW else INK,
            )
            axis.text(1.13, at, f"n {one.n:,}", va="center", fontsize=8, color=MUTED)
        axis.set_yticks(y, [one.name for one in rows], color=INK)
        axis.set_xlim(-0.02, 1.22)
        axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
        axis.set_ylim(len(rows) - 0.5, -0.5)
        axis.grid(axis="y", visible=False)
        axis.spines["left"].set_visible(False)
        axis.spines["bottom"].set_color(GRID)
        return inline(
            figure,
            name,
            "Win rates with 95 % intervals",
            listed([f"{one.name} (n {one.n})" for one in rows], [one.value for one in rows]),
        )
