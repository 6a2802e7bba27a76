"""Case studies: a few speeches with every response, its ratings and rationales, and which was
chosen.
"""

from collections.abc import Collection
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import polars as pl

from psycopref.labels.topic_list import groups
from psycopref.queries.columns import REWARD
from psycopref.report import frames

if TYPE_CHECKING:
    from psycopref.report.data import ReportData

MANY = 3
ANSWERS = 4


def pick(content: "ReportData") -> list[dict[str, Any]]:
    """Three speeches with a pair, test speeches first, of different coarse topics where there are,
    in the order of a hash of their ids.
    """
    if not len(content.preferences) or not len(content.speeches) or not len(content.responses):
        return []
    chosen = _different(_candidates(content))
    people = frames.among(content.speeches, "speech_id", [row["speech_id"] for row in chosen])
    texts = {row["speech_id"]: row for row in people.iter_rows(named=True)}
    own = frames.among(content.responses, "speech_id", list(texts))
    scores = (
        frames.among(content.ratings, "subject_id", own["response_id"].to_list())
        if own.height and len(content.ratings)
        else pl.DataFrame()
    )
    scores = scores.filter(pl.col("item") != REWARD) if scores.height else scores
    return [
        _case(
            {**texts[row["speech_id"]], **row},
            own.filter(pl.col("speech_id") == row["speech_id"]),
            scores,
            content.private,
        )
        for row in chosen
    ]


def _candidates(content: "ReportData") -> list[dict[str, Any]]:
    """Ids, topic and split of every speech that has a pair with both responses there, with its
    widest pair: no text yet.
    """
    pairs = frames.collected(
        frames.lazy(content.preferences).select(
            "speech_id", "preference_id", "chosen_id", "rejected_id", "gap"
        )
    )
    widest = pairs.sort("gap", "preference_id", descending=[True, False]).unique(
        "speech_id", keep="first", maintain_order=True
    )
    there = frames.lazy(content.responses).select(chosen_id="response_id")
    known = frames.lazy(content.speeches).select("speech_id", "topic", "split")
    shown = frames.collected(
        known.join(widest.lazy(), on="speech_id").join(there, on="chosen_id", how="semi")
    )
    return sorted(
        shown.iter_rows(named=True),
        key=lambda row: (row["split"] != "test", sha256(row["speech_id"].encode()).hexdigest()),
    )


def _different(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first rows of different coarse topics; where these are too few, the next ones whatever
    their topic.
    """
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        first.setdefault(_coarse(row["topic"]), row)
    chosen = list(first.values())[:MANY]
    ids = {row["speech_id"] for row in chosen}
    return chosen + [row for row in rows if row["speech_id"] not in ids][: MANY - len(chosen)]


def _case(
    row: dict[str, Any], answers: pl.DataFrame, scores: pl.DataFrame, private: Collection[str]
) -> dict[str, Any]:
    """A speech with its answers; of a private source the marks and scores alone, no text, no
    rationale (it may quote).
    """
    held = row["source"] in private
    rated = [_answer(one, row, scores) for one in answers.iter_rows(named=True)]
    for one in rated if held else ():
        one.update(text="", ratings=[{**rating, "rationale": ""} for rating in one["ratings"]])
    ordered = sorted(
        rated,
        key=lambda one: (
            not one["mark"],
            one["mark"] == "rejected",
            -(one["overall"] or 0),
            one["model"],
        ),
    )
    return {
        "held": held,
        "topic": row["topic"],
        "coarse": _coarse(row["topic"]),
        "split": row["split"],
        "text": "" if held else row["text"],
        "history": [] if held else row["history"] or [],
        "gap": row["gap"],
        "answers": ordered[:ANSWERS],
        "more": max(0, len(ordered) - ANSWERS),
    }


def _answer(one: dict[str, Any], row: dict[str, Any], scores: pl.DataFrame) -> dict[str, Any]:
    mark = (
        "chosen"
        if one["response_id"] == row["chosen_id"]
        else "rejected"
        if one["response_id"] == row["rejected_id"]
        else ""
    )
    own = scores.filter(pl.col("subject_id") == one["response_id"]) if scores.height else scores
    by_item: dict[str, dict[str, Any]] = {}
    for rating in own.iter_rows(named=True):
        by_item.setdefault(rating["item"], rating)
    ratings = [by_item[item] for item in frames.item_order(list(by_item))]
    overall = sum(rating["score"] for rating in ratings) / len(ratings) if ratings else None
    return {
        "model": one["model"],
        "text": one["text"],
        "words": len(one["text"].split()),
        "mark": mark,
        "ratings": ratings,
        "overall": overall,
    }


def played(content: "ReportData") -> list[dict[str, Any]]:
    """Of each comparison one speech that was won, one tied and one lost, the first by a hash of
    their ids, with both answers.

    The rule knows nothing of the texts. Verdicts on the whole answer count, in every order that was
    judged.
    """
    made = []
    for game in {
        one.name: one for one in reversed(content.verdicts)
    }.values():  # the first arm of each comparison
        for outcome, speech, ours, theirs in game.picked():
            people = frames.among(content.speeches, "speech_id", [speech])
            sides = [
                frames.among(rows, "response_id", [one])
                for rows, one in ((game.ours, ours), (game.theirs, theirs))
            ]
            if people.height and all(side.height for side in sides):
                row = people.row(0, named=True)
                held = row["source"] in content.private
                texts = [
                    {
                        "model": name,
                        "text": "" if held else side["text"][0],
                        "words": len(side["text"][0].split()),
                    }
                    for name, side in zip(game.names, sides, strict=True)
                ]
                turns = [] if held else row["history"] or []
                made.append(
                    {
                        "history": turns,
                        "name": game.name,
                        "outcome": outcome,
                        "held": held,
                        "topic": row["topic"],
                        "text": "" if held else row["text"],
                        "answers": texts,
                    }
                )
    return made


def _coarse(topic: str) -> str:
    return groups(None).get(topic, topic)
