"""What experts said of pairs and of single replies, by principle (paper, section 3.3, Figures 2 and
3), and how far they agree.
"""

from collections.abc import Sequence
from typing import Any

from psycopref.report.data import ReportData
from psycopref.report.frames import item_order
from psycopref.report.metrics import by_slice, named, pivot
from psycopref.report.plots import experts
from psycopref.report.plots.bars import Estimate
from psycopref.report.section import Content, Drawing, Section
from psycopref.tables import Metric

OVERALL = "overall"
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
CHOICES = ("raw", "kappa", "fleiss", "alpha", "alpha_ordinal", "ac1", "ac2")
SCORES = ("kappa", "spearman", "exact", "bias", "ac2", "alpha_ordinal")
SAFETY = ("safety_recall", "safety_false_alarm")
SHEETS = ("expert.sheets", "expert.annotators")  # there before anybody answered
# Each table's title, what its names begin with, and its figures.
PARTS = (
    (
        "Experts beside the pairs, and their scores",
        "expert.",
        (
            *SHEETS,
            "expert.answered",
            "expert.agreement",
            "expert.ties",
            "expert.kappa",
            "expert.ac1",
            "expert.first",
            "expert.repeat",
            "expert.seconds",
            "expert.score",
            "expert.unsafe",
            "expert.winrate",
        ),
    ),
    (
        "Experts beside each other: scores",
        "experts.score.",
        tuple(f"experts.score.{name}" for name in SCORES),
    ),
    (
        "Experts beside each other: choices",
        "experts.",
        (
            *(f"experts.{name}" for name in (*CHOICES, *SAFETY, "prevalence")),
            *(f"experts.{name}.labels" for name in ("kappa", "fleiss", "alpha", "ac1")),
        ),
    ),
    (
        "Judges beside the experts",
        "judge.expert.",
        tuple(f"judge.expert.{name}" for name in (*SCORES, *SAFETY, "agreement", "verdict_kappa")),
    ),
)
READS = frozenset(name for _, _, names in PARTS for name in names)


def content(run: ReportData) -> Content:
    """Every figure of experts, and Figures 2 and 3 as they are drawn; without an answer whether
    there are sheets.
    """
    shares = choices(run.metrics, run.items)
    return {
        "principles": [row[:4] for row in shares],
        "absolute": scores(run.metrics, run.items),
        "tables": tables(run.metrics) if checked(run.metrics) else [],
        "sheets": by_slice(run.metrics).get((SHEETS[0], "all")),
    }


def checked(metrics: Sequence[Metric]) -> bool:
    """Whether any expert answered anything."""
    return any(
        row.name.startswith(("expert.", "experts.")) and row.name not in SHEETS for row in metrics
    )


def choices(
    metrics: Sequence[Metric], items: Sequence[str]
) -> list[tuple[str, float, float, float, Metric]]:
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
    shares = []
    for item in _ordered(list(agreement), items):
        tied, agreed = ties.get(item, 0.0), agreement[item].value
        shares.append(
            (
                item,
                max(0.0, agreed - tied / 2),
                tied,
                max(0.0, 1 - agreed - tied / 2),
                agreement[item],
            )
        )
    return shares


def scores(metrics: Sequence[Metric], items: Sequence[str]) -> dict[str, list[Estimate]]:
    """Mean score per principle by the experts and, on the same replies, by each judge (Figure 3);
    empty without scores by experts.

    A judge's mean is the experts' mean and its difference to them (`judge.expert.bias`); its
    interval is that of the difference.
    """
    own = {row.slice: row for row in metrics if row.name == "expert.score" and ":" not in row.slice}
    if not own:
        return {}
    names = _ordered(list(own), items)
    means = {
        "experts": [
            Estimate(item, own[item].value, own[item].low, own[item].high, own[item].count)
            for item in names
        ]
    }
    for row in metrics:
        item, _, judge = row.slice.partition(":")
        if row.name == "judge.expert.bias" and judge and item in own and ":" not in judge:
            low, high = (
                None if end is None else own[item].value + end for end in (row.low, row.high)
            )
            means.setdefault(judge, []).append(
                Estimate(item, own[item].value + row.value, low, high, row.count)
            )
    return {who: sorted(rows, key=lambda one: names.index(one.name)) for who, rows in means.items()}


def _ordered(names: Sequence[str], items: Sequence[str]) -> list[str]:
    return [
        *item_order([name for name in names if name != OVERALL], items),
        *(name for name in names if name == OVERALL),
    ]


def tables(metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    """Every figure of experts, a table for each kind, a row for each slice, whatever figures there
    are.
    """
    made = []
    for title, start, names in PARTS:
        rows = named(metrics, names)
        if rows:
            made.append({"title": title, **pivot(rows, TITLES, start)})
    return made


SECTION = Section(
    "experts",
    "Experts",
    lambda content: bool(content["tables"] or content["sheets"]),
    content,
    {
        "principles": Drawing(experts.principles, ("validate",)),
        "absolute": Drawing(experts.absolute, ("validate",)),
    },
    READS,
    {"experts": ("validate",)},
)
