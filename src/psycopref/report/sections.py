"""What each section of the page says: tiles, tables, the accounts that add up, and limits in plain
words.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from psycopref.report import frames, health
from psycopref.report.figures import SERIES
from psycopref.tables import Failure, Metric

if TYPE_CHECKING:
    from psycopref.report.data import ReportData

Found = Mapping[tuple[str, str], Any]
ARM = (
    "wins",
    "ties",
    "losses",
    "flips",
    "failed",
    "unmatched",
    "words_ours",
    "words_theirs",
    "compliance",
    "length_correlation",
    "worst",
    "best",
)


def number(value: float | None, places: int = 3) -> str:
    """A figure in print: fixed places, a true minus, a dash for none."""
    return "–" if value is None else f"{value:.{places}f}".replace("-", "\N{MINUS SIGN}")


def seconds(value: float) -> str:
    """A span of time: 0.4 s, 12 s, 3 min 05 s, 2 h 10 min."""
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60:02d} s"
        if whole < 3600
        else f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    )


def scale(ratings: Sequence[Any]) -> tuple[float, float]:
    """The lowest and highest score on an instrument's items (1 to 5 where there are none)."""
    if not frames.rated(ratings):
        return 1.0, 5.0
    low, high = frames.collected(
        frames.judged(ratings).select(low=pl.col("score").min(), high=pl.col("score").max())
    ).row(0)
    return float(low), float(high)


def tiles(content: "ReportData", found: Found) -> list[dict[str, str]]:
    """The page's first figures, each with its interval or what it rests on."""
    made: list[dict[str, str]] = []
    if len(content.speeches):
        made.append(
            _tile(
                "Client speeches",
                f"{len(content.speeches):,}",
                f"{len(content.dropped):,} dropped, each with its reason",
            )
        )
    if len(content.preferences):
        under = (
            f"over {len(content.responses):,} responses, {frames.rated(content.ratings):,} ratings"
        )
        made.append(_tile("Preference pairs", f"{len(content.preferences):,}", under))
    row = found.get(("reward.accuracy", "test_all")) or found.get(("reward.accuracy", "test"))
    if row:
        beside = found.get(("reward.accuracy", f"{row.slice}:tfidf"))
        note = f"; word counts alone {_percent(beside.value)}" if beside else ""
        made.append(
            _tile(
                "Reward model accuracy",
                _percent(row.value),
                _interval(row) + f"{row.count:,} test pairs{note}",
            )
        )
    made += [
        _match_tile(content, found[name, "overall:raw"])
        for name in ("winrate", "winrate.start")
        if (name, "overall:raw") in found
    ]
    gold = _rounds(found, "policy.gold_reward")
    if len(gold) > 1:
        note = f"start to round {len(gold) - 1}; last {_interval(gold[-1])}n {gold[-1].count:,}"
        made.append(
            _tile("Gold reward", f"{number(gold[0].value, 2)} → {number(gold[-1].value, 2)}", note)
        )
    return made


def _tile(name: str, value: str, note: str) -> dict[str, str]:
    return {"name": name, "value": value, "note": note}


def _match_tile(content: "ReportData", row: Metric) -> dict[str, str]:
    return _tile(
        "Win rate",
        _percent(row.value),
        f"{content.titles.get(row.name, row.name)}; {_interval(row)}n {row.count:,}",
    )


def _percent(value: float) -> str:
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def _interval(row: Metric) -> str:
    if row.low is None or row.high is None:
        return ""
    shares = row.name in ("reward.accuracy", "reward.auc") or row.name.startswith("winrate")
    ends = [f"{100 * end:.1f}" if shares else number(end, 2) for end in (row.low, row.high)]
    return f"95\N{NO-BREAK SPACE}% interval {ends[0]} to {ends[1]}; "


