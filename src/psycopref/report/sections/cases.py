"""Case studies: a few speeches with every response, its ratings and rationales, and which was
chosen.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import polars as pl

from psycopref.queries.columns import REWARD
from psycopref.report import frames
from psycopref.report.data import ReportData
from psycopref.report.section import Content, Section

MANY = 3
ANSWERS = 4


def content(run: ReportData) -> Content:
    """Speeches with their responses, and answers of systems that met."""
    picked = pick(run)
    return {
        "cases": picked,
        "played": played(run),
        "scale": frames.scale(run.ratings) if picked else (),
    }


def pick(run: ReportData) -> list[dict[str, Any]]:
    """Three speeches with a pair, test speeches first, of different coarse topics where there are,
    in the order of a hash of their ids.
    """
    if not len(run.preferences) or not len(run.speeches) or not len(run.responses):
        return []
    coarse = frames.coarse_of(run.listed)
    chosen = _different(_candidates(run), coarse)
    people = frames.among(run.speeches, "speech_id", [row["speech_id"] for row in chosen])
    texts = {row["speech_id"]: row for row in people.iter_rows(named=True)}
    own = frames.among(run.responses, "speech_id", list(texts))
    scores = (
        frames.among(run.ratings, "subject_id", own["response_id"].to_list())
        if own.height and len(run.ratings)
        else pl.DataFrame()
    )
    scores = scores.filter(pl.col("item") != REWARD) if scores.height else scores
    return [
        _case(
            run,
            {**texts[row["speech_id"]], **row, "coarse": coarse.get(row["topic"], row["topic"])},
            own.filter(pl.col("speech_id") == row["speech_id"]),
            scores,
        )
        for row in chosen
    ]


def _candidates(run: ReportData) -> list[dict[str, Any]]:
    """Ids, topic and split of every speech that has a pair with both responses there, with its
    widest pair: no text yet.
    """
    pairs = frames.collected(
        frames.lazy(run.preferences).select(
            "speech_id", "preference_id", "chosen_id", "rejected_id", "gap"
        )
    )
    widest = pairs.sort("gap", "preference_id", descending=[True, False]).unique(
        "speech_id", keep="first", maintain_order=True
    )
    there = frames.lazy(run.responses).select(chosen_id="response_id")
    known = frames.lazy(run.speeches).select("speech_id", "topic", "split")
    rows = frames.collected(
        known.join(widest.lazy(), on="speech_id").join(there, on="chosen_id", how="semi")
    )
    return sorted(
        rows.iter_rows(named=True),
        key=lambda row: (row["split"] != "test", sha256(row["speech_id"].encode()).hexdigest()),
    )


def _different(rows: list[dict[str, Any]], coarse: Mapping[str, str]) -> list[dict[str, Any]]:
    """The first rows of different coarse topics; where these are too few, the next ones whatever
    their topic.
    """
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        first.setdefault(coarse.get(row["topic"], row["topic"]), row)
    chosen = list(first.values())[:MANY]
    ids = {row["speech_id"] for row in chosen}
    return chosen + [row for row in rows if row["speech_id"] not in ids][: MANY - len(chosen)]


def _case(
    run: ReportData, row: dict[str, Any], answers: pl.DataFrame, scores: pl.DataFrame
) -> dict[str, Any]:
    """A speech with its answers; of a private source the marks and scores alone, no text, no
    rationale (it may quote).
    """
    held = row["source"] in run.private
    rated = [_answer(one, row, scores, run.items) for one in answers.iter_rows(named=True)]
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
        "coarse": row["coarse"],
        "split": row["split"],
        "text": "" if held else row["text"],
        "history": [] if held else row["history"] or [],
        "gap": row["gap"],
        "answers": ordered[:ANSWERS],
        "more": max(0, len(ordered) - ANSWERS),
    }


def _answer(
    one: dict[str, Any], row: dict[str, Any], scores: pl.DataFrame, items: Sequence[str]
) -> dict[str, Any]:
    marks = {row["chosen_id"]: "chosen", row["rejected_id"]: "rejected"}
    own = scores.filter(pl.col("subject_id") == one["response_id"]) if scores.height else scores
    by_item: dict[str, dict[str, Any]] = {}
    for rating in own.iter_rows(named=True):
        by_item.setdefault(rating["item"], rating)
    ratings = [by_item[item] for item in frames.item_order(list(by_item), items)]
    overall = sum(rating["score"] for rating in ratings) / len(ratings) if ratings else None
    return {
        "model": one["model"],
        "text": one["text"],
        "words": len(one["text"].split()),
        "mark": marks.get(one["response_id"], ""),
        "ratings": ratings,
        "overall": overall,
    }


def played(run: ReportData) -> list[dict[str, Any]]:
    """Of each comparison one speech that was won, one tied and one lost, the first by a hash of
    their ids, with both answers.

    The rule knows nothing of the texts. Verdicts on the whole answer count, in every order that was
    judged.
    """
    made = []
    for game in {
        one.name: one for one in reversed(run.verdicts)
    }.values():  # the first arm of each comparison
        for outcome, speech, ours, theirs in game.picked():
            people = frames.among(run.speeches, "speech_id", [speech])
            sides = [
                frames.among(rows, "response_id", [one])
                for rows, one in ((game.ours, ours), (game.theirs, theirs))
            ]
            if people.height and all(side.height for side in sides):
                row = people.row(0, named=True)
                held = row["source"] in run.private
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
                        "title": run.titles.get(game.name, game.name),
                        "outcome": outcome,
                        "held": held,
                        "topic": row["topic"],
                        "text": "" if held else row["text"],
                        "answers": texts,
                    }
                )
    return made


SECTION = Section(
    "cases",
    "Cases",
    lambda content: bool(content["cases"] or content["played"]),
    content,
)
