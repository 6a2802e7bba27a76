"""Case studies: a few speeches with every response, its ratings and rationales, and which was chosen."""

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import polars as pl

from psycopref.columns import coarse
from psycopref.report import frames

if TYPE_CHECKING:
    from psycopref.report.page import ReportData

MANY = 3
ANSWERS = 4


def pick(content: "ReportData") -> list[dict[str, Any]]:
    """Three speeches with a pair, test speeches first, of different coarse topics where there are, in the order of a hash of their ids."""
    pairs, people, answers = frames.frame(content.preferences), frames.frame(content.speeches), frames.frame(content.responses)
    if not pairs.height or not people.height or not answers.height:
        return []
    widest = pairs.sort("gap", "preference_id", descending=[True, False]).unique("speech_id", keep="first", maintain_order=True)
    shown = people.drop("split").join(widest, on="speech_id").filter(pl.col("chosen_id").is_in(answers["response_id"].implode()))
    chosen = _different(sorted(shown.iter_rows(named=True), key=lambda row: (row["split"] != "test", sha256(row["speech_id"].encode()).hexdigest())))
    ids = pl.Series([row["speech_id"] for row in chosen])
    own = answers.filter(pl.col("speech_id").is_in(ids.implode()))
    ratings = frames.judged(content.ratings)
    scores = ratings.filter(pl.col("subject_id").is_in(own["response_id"].implode())) if ratings.height else ratings
    return [_case(row, own.filter(pl.col("speech_id") == row["speech_id"]), scores) for row in chosen]


def _different(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first rows of different coarse topics; where these are too few, the next ones whatever their topic."""
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        first.setdefault(coarse(row["topic"]), row)
    chosen = list(first.values())[:MANY]
    ids = {row["speech_id"] for row in chosen}
    return chosen + [row for row in rows if row["speech_id"] not in ids][: MANY - len(chosen)]


def _case(row: dict[str, Any], answers: pl.DataFrame, scores: pl.DataFrame) -> dict[str, Any]:
    rated = [_answer(one, row, scores) for one in answers.iter_rows(named=True)]
    ordered = sorted(rated, key=lambda one: (not one["mark"], one["mark"] == "rejected", -(one["overall"] or 0), one["model"]))
    return {
        "topic": row["topic"],
        "coarse": coarse(row["topic"]),
        "split": row["split"],
        "text": row["text"],
        "history": row["history"] or [],
        "gap": row["gap"],
        "answers": ordered[:ANSWERS],
        "more": max(0, len(ordered) - ANSWERS),
    }


def _answer(one: dict[str, Any], row: dict[str, Any], scores: pl.DataFrame) -> dict[str, Any]:
    mark = "chosen" if one["response_id"] == row["chosen_id"] else "rejected" if one["response_id"] == row["rejected_id"] else ""
    own = scores.filter(pl.col("subject_id") == one["response_id"]) if scores.height else scores
    by_item: dict[str, dict[str, Any]] = {}
    for rating in own.iter_rows(named=True):
        by_item.setdefault(rating["item"], rating)
    ratings = [by_item[item] for item in frames.item_order(list(by_item))]
    overall = sum(rating["score"] for rating in ratings) / len(ratings) if ratings else None
    return {"model": one["model"], "text": one["text"], "words": len(one["text"].split()), "mark": mark, "ratings": ratings, "overall": overall}