def reward_sentence(found: Found) -> str:
    """What the paired comparison with word counts allows to be said, on the widest set of pairs."""
    row = found.get(("reward.accuracy_over", "test_all:tfidf")) or found.get(
        ("reward.accuracy_over", "test:tfidf")
    )
    if row is None:
        return ""
    on, points = (
        f"On the same {row.count:,} pairs",
        f"{number(100 * abs(row.value), 1)} points of accuracy",
    )
    if row.low is None or row.high is None:
        return (
            f"{on} the reward model and word counts are {points} apart; no interval can be given."
        )
    ends = (
        f"reward model less word counts: {number(100 * row.value, 1)}, 95 % interval by speech"
        f" {number(100 * row.low, 1)} to {number(100 * row.high, 1)}"
    )
    if row.low > 0:
        return f"{on} the reward model is ahead of word counts by {points} ({ends})."
    if row.high < 0:
        return (
            f"{on} the reward model is behind word counts by {points} ({ends}): it has learnt less"
            " than the words give away."
        )
    return f"{on} neither the reward model nor word counts is shown to be better ({ends})."


def _rounds(found: Found, name: str) -> list[Metric]:
    rows = [
        row for (field, place), row in found.items() if field == name and place.startswith("round:")
    ]
    return sorted(rows, key=lambda row: int(row.slice.removeprefix("round:")))


CHECKPOINT = {
    "winrate": "win rate",
    "gold_reward": "gold reward",
    "reward": "reward",
    "kl": "nats from the start (KL)",
    "words": "words",
    "finished": "came to an end",
    "pairs": "pairs learnt from",
}


