"""Figures from experts' comparisons of pairs: with the label, with each other, with themselves,
each with an interval by speech.
"""

from collections.abc import Iterator, Mapping, Sequence
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
    Figure,
    Metric,
    Preference,
    Speech,
)

EACH = ("{item}", "{item}:{annotator}")
SHEETS = Figure("expert.sheets", "count", ("all",), "sheets that were made")
ANNOTATORS = Figure(
    "expert.annotators", "count", ("all",), "experts who answered (0: no expert checked)"
)
ANSWERED = Figure(
    "expert.answered",
    "count",
    ("{kind=pairs|matches|scores}:{annotator}",),
    "pairs and replies that an expert answered",
)
AGREEMENT = Figure(
    "expert.agreement",
    "estimate",
    (*EACH, "{item}:topic:{topic}"),
    "share of experts' choices that are the label's, a tie is a half",
)
TIES = Figure("expert.ties", "estimate", EACH, "share of ties")
KAPPA = Figure("expert.kappa", "estimate", EACH, "label and expert as two raters of two sides")
AC1 = Figure("expert.ac1", "estimate", EACH, "the same by Gwet's AC1")
SHOWN = (*EACH, *("{kind=matches}:" + one for one in EACH))
FIRST = Figure(
    "expert.first", "estimate", SHOWN, "of the clear choices the share for the reply shown first"
)
REPEAT = Figure(
    "expert.repeat", "estimate", SHOWN, "repeated rows with the same answer, sides swapped"
)
SECONDS = Figure(
    "expert.seconds",
    "estimate",
    ("{kind=pairs|matches|scores}", "{kind=pairs|matches|scores}:{annotator}"),
    "mean seconds of a sheet's row",
)
ARM = "{arm=raw|constrained}"
AMONG = ("{item}", "{item}:" + ARM)
BY_TWO = tuple(f"{one}:{{one}} & {{two}}" for one in AMONG)


def _among(word: str, says: str, more: tuple[str, ...] = ()) -> Figure:
    return Figure(f"experts.{word}", "estimate", (*AMONG, *more), says)


RAW = _among("raw", "pairs on which all experts said the same", (*BY_TWO, "{item}:topic:{topic}"))
PREVALENCE = _among("prevalence", "the share of all choices that are the label's")
SIDES = {
    "raw": RAW,
    "kappa": _among("kappa", "two experts beyond chance, on the two sides", BY_TWO),
    "fleiss": _among("fleiss", "experts beyond chance, on the two sides (Fleiss)"),
    "alpha": _among("alpha", "the same (Krippendorff, nominal)"),
    "alpha_ordinal": _among("alpha_ordinal", "the same with a tie half way (Krippendorff)"),
    "ac1": _among("ac1", "the same (Gwet)", BY_TWO),
    "ac2": _among("ac2", "the same with a tie half way (Gwet, linear weights)"),
}
LABELS = {
    name: _among(f"{name}.labels", 'the same for "label right, label wrong, tie"')
    for name in ("kappa", "fleiss", "alpha", "ac1")
}
CODES: dict[Choice, float] = {"rejected": 0.0, "tie": 1.0, "chosen": 2.0}
_SCALE = sorted(CODES.values())
_WITH_LABEL = {"kappa": KAPPA, "ac1": AC1}


class Draws(NamedTuple):
    """How intervals are drawn, from how many pairs a topic gets figures of its own, and the coarse
    topic of each fine one of the run's list.
    """

    draws: int
    seed: int
    topic_min: int
    groups: Mapping[str, str]


def counts(
    sheet: Sequence[SheetRow], annotations: Sequence[Annotation], ratings: Sequence[ExpertRating]
) -> list[Metric]:
    """What there is: sheets made, experts who answered (0 where no expert checked), pairs and
    replies they answered.
    """
    people = {row.annotator for row in annotations} | {row.annotator for row in ratings}
    kinds = sorted({row.kind for row in sheet})
    rows = [
        *SHEETS.rows(len({(row.kind, row.seat) for row in sheet}), len(sheet)),
        *ANNOTATORS.rows(len(people), len(annotations) + len(ratings)),
    ]
    for who in sorted(people):
        given = {row.preference_id for row in annotations if row.annotator == who} | {
            row.response_id for row in ratings if row.annotator == who
        }
        for kind in kinds:
            found = len(given & {row.subject_id for row in sheet if row.kind == kind})
            if found:
                rows += ANSWERED.rows(found, kind=kind, annotator=who)
    return rows


