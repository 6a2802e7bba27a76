"""The figures of what experts said: choices and absolute scores by principle (paper, Figures 2 and
3).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from psycopref.report.plots.bars import Estimate
from psycopref.report.plots.svg import (
    ACCENT,
    CARD,
    FAINT,
    HATCH,
    INK,
    MUTED,
    THIRD,
    WARM,
    canvas,
    inline,
    listed,
)

_LOOKS = ((ACCENT, "o"), (WARM, "s"), (THIRD, "^"), (MUTED, "D"))


def principles(rows: Sequence[tuple[str, float, float, float]]) -> str:
    """Per principle the shares of experts' answers for the chosen response, of ties, and for the
    rejected one.
    """
    y = np.arange(len(rows))
    parts = (
        ("the chosen response", ACCENT, ""),
        ("a tie", FAINT, ""),
        ("the rejected response", WARM, HATCH),
    )
    with canvas(8.2, 0.36 * len(rows) + 1.0) as (figure, axes):
        axis = axes[0, 0]
        start = np.zeros(len(rows))
        for at, (label, colour, hatch) in enumerate(parts, 1):
            size = np.array([float(row[at]) for row in rows])
            axis.barh(
                y,
                size,
                left=start,
                height=0.66,
                color=colour,
                hatch=hatch,
                edgecolor=CARD,
                linewidth=0.5,
                label=label,
            )
            start += size
        for at, row in enumerate(rows):
            axis.text(1.01, at, f"{100 * row[1]:.0f} %", va="center", fontsize=8.5, color=INK)
        axis.set_yticks(y, [row[0] for row in rows], color=INK)
        axis.set_xlim(0, 1.1)
        axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
        axis.invert_yaxis()
        axis.grid(axis="y", visible=False)
        figure.legend(
            fontsize=7.5, labelcolor=MUTED, loc="outside lower center", ncol=3, handlelength=1.6
        )
        said = listed([row[0] for row in rows], [row[1] for row in rows])
        return inline(
            figure,
            "principles",
            "What experts chose, by principle",
            f"Share for the chosen response: {said}",
        )


def absolute(who: Mapping[str, Sequence[Estimate]]) -> str:
    """Mean scores per principle with intervals: experts, and the judges on the same replies."""
    items = [one.name for one in next(iter(who.values()))]
    with canvas(8.2, 0.42 * len(items) + 1.0) as (figure, axes):
        axis = axes[0, 0]
        for at, (name, rows) in enumerate(who.items()):
            colour, marker = _LOOKS[at % len(_LOOKS)]
            y = np.array([items.index(one.name) for one in rows]) + 0.22 * (at - (len(who) - 1) / 2)
            for place, one in zip(y, rows, strict=True):
                if one.low is not None and one.high is not None:
                    axis.hlines(place, one.low, one.high, color=colour, linewidth=1.8)
            axis.plot(
                [one.value for one in rows],
                y,
                marker,
                color=colour,
                markersize=5.5,
                markeredgecolor=CARD,
                label=name,
            )
        axis.set_yticks(range(len(items)), items, color=INK)
        axis.invert_yaxis()
        axis.set_xlabel("mean score", fontsize=8)
        axis.grid(axis="y", visible=False)
        figure.legend(
            fontsize=7.5, labelcolor=MUTED, loc="outside lower center", ncol=4, handlelength=1.2
        )
        said = "; ".join(
            f"{name}: {listed([one.name for one in rows], [one.value for one in rows])}"
            for name, rows in who.items()
        )
        return inline(figure, "absolute", "Mean scores by principle", said)