def checkpoint_rows(metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    """An ablation's figures by size, arm and checkpoint."""
    found: dict[str, dict[str, Metric]] = {}
    for row in metrics:
        if row.name.startswith("ablation."):
            found.setdefault(row.slice, {})[row.name.removeprefix("ablation.")] = row
    there = {
        name: title
        for name, title in CHECKPOINT.items()
        if any(name in cells for cells in found.values())
    }
    return [
        {
            "place": place.split(":"),
            "cells": {title: cells.get(name) for name, title in there.items()},
        }
        for place, cells in found.items()
    ]


def round_rows(found: Found) -> list[dict[str, Any]]:
    """The policy's figures by round."""
    series = {
        title: {row.slice: row for row in _rounds(found, name)}
        for name, title in {
            **SERIES,
            "policy.gold_reward_gain": "gold reward over the start",
        }.items()
    }
    places = sorted(
        {place for rows in series.values() for place in rows},
        key=lambda place: int(place.removeprefix("round:")),
    )
    return [
        {
            "round": place.removeprefix("round:"),
            "cells": {title: rows.get(place) for title, rows in series.items() if rows},
        }
        for place in places
    ]


def match(content: "ReportData", found: Found, name: str) -> dict[str, Any]:
    """One comparison of two systems: its title and per arm rate, counts, lengths and compliance."""
    arms = []
    for arm, title in (("raw", "As they answer"), ("constrained", "Length asked for")):
        place = f"overall:{arm}"
        if (f"{name}.wins", place) in found:
            arms.append(
                {
                    "title": title,
                    "rate": found.get((name, place)),
                    **{field: found.get((f"{name}.{field}", place)) for field in ARM},
                }
            )
    return {"name": name, "title": content.titles.get(name, name), "arms": arms}


def unjudged(content: "ReportData", found: Found) -> list[str]:
    """What the head of the page says of comparisons that came to no verdict."""
    said = []
    for (field, place), row in found.items():
        name = field.removesuffix(".failed")
        if (
            field.endswith(".failed")
            and place.startswith("overall:")
            and row.value
            and row.value == row.count
        ):
            arm = "" if place == "overall:raw" else f" ({place.removeprefix('overall:')})"
            said.append(
                f"{content.titles.get(name, name)}{arm}: no win rate, since no verdict came of any"
                f" of the {row.count:,} prompts; see the failures."
            )
    return said


def accounts(content: "ReportData", items: int) -> list[dict[str, Any]]:
    """Every speech read, response asked for and rating asked for, once: kept, or left out with a
    reason.
    """
    read = frames.by_slice(content.metrics).get(("speeches.read", "all"))
    made = []
    if len(content.speeches):
        made.append(
            _account(
                "Speeches",
                int(read.value) if read else None,
                ("kept", len(content.speeches)),
                frames.reasons(content.dropped),
            )
        )
    lost = frames.reasons(content.failures)
    asked = {reason: count for reason, count in lost.items() if reason.endswith(": respond")}
    if len(content.responses):
        made.append(_account("Responses", None, ("answered", len(content.responses)), asked))
    rated, unread = frames.rated(content.ratings), _rating_failures(lost)
    if rated and len(content.responses):
        asked_for = frames.by_slice(content.metrics).get(
            ("ratings.asked", "all")
        )  # several judges or repeats rate an item more than once
        distinct = (
            frames.judged(content.ratings)
            .group_by("subject_id")
            .agg(pl.col("item").n_unique())
            .select(pl.col("item").sum())
        )
        kept = rated if asked_for else int(frames.collected(distinct).item())
        made.append(
            _account(
                "Ratings",
                int(asked_for.value) if asked_for else len(content.responses) * items,
                ("scored", kept),
                unread,
            )
        )
    return made


LOST = {"respond.lost": "Responses", "rate.lost": "Ratings"}


def lost_rows(found: Found) -> list[dict[str, Any]]:
    """Drop-out over all, by topic, model and judge, for what lost anything: the share with its
    interval and the outcomes.
    """
    made = []
    for name, title in LOST.items():
        whole = found.get((name, "all"))
        if whole is None or not whole.value:
            continue
        outcomes = sorted(
            {field.removeprefix(f"{name}.") for field, _ in found if field.startswith(f"{name}.")}
        )
        own = [row for (field, _), row in found.items() if field == name]
        heads = {"all": "all", **{head: head for head in ("topic", "model", "judge")}}
        for row in sorted(
            own,
            key=lambda row: (list(heads).index(row.slice.partition(":")[0]), -row.value, row.slice),
        ):
            parts = [(outcome, found.get((f"{name}.{outcome}", row.slice))) for outcome in outcomes]
            why = ", ".join(f"{outcome} {100 * one.value:.1f} %" for outcome, one in parts if one)
            made.append(
                {"what": title, "place": row.slice.replace(":", ": ", 1), "row": row, "why": why}
            )
    return made


def _rating_failures(lost: Mapping[str, int]) -> dict[str, int]:
    """Failed ratings by outcome, summed over items."""
    found: dict[str, int] = {}
    for reason, count in lost.items():
        outcome, _, stage = reason.partition(": ")
        if stage.startswith("rate "):
            found[f"{outcome}: rate"] = found.get(f"{outcome}: rate", 0) + count
    return found


def _account(
    name: str, total: int | None, kept: tuple[str, int], left: Mapping[str, int]
) -> dict[str, Any]:
    """`total` is what was counted at the start, apart from the parts; None where only the parts are
    known.
    """
    parts = sum(left.values())
    whole = kept[1] + parts if total is None else total
    return {
        "name": name,
        "total": whole,
        "kept": kept,
        "left": list(left.items()),
        "counted": total is not None,
        "missing": whole - kept[1] - parts,
    }


def other_failures(failures: Sequence[Failure]) -> list[tuple[str, int]]:
    """Failures outside `respond` and `rate`, by reason."""

    def stage(reason: str) -> str:
        return reason.partition(": ")[2].partition(" ")[0]

    return [
        (reason, count)
        for reason, count in frames.reasons(failures).items()
        if stage(reason) not in ("respond", "rate")
    ]


OF_DATA = ("collect.", "topics")
_IN_WORDS = (
    "respond.lost.",
    "rate.lost.",
    "guard.",
)  # said in a sentence or a list of reasons; a guard that did not trip says nothing


def further(metrics: Sequence[Metric], shown: Any) -> list[Metric]:
    """The figures that are nowhere in `shown`, what the sections were given to print, and not said
    in words.
    """
    printed = set(_rows(shown))
    return [
        row
        for row in metrics
        if (row.name, row.slice) not in printed
        and not health.claims(row)
        and not (row.name.startswith(_IN_WORDS) and row.name != "guard.null_opponents")
    ]


def _rows(value: Any) -> Iterator[tuple[str, str]]:
    """Name and slice of the figures in tables of lists, tuples and mappings, however deep."""
    if isinstance(value, Metric):
        yield value.name, value.slice
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _rows(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _rows(one)
