"""The models that answered: how the judge scored them, and how often they were chosen and rejected,
by model, size and organisation (paper, section 3.3, Figures 5 and 6).
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial

from psycopref.report import frames, values
from psycopref.report.data import ReportData
from psycopref.report.plots import bars
from psycopref.report.section import Content, Drawing, Section
from psycopref.report.sections.kinship import maker
from psycopref.report.values import Counts, share

Entries = Mapping[str, tuple[str, str]]  # model: organisation, size
UNSAID = "size not published"
UNKNOWN = "organisation not known"


def content(run: ReportData) -> Content:
    """Mean scores, choices by model, size and organisation, and pairs by topic."""
    items, scores = frames.score_table(run.responses, run.ratings, run.items)
    chosen = frames.chosen_counts(run.responses, run.preferences)
    return {
        "items": items,
        "scores": scores,
        "scale": frames.scale(run.ratings),
        "chosen": chosen,
        "sizes": by_size(chosen, run.responders),
        "organisations": by_organisation(chosen, run.responders),
        "sentences": sentences(chosen, run.responders),
        "by_topic": frames.chosen_topics(run.speeches, run.preferences, run.listed),
    }


def billions(size: str) -> float:
    """Parameters in billions of a size as pools write it: '8B' 8, '3.8B' 3.8, '8x7B' 56, '500M'
    0.5; NaN where it says none.
    """
    match = re.fullmatch(r"\s*(?:(\d+)\s*[xX]\s*)?(\d+(?:\.\d+)?)\s*([BbMm])\s*", size)
    if not match:
        return float("nan")
    return int(match[1] or 1) * float(match[2]) / (1000 if match[3] in "Mm" else 1)


def by_size(counts: Counts, entries: Entries) -> list[tuple[str, int, int]]:
    """Chosen and rejected by size, the smallest first, models whose size is not published last;
    empty where no model's size is known.
    """
    sizes = {
        model: (
            size
            if (size := entries.get(model, ("", ""))[1]) and billions(size) == billions(size)
            else UNSAID
        )
        for model, _, _ in counts
    }
    if set(sizes.values()) <= {UNSAID}:
        return []
    rows = _summed(counts, sizes)
    return sorted(
        rows,
        key=lambda row: (row[0] == UNSAID, billions(row[0]) if row[0] != UNSAID else 0.0, row[0]),
    )


def by_organisation(counts: Counts, entries: Entries) -> list[tuple[str, int, int]]:
    """Chosen and rejected by organisation, by the share that was chosen; empty where there are not
    at least two.
    """
    makers = {
        model: maker(model, entries.get(model, ("", ""))[0]) or UNKNOWN for model, _, _ in counts
    }
    rows = _summed(counts, makers)
    return sorted(rows, key=lambda row: (-share(row), row[0])) if len(rows) > 1 else []


def _summed(counts: Counts, group: Mapping[str, str]) -> list[tuple[str, int, int]]:
    sums: dict[str, list[int]] = {}
    for model, chosen, rejected in counts:
        row = sums.setdefault(group[model], [0, 0])
        row[0] += chosen
        row[1] += rejected
    return [(name, chosen, rejected) for name, (chosen, rejected) in sums.items()]


def sentences(counts: Counts, entries: Entries) -> list[str]:
    """What the counts say of size and organisation, in words: the paper's section 3.3 for this
    run.
    """
    lines = []
    sized = [row for row in by_size(counts, entries) if row[0] != UNSAID]
    if len(sized) > 2:
        trend = _rank_correlation(
            [billions(row[0]) for row in sized], [share(row) for row in sized]
        )
        way = "no more often by larger models"
        if trend:
            way = f"{'more' if trend > 0 else 'less'} often the larger the model"
        rank = f"{trend:.2f}".replace("-", "\N{MINUS SIGN}")
        lines.append(
            f"Over {len(sized)} sizes, responses are chosen {way} (Spearman {rank} of size and"
            " share; other things differ between models too)."
        )
    made = by_organisation(counts, entries)
    if made:
        first, last = made[0], made[-1]
        lines.append(
            f"By organisation the share chosen goes from {100 * share(last):.0f} % ({last[0]}) to"
            f" {100 * share(first):.0f} % ({first[0]})."
        )
    return lines


def _rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    ranks = [
        [
            sum(other < one for other in values) + sum(other == one for other in values) / 2
            for one in values
        ]
        for values in (first, second)
    ]
    means = [sum(rank) / len(rank) for rank in ranks]
    parts = [[one - mean for one in rank] for rank, mean in zip(ranks, means, strict=True)]
    spread = (sum(one * one for one in parts[0]) * sum(one * one for one in parts[1])) ** 0.5
    return sum(one * other for one, other in zip(*parts, strict=True)) / spread if spread else 0.0


SECTION = Section(
    "responders",
    "Models",
    lambda content: bool(content["scores"] or content["chosen"] or content["by_topic"]),
    content,
    {
        "chosen": Drawing(bars.chosen, ("pair",), table=partial(values.counts, "Model")),
        "sizes": Drawing(
            partial(bars.chosen, name="sizes", title="Chosen and rejected by size of the model"),
            ("pair",),
            table=partial(values.counts, "Size"),
        ),
        "organisations": Drawing(
            partial(bars.chosen, name="organisations", title="Chosen and rejected by organisation"),
            ("pair",),
            table=partial(values.counts, "Organisation"),
        ),
    },
    made_by={"scores": ("rate",)},
)