def compared(
    annotations: Sequence[Annotation],
    preferences: Sequence[Preference],
    speeches: Sequence[Speech],
    how: Draws,
) -> list[Metric]:
    """All figures from comparisons; the names are in docs/experts.md."""
    pairs = table(Preference, preferences).frame.select("preference_id", "speech_id")
    topics = table(Speech, speeches).frame.select("speech_id", topic=coarse_column(how.groups))
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
        made += [*_with_label(part, how, item=item), *between(part, how, item=item)]
        for who, own in _each(part, "annotator"):
            made += _with_label(own, how, item=item, annotator=who)
        for topic, own in _each(part.filter(pl.col("topic") != ""), "topic"):
            if own["preference_id"].n_unique() >= how.topic_min:
                made += _agreement(own, how, item=item, topic=topic)
                made += _raw(own, how, item=item, topic=topic)
    return [
        *made,
        *first_shown(once, how),
        *again(notes, how),
        *seconds("pairs", once, "preference_id", how),
    ]


def rows(found: Mapping[Figure, Interval], **where: str) -> list[Metric]:
    """The rows of several figures in one slice."""
    return [row for figure, one in found.items() for row in figure.rows(one, **where)]


def _each(frame: pl.DataFrame, column: str) -> Iterator[tuple[str, pl.DataFrame]]:
    for (name,), part in sorted(frame.group_by(column), key=lambda pair: str(pair[0][0])):
        yield str(name), part


def _agreement(part: pl.DataFrame, how: Draws, **where: str) -> list[Metric]:
    """The share of annotations that chose what the judge's scores chose; a tie counts a half."""
    share = share_of(part["code"].to_numpy() / 2, _speeches(part), how.draws, how.seed)
    return AGREEMENT.rows(share, **where)


def _with_label(part: pl.DataFrame, how: Draws, **where: str) -> list[Metric]:
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
    beyond = {figure: both[name] for name, figure in _WITH_LABEL.items() if name in both}
    return [*_agreement(part, how, **where), *rows({TIES: ties, **beyond}, **where)]


def between(part: pl.DataFrame, how: Draws, **where: str) -> list[Metric]:
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
    found = {SIDES[name]: one for name, one in sides.items()}
    found |= {figure: labels[name] for name, figure in LABELS.items() if name in labels}
    chosen = (units[given] == CODES["chosen"]).astype(float)
    found[PREVALENCE] = share_of(chosen, who, how.draws, how.seed)
    made = rows(found, **where)
    if len(people) > 2:
        for one, other in combinations(range(len(people)), 2):
            two = coefficients(
                units[:, [one, other]], speeches, _SCALE, "none", True, how.draws, how.seed
            )
            pair = {"one": people[one], "two": people[other]}
            both = {SIDES[name]: two[name] for name in ("raw", "kappa", "ac1") if name in two}
            made += rows(both, **where, **pair)
    return made


def _raw(part: pl.DataFrame, how: Draws, **where: str) -> list[Metric]:
    units, speeches, _ = _matrix(part)
    found = (
        coefficients(units, speeches, _SCALE, "none", True, how.draws, how.seed)
        if len(units) >= how.topic_min
        else {}
    )
    return RAW.rows(found["raw"], **where) if found else []


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
    position does not matter. `kind` is 'matches' for those, '' for pairs.
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
        made += FIRST.rows(figure, kind=kind, item=OVERALL, annotator=who)
    return made


def again(notes: pl.DataFrame, how: Draws, kind: str = "") -> list[Metric]:
    """The share of repeated rows on which an expert said the same with the sides swapped. `kind` as
    for `first_shown`.
    """
    key = ["preference_id", "annotator", "item"]
    twice = notes.filter(pl.col("repeat") == 1).join(
        notes.filter(pl.col("repeat") == 0).select(*key, before="choice"), on=key
    )
    made: list[Metric] = []
    for item, part in _each(twice, "item"):
        for who, own in [("", part), *_each(part, "annotator")]:
            same = (own["choice"] == own["before"]).cast(pl.Float64).to_numpy()
            figure = share_of(same, _speeches(own), how.draws, how.seed)
            made += REPEAT.rows(figure, kind=kind, item=item, annotator=who)
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
        made += SECONDS.rows(found, kind=kind, annotator=who)
    return made


def _speeches(part: pl.DataFrame) -> list[str]:
    return part["speech_id"].to_list()
