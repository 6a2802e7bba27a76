"""The figures of what a dataset is made of: lengths, sources, overlap between sources."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from psycopref.report.plots.svg import (
    ACCENT,
    CARD,
    GRID,
    HATCH,
    INK,
    MUTED,
    THIRD,
    WARM,
    canvas,
    inline,
    listed,
)

_HATCHES = (HATCH, "....", "\\\\\\\\", "xxxx", "----", "++++")


def lengths(
    bins: Sequence[tuple[int, int, int]], rows: Sequence[Mapping[str, Any]], what: str
) -> str:
    """Speeches by length in characters, and per model (or source) the middle half and the middle
    nine tenths of its words.
    """
    tall = 0.26 * len(rows) + 0.8
    with canvas(9.6, max(2.6, tall), 1, 2 if rows else 1) as (figure, axes):
        left = axes[0, 0]
        low, high, count = (np.array(column) for column in zip(*bins, strict=True))
        left.bar(low, count, width=high - low, align="edge", color=ACCENT, edgecolor=CARD)
        left.set_title("speeches by length")
        left.set_xlabel("characters")
        left.grid(axis="x", visible=False)
        if rows:
            _spans(axes[0, 1], rows, what)
        at = int(count.argmax())
        said = f"Most speeches ({count[at]:,}) have {low[at]:,} to {high[at] - 1:,} characters."
        medians = listed([row["name"] for row in rows], [row["words_50"] for row in rows], "{:.0f}")
        return inline(
            figure,
            "lengths",
            "Lengths of speeches and responses",
            said + (f" Median words by {what}: {medians}" if rows else ""),
        )


def _spans(axis: Any, rows: Sequence[Mapping[str, Any]], what: str) -> None:
    y = np.arange(len(rows))
    axis.hlines(
        y,
        [row["words_5"] for row in rows],
        [row["words_95"] for row in rows],
        color=ACCENT,
        linewidth=1.1,
    )
    axis.hlines(
        y,
        [row["words_25"] for row in rows],
        [row["words_75"] for row in rows],
        color=ACCENT,
        linewidth=5,
    )
    axis.plot(
        [row["words_50"] for row in rows], y, "o", color=CARD, markeredgecolor=INK, markersize=4.5
    )
    axis.set_yticks(y, [row["name"] for row in rows], color=INK, fontsize=8)
    axis.set_xlim(left=0)
    axis.invert_yaxis()
    axis.set_title(f"words of a response, by {what}")
    axis.set_xlabel("words: median, middle half, middle nine tenths", fontsize=8)
    axis.grid(axis="y", visible=False)


def sources(rows: Sequence[Mapping[str, Any]]) -> str:
    """Entries read per source: kept, and left out by reason."""
    reasons = [*dict.fromkeys(reason for row in rows for reason in row["left"])]
    colours = [MUTED, WARM, THIRD]
    y = np.arange(len(rows))
    with canvas(8.2, 0.42 * len(rows) + 1.0) as (figure, axes):
        axis = axes[0, 0]
        start = np.zeros(len(rows))
        for number, reason in enumerate(["kept", *reasons]):
            size = np.array(
                [row["kept"] if not number else row["left"].get(reason, 0) for row in rows],
                dtype=float,
            )
            look = (
                {"color": ACCENT}
                if not number
                else {
                    "color": colours[number % len(colours)],
                    "hatch": _HATCHES[(number - 1) % len(_HATCHES)],
                }
            )
            axis.barh(
                y,
                size,
                left=start,
                height=0.62,
                label=reason,
                edgecolor=CARD,
                linewidth=0.5,
                **look,
            )
            start += size
        for at, row in enumerate(rows):
            axis.text(
                row["read"] + 0.01 * start.max(),
                at,
                f"{row['read']:,}",
                va="center",
                fontsize=8,
                color=MUTED,
            )
        axis.set_yticks(y, [row["name"] for row in rows], color=INK)
        axis.set_xlim(0, 1.12 * max(start.max(), 1))
        axis.set_ylim(len(rows) - 0.4, -0.6)
        axis.set_xlabel("entries read")
        axis.grid(axis="y", visible=False)
        axis.legend(
            fontsize=7.5,
            labelcolor=MUTED,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.32 if len(rows) < 4 else -0.18),
            ncol=6,
            handlelength=1.6,
        )
        said = "; ".join(
            f"{r['name']}: {r['read']:,} read, {r['kept']:,} kept"
            + "".join(f", {n:,} {why}" for why, n in r["left"].items())
            for r in rows
        )
        return inline(figure, "sources", "Entries by source: kept, and left out by reason", said)


def overlap(found: Mapping[str, Any]) -> str:
    """The share of each source's entries (row) that repeat an entry of another source (column),
    exactly or nearly.
    """
    names, counts = found["names"], np.array(found["near"], dtype=float)
    shares = counts / np.maximum(np.array(found["read"], dtype=float), 1)[:, None]
    size = 0.62 * len(names)
    with canvas(size + 3.2, size * 0.72 + 1.4) as (figure, axes):
        axis = axes[0, 0]
        for row, column in np.ndindex(*shares.shape):
            share = float(shares[row, column])
            axis.barh(
                row,
                1,
                left=column - 0.5,
                height=1,
                color=ACCENT,
                alpha=0.04 + 0.6 * min(share, 1.0),
                edgecolor=GRID,
                linewidth=0.6,
            )
            axis.text(
                column,
                row,
                f"{counts[row, column]:,.0f}" if counts[row, column] else "·",
                ha="center",
                va="center",
                fontsize=8,
                color=INK,
            )
        axis.set_xticks(range(len(names)), names, rotation=30, ha="right", color=INK, fontsize=8)
        axis.set_yticks(range(len(names)), names, color=INK, fontsize=8)
        axis.set_xlim(-0.5, len(names) - 0.5)
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.grid(visible=False)
        axis.spines[:].set_visible(False)
        cells = [
            f"{one} in {other} {counts[at, to]:.0f}"
            for at, one in enumerate(names)
            for to, other in enumerate(names)
            if at != to
        ]
        return inline(
            figure,
            "overlap",
            "Overlap between sources",
            f"Entries of one source that repeat one of another: {', '.join(cells)}",
        )
