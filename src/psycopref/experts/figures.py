"""Figures from experts' comparisons of pairs: with the label, with each other, with themselves,
each with an interval by speech.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import polars as pl

from psycopref.experts.sheets import OVERALL, SheetRow
from psycopref.queries.columns import coarse_column
from psycopref.stats.coefficients import bounded_mean, coefficients, share_of
from psycopref.stats.intervals import Floats, Interval
from psycopref.store.parquet import table
from psycopref.tables import (
    Annotation,
    Choice,
    ExpertRating,
    Metric,
    Preference,
    Speech,
    estimate,
    metric,
)

CODES: dict[Choice, float] = {"rejected": 0.0, "tie": 1.0, "chosen": 2.0}
_SCALE = sorted(CODES.values())


class Draws(NamedTuple):
    """How intervals are drawn, and from how many pairs a topic gets figures of its own."""

    draws: int
    seed: int
    topic_min: int


def counts(
    sheet: Sequence[SheetRow], annotations: Sequence[Annotation], ratings: Sequence[ExpertRating]
) -> list[Metric]:
    """What there is: sheets made, experts who answered (0 where no expert checked), pairs and
    replies they answered.
    """
    people, kinds = (
        {row.annotator for row in annotations} | {row.annotator for row in ratings},
        sorted({row.kind for row in sheet}),
    )
    rows = [
        metric(
            "expert.sheets", "all", len({(row.kind, row.seat) for row in sheet}), count=len(sheet)
        ),
        metric("expert.annotators", "all", len(people), count=len(annotations) + len(ratings)),
    ]
    for who in sorted(people):
        given = {row.preference_id for row in annotations if row.annotator == who} | {
            row.response_id for row in ratings if row.annotator == who
        }
        for kind in kinds:
            found = len(given & {row.subject_id for row in sheet if row.kind == kind})
            rows += (
                [metric("expert.answered", f"{kind}:{who}", found, count=found)] if found else []
            )
    return rows


def compared(
    annotations: Sequence[Annotation],
    preferences: Sequence[Preference],
    speeches: Sequence[Speech],
    how: Draws,
) -> list[Metric]:
    """All figures from comparisons; the names are in docs/experts.md."""
    pairs = table(Preference, preferences).frame.select("preference_id", "speech_id")
    topics = table(Speech, speeches).frame.select("speech_id", topic=coarse_column())
    notes = (
        table(Annotation, annotations)
        .frame.join(pairs, on="preference_id")
        .join(topics, on="speech_id", how="left")
    )
    notes = notes.with_columns(
        code=pl.col("choice").replace_strict(CODES, return_dtype=pl.Float64)
    ).sort("annotation_id")
    once = notes.filter(pl.col("repeat") == 0)
    made: list[Metric] = []
    for item, part in _each(once, "item"):
        made += [*_with_label(item, part, how), *between(item, part, how)]
        for who, own in _each(part, "annotator"):
            made += _with_label(f"{item}:{who}", own, how)
        for topic, own in _each(part.filter(pl.col("topic") != ""), "topic"):
            if own["preference_id"].n_unique() >= how.topic_min:
                place = f"{item}:topic:{topic}"
                made += [_agreement(place, own, how), *_raw(place, own, how)]
    return [
        *made,
        *first_shown(once, how),
        *again(notes, how),
        *seconds("pairs", once, "preference_id", how),
    ]


def rows(figures: dict[str, Interval], place: str) -> list[Metric]:
    """Metric rows of the figures that have a value, each with its interval or, where it has none, a
    count `<name>.without_interval`.
    """
    return [row for name, one in figures.items() for row in estimate(name, place, one)]


def _each(frame: pl.DataFrame, column: str) -> Iterator[tuple[str, pl.DataFrame]]:
    for (name,), part in sorted(frame.group_by(column), key=lambda pair: str(pair[0][0])):
        yield str(name), part


def _agreement(place: str, part: pl.DataFrame, how: Draws) -> Metric:
    """The share of annotations that chose what the judge's scores chose; a tie counts a half."""
    return metric(
        "expert.agreement",
        place,
        *share_of(part["code"].to_numpy() / 2, _speeches(part), how.draws, how.seed),
    )


def _with_label(place: str, part: pl.DataFrame, how: Draws) -> list[Metric]:
    """The label beside the experts: agreement, ties, kappa and AC1 of label and expert as two
    raters of two sides.
    """
    code = part["code"].to_numpy()
    both = coefficients(
        np.column_stack([np.full(len(code), CODES["chosen"]), code]),
        _speeches(part),
        _SCALE,
        "none",
        True,
        how.draws,
        how.seed,
    )
    ties = share_of((code == CODES["tie"]).astype(float), _speeches(part), how.draws, how.seed)
    return [
        _agreement(place, part, how),
        *rows(
            {
                "expert.ties": ties,
                **{f"expert.{name}": both[name] for name in ("kappa", "ac1") if name in both},
            },
            place,
        ),
    ]


