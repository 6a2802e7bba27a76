"""What experts said of pairs and of single replies, by principle (paper, section 3.3, Figures 2 and
3), and how far they agree.
"""

from collections.abc import Sequence
from typing import Any

from psycopref.report import frames
from psycopref.report.plots.bars import Estimate
from psycopref.tables import Metric

OVERALL = "overall"


def checked(metrics: Sequence[Metric]) -> bool:
    """Whether any expert answered anything."""
    return any(
        row.name.startswith(("expert.", "experts."))
        and row.name not in ("expert.annotators", "expert.sheets")
        for row in metrics
    )


def choices(metrics: Sequence[Metric]) -> list[tuple[str, float, float, float, Metric]]:
    """Per principle the share of experts' answers for the chosen response, of ties, for the
    rejected one, and their agreement with the pair (Figure 2).
    """
    agreement = {
        row.slice: row for row in metrics if row.name == "expert.agreement" and ":" not in row.slice
    }
    ties = {
        row.slice: row.value
        for row in metrics
        if row.name == "expert.ties" and ":" not in row.slice
    }
    found = []
    for item in _ordered(list(agreement)):
        tied, agreed = ties.get(item, 0.0), agreement[item].value
        found.append(
            (
                item,
                max(0.0, agreed - tied / 2),
                tied,
                max(0.0, 1 - agreed - tied / 2),
                agreement[item],
            )
        )
    return found


def scores(metrics: Sequence[Metric]) -> dict[str, list[Estimate]]:
    """Mean score per principle by the experts and, on the same replies, by each judge (Figure 3);
    empty without scores by experts.

    A judge's mean is the experts' mean and its difference to them (`judge.expert.bias`); its
    interval is that of the difference.
    """
    own = {row.slice: row for row in metrics if row.name == "expert.score" and ":" not in row.slice}
    if not own:
        return {}
    items = _ordered(list(own))
    found = {
        "experts": [
            Estimate(item, own[item].value, own[item].low, own[item].high, own[item].count)
            for item in items
        ]
    }
    for row in metrics:
        item, _, judge = row.slice.partition(":")
        if row.name == "judge.expert.bias" and judge and item in own and ":" not in judge:
            low, high = (
                None if end is None else own[item].value + end for end in (row.low, row.high)
            )
            found.setdefault(judge, []).append(
                Estimate(item, own[item].value + row.value, low, high, row.count)
            )
    return {who: sorted(rows, key=lambda one: items.index(one.name)) for who, rows in found.items()}


def _ordered(names: Sequence[str]) -> list[str]:
    return [
        *frames.item_order([name for name in names if name != OVERALL]),
        *(name for name in names if name == OVERALL),
    ]


TITLES = {
    "expert.agreement": "agrees with the pair",
    "expert.ties": "ties",
    "expert.kappa": "kappa with the pair",
    "expert.ac1": "AC1 with the pair",
    "expert.first": "chose what stood first",
    "expert.repeat": "same answer on repeats",
    "expert.seconds": "seconds a row",
    "expert.score": "mean score",
    "experts.raw": "say the same",
    "experts.kappa": "Cohen's kappa",
    "experts.fleiss": "Fleiss' kappa",
    "experts.alpha": "Krippendorff's alpha",
    "experts.ac1": "Gwet's AC1",
    "experts.ac2": "Gwet's AC2",
    "experts.prevalence": "share of 'chosen'",
}
PARTS = {
    "expert.": "Experts beside the pairs, and their scores",
    "experts.score.": "Experts beside each other: scores",
    "experts.": "Experts beside each other: choices",
    "judge.expert.": "Judges beside the experts",
}


def tables(metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    """Every figure of experts, a table for each kind, a row for each slice, whatever figures there
    are.
    """
    groups: dict[str, list[Metric]] = {start: [] for start in PARTS}
    for row in metrics:
        start = max((one for one in PARTS if row.name.startswith(one)), key=len, default="")
        if start:
            groups[start].append(row)
    return [
        {"title": PARTS[start], **frames.pivot(rows, TITLES, start)}
        for start, rows in groups.items()
        if rows
    ]
