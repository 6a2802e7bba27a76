"""The head of the page: what to know first, and its first figures."""

from psycopref.report import frames, plain
from psycopref.report.data import ReportData
from psycopref.report.metrics import MATCH, BySlice, by_slice
from psycopref.report.print import interval, number, percent
from psycopref.report.section import Content, Section
from psycopref.report.sections import judge
from psycopref.report.sections.policy import by_round
from psycopref.report.sections.winrates import unjudged
from psycopref.tables import Metric

ACCURACY = "reward.accuracy"
GOLD_REWARD = "policy.gold_reward"
WIN_RATES = ("winrate", "winrate.start")
READS = frozenset(
    {
        ACCURACY,
        GOLD_REWARD,
        *WIN_RATES,
        *judge.RATES,
        *plain.READS,
        *(f"{name}.unmatched" for name in WIN_RATES),
        *(f"{match}.failed" for match in (MATCH, *judge.RATES)),
    }
)


def content(run: ReportData) -> Content:
    """Title, notes and tiles."""
    return {
        "title": run.title,
        "plain": plain.sentences(run),
        "notes": [*run.notes, *unjudged(run), *judge.warnings(run.metrics)],
        "tiles": tiles(run, by_slice(run.metrics)),
    }


def tiles(run: ReportData, metrics: BySlice) -> list[dict[str, str]]:
    """The page's first figures, each with its interval or what it rests on."""
    made: list[dict[str, str]] = []
    if len(run.speeches):
        made.append(
            _tile(
                "Client speeches",
                f"{len(run.speeches):,}",
                f"{len(run.dropped):,} dropped, each with its reason",
            )
        )
    if len(run.preferences):
        under = f"over {len(run.responses):,} responses, {frames.rated(run.ratings):,} ratings"
        made.append(_tile("Preference pairs", f"{len(run.preferences):,}", under))
    elif plain.pairs(metrics) == 0:
        under = f"over {len(run.responses):,} responses, {frames.rated(run.ratings):,} ratings"
        made.append(_tile("Preference pairs", "0", under, "no pairs: nothing can be learnt"))
    row = metrics.get((ACCURACY, "test_all")) or metrics.get((ACCURACY, "test"))
    if row:
        beside = metrics.get((ACCURACY, f"{row.slice}:tfidf"))
        note = f"; word counts alone {percent(beside.value)}" if beside else ""
        made.append(
            _tile(
                "Reward model accuracy",
                percent(row.value),
                interval(row) + f"{row.count:,} test pairs{note}",
            )
        )
    made += [
        _match_tile(run, metrics, metrics[name, "overall:raw"])
        for name in WIN_RATES
        if (name, "overall:raw") in metrics
    ]
    gold = list(by_round(run.metrics, GOLD_REWARD).values())
    if len(gold) > 1:
        note = f"start to round {len(gold) - 1}; last {interval(gold[-1])}n {gold[-1].count:,}"
        made.append(
            _tile(
                "Gold reward",
                f"{number(gold[0].value, 2)} → {number(gold[-1].value, 2)}",
                note,
                "; ".join(plain.last_guards(run.metrics)),
            )
        )
    return made


def _tile(name: str, value: str, note: str, warn: str = "") -> dict[str, str]:
    """A first figure; `warn` is what takes from it, said beside it."""
    return {"name": name, "value": value, "note": note, "warn": warn}


def _match_tile(run: ReportData, metrics: BySlice, row: Metric) -> dict[str, str]:
    who = run.titles.get(row.name, row.name)
    warn = [plain.outside(metrics, row.name), *plain.last_guards(run.metrics)]
    return _tile(
        f"Win rate: {who}",
        percent(row.value),
        f"{interval(row)}n {row.count:,}",
        "; ".join(one for one in warn if one),
    )


SECTION = Section("head", "", lambda content: True, content, reads=READS)