def between(item: str, part: pl.DataFrame, how: Draws) -> list[Metric]:
    """The experts with each other, on the pairs that two or more judged: coefficients of the two
    sides, and beside them the prevalence of 'chosen' with kappa and alpha of what was said of the
    label (`.labels`), which fall as that prevalence rises.
    """
    units, speeches, people = _matrix(part)
    if len(units) < 2:
        return []
    sides = coefficients(units, speeches, _SCALE, "none", True, how.draws, how.seed)
    if (near := coefficients(units, speeches, _SCALE, "linear", True, how.draws, how.seed)).get(
        "ac2"
    ):
        sides["ac2"] = near["ac2"]  # a tie is half way between the sides
    labels = coefficients(units, speeches, _SCALE, "none", False, how.draws, how.seed)
    given = np.isfinite(units)
    who = np.repeat(np.asarray(speeches, dtype=object), given.sum(1)).tolist()
    figures = {f"experts.{name}": one for name, one in sides.items()}
    figures |= {
        f"experts.{name}.labels": labels[name]
        for name in ("kappa", "fleiss", "alpha", "ac1")
        if name in labels
    }
    figures["experts.prevalence"] = share_of(
        (units[given] == CODES["chosen"]).astype(float), who, how.draws, how.seed
    )
    made = rows(figures, item)
    if len(people) > 2:
        for one, other in combinations(range(len(people)), 2):
            two = coefficients(
                units[:, [one, other]], speeches, _SCALE, "none", True, how.draws, how.seed
            )
            made += rows(
                {f"experts.{name}": two[name] for name in ("raw", "kappa", "ac1") if name in two},
                f"{item}:{people[one]} & {people[other]}",
            )
    return made


def _raw(place: str, part: pl.DataFrame, how: Draws) -> list[Metric]:
    units, speeches, _ = _matrix(part)
    found = (
        coefficients(units, speeches, _SCALE, "none", True, how.draws, how.seed)
        if len(units) >= how.topic_min
        else {}
    )
    return rows({"experts.raw": found["raw"]} if found else {}, place)


def _matrix(part: pl.DataFrame) -> tuple[Floats, list[str], list[str]]:
    """(pairs, experts) codes with NaN for silence, of the pairs that two or more judged; their
    speeches; the experts.
    """
    wide = part.pivot("annotator", index=["preference_id", "speech_id"], values="code").sort(
        "preference_id"
    )
    people = sorted(name for name in wide.columns if name not in ("preference_id", "speech_id"))
    units = wide.select(people).cast(pl.Float64).fill_null(float("nan")).to_numpy()
    both = np.isfinite(units).sum(1) >= 2
    return units[both], wide["speech_id"].filter(pl.Series(both)).to_list(), people


def first_shown(once: pl.DataFrame, how: Draws, kind: str = "") -> list[Metric]:
    """Of the clear choices overall the share for the response that stood first: a half where
    position does not matter. `kind` opens the slice.
    """
    clear = once.filter(
        (pl.col("item") == OVERALL) & (pl.col("shown_first") != "") & (pl.col("choice") != "tie")
    )
    made: list[Metric] = []
    for who, own in [("", clear), *_each(clear, "annotator")] if clear.height else []:
        figure = share_of(
            (own["choice"] == own["shown_first"]).cast(pl.Float64).to_numpy(),
            _speeches(own),
            how.draws,
            how.seed,
        )
        made += rows(
            {"expert.first": figure}, f"{kind}{OVERALL}:{who}" if who else f"{kind}{OVERALL}"
        )
    return made


def again(notes: pl.DataFrame, how: Draws, kind: str = "") -> list[Metric]:
    """The share of repeated rows on which an expert said the same with the sides swapped. `kind`
    opens the slice.
    """
    key = ["preference_id", "annotator", "item"]
    twice = notes.filter(pl.col("repeat") == 1).join(
        notes.filter(pl.col("repeat") == 0).select(*key, before="choice"), on=key
    )
    made: list[Metric] = []
    for item, part in _each(twice, "item"):
        for who, own in [("", part), *_each(part, "annotator")]:
            same = (own["choice"] == own["before"]).cast(pl.Float64).to_numpy()
            made += rows(
                {"expert.repeat": share_of(same, _speeches(own), how.draws, how.seed)},
                f"{kind}{item}:{who}" if who else f"{kind}{item}",
            )
    return made


def seconds(kind: str, notes: pl.DataFrame, subject: str, how: Draws) -> list[Metric]:
    """Mean seconds a row of the sheet took, over the rows whose time was measured."""
    timed = notes.filter(pl.col("seconds") > 0).unique([subject, "annotator"], maintain_order=True)
    made: list[Metric] = []
    for who, own in [("", timed), *_each(timed, "annotator")] if timed.height else []:
        longest = float(own["seconds"].to_numpy().max())
        found = bounded_mean(
            own["seconds"].to_numpy(),
            _speeches(own),
            longest,
            how.draws,
            how.seed,
        )
        made += rows({"expert.seconds": found}, f"{kind}:{who}" if who else kind)
    return made


def _speeches(part: pl.DataFrame) -> list[str]:
    return part["speech_id"].to_list()
