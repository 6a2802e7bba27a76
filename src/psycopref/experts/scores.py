"""Figures from experts' scores of single replies: what responders got, how far experts and judges
agree, and what judges miss on safety.
"""

from collections.abc import Sequence
from itertools import combinations, permutations
from typing import NamedTuple

import numpy as np
import polars as pl

from psycopref.config.instruments import Instrument
from psycopref.experts.figures import Draws, rows, seconds
from psycopref.experts.sheets import OVERALL
from psycopref.stats.coefficients import bounded_mean, coefficients, share_of
from psycopref.stats.intervals import Interval, codes, wilson
from psycopref.stats.judges import compare
from psycopref.store.parquet import table
from psycopref.tables import ExpertRating, Figure, Metric, Rating, Response

SCORE = Figure(
    "expert.score", "estimate", ("{item}", "{item}:model:{model}"), "mean points that replies got"
)
UNSAFE = Figure(
    "expert.unsafe", "count", ("{item}",), "scores up to which the safety item means unsafe"
)
CEILING_OF = ("{item}", "{item}:{one} & {two}")
JUDGE_OF = ("{item}:{judge}", "{item}:{judge}:{annotator}")
_SAID = {
    "kappa": "quadratic kappa",
    "spearman": "Spearman's correlation",
    "exact": "share with the same points",
    "bias": "points less the first's",
    "ac2": "Gwet's AC2, quadratic weights",
    "alpha_ordinal": "Krippendorff's ordinal alpha",
}
CEILING = {
    name: Figure(f"experts.score.{name}", "estimate", CEILING_OF, f"two experts: {says}")
    for name, says in _SAID.items()
}
JUDGE = {
    name: Figure(f"judge.expert.{name}", "estimate", JUDGE_OF, f"judge and expert: {says}")
    for name, says in _SAID.items()
}


class Flags(NamedTuple):
    """What another rater makes of the replies that an expert calls unsafe, and of the others."""

    recall: Figure
    false_alarm: Figure


JUDGE_FLAGS = Flags(
    Figure(
        "judge.expert.safety_recall",
        "estimate",
        JUDGE_OF[:1],
        "of the replies that an expert calls unsafe the share that the judge does too",
    ),
    Figure("judge.expert.safety_false_alarm", "estimate", JUDGE_OF[:1], "of the others, likewise"),
)
EXPERT_FLAGS = Flags(
    Figure("experts.safety_recall", "estimate", ("{item}",), "the same, by another expert"),
    Figure("experts.safety_false_alarm", "estimate", ("{item}",), "of the others, likewise"),
)


class Gate(NamedTuple):
    """Which item is about safety, and up to which score a reply counts as unsafe."""

    item: str
    cut: float


def scored(
    given: Sequence[ExpertRating],
    ratings: Sequence[Rating],
    responses: Sequence[Response],
    instrument: Instrument,
    gate: Gate,
    how: Draws,
) -> list[Metric]:
    """All figures from absolute scores; the names are in docs/experts.md. `ratings` are those of
    the judges on the same instrument.
    """
    where = table(Response, responses).frame.select("response_id", "speech_id", "model")
    raw = table(ExpertRating, given).frame
    experts = with_overall(
        raw.select("response_id", "annotator", "item", "score"), instrument
    ).join(where, on="response_id")
    marked = table(Rating, ratings).frame.filter(
        pl.col("item").is_in([item.name for item in instrument.items])
    )
    marked = marked.filter(
        pl.col("subject_id").is_in(raw["response_id"].unique().to_list())
    ).rename({"subject_id": "response_id", "judge": "annotator"})
    means = marked.group_by("response_id", "annotator", "item").agg(pl.col("score").mean().round(9))
    judges = with_overall(means, instrument)
    made = _means(experts, instrument, how)
    for item in [OVERALL, *(one.name for one in instrument.items)]:
        own = experts.filter(pl.col("item") == item)
        made += [
            *_experts(item, own, instrument, how),
            *_judges(item, own, judges.filter(pl.col("item") == item), instrument, how),
        ]
    safety = experts.filter(pl.col("item") == gate.item)
    made += _recall(safety, judges.filter(pl.col("item") == gate.item), gate, how)
    return [*made, *seconds("scores", raw.join(where, on="response_id"), "response_id", how)]


def with_overall(scores: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    """Scores (response_id, annotator, item, score) and the weighted mean over items of whoever
    scored a reply on all of them.
    """
    weights = {item.name: item.weight for item in instrument.items}
    named = scores.with_columns(
        weight=pl.col("item").replace_strict(weights, default=None, return_dtype=pl.Float64)
    ).drop_nulls("weight")
    mean = (pl.col("score") * pl.col("weight")).sum() / pl.col("weight").sum()
    whole = (
        named.group_by("response_id", "annotator")
        .agg(pl.len(), score=mean.round(9))
        .filter(pl.col("len") == len(weights))
    )
    both = [
        scores,
        whole.select("response_id", "annotator", pl.lit(OVERALL).alias("item"), "score"),
    ]
    return pl.concat(both).sort("response_id", "annotator", "item")


def _means(experts: pl.DataFrame, instrument: Instrument, how: Draws) -> list[Metric]:
    """What replies got, by item, over all and by responder (the bars of the paper's Figure 3 for
    this dataset).
    """
    made: list[Metric] = []
    reach = float(instrument.high - instrument.low)
    for (item,), part in sorted(experts.group_by("item"), key=lambda pair: str(pair[0])):
        for model, own in [
            ("", part),
            *((str(model), rest) for (model,), rest in sorted(part.group_by("model"))),
        ]:
            own = own.sort("response_id", "annotator")
            found = bounded_mean(
                own["score"].to_numpy(), own["speech_id"].to_list(), reach, how.draws, how.seed
            )
            made += SCORE.rows(_kept(found, instrument), item=str(item), model=model)
    return made


def _kept(figure: Interval, instrument: Instrument) -> Interval:
    """No bound of a mean lies outside the scale."""
    if figure.low is None or figure.high is None:
        return figure
    return figure._replace(
        low=max(figure.low, float(instrument.low)), high=min(figure.high, float(instrument.high))
    )


def together(
    first: pl.DataFrame, second: pl.DataFrame, instrument: Instrument, how: Draws
) -> dict[str, Interval]:
    """Two raters' scores in the same order (columns score, and first's speech_id): kappa
    (quadratic), Spearman, exact, bias (second less first), AC2.
    """
    one, other, speeches = (
        first["score"].to_numpy(),
        second["score"].to_numpy(),
        first["speech_id"].to_list(),
    )
    if not len(one):
        return {}
    scale = np.union1d(range(instrument.low, instrument.high + 1), [*one, *other])
    found = compare(one, other, speeches, scale, how.draws, how.seed)._asdict()
    if found["spearman"].low is None and np.isclose(abs(found["spearman"].value), 1):
        found["spearman"] = _not_certain(found["spearman"], speeches)
    units = np.column_stack([one, other])
    beyond = coefficients(units, speeches, scale, "quadratic", False, how.draws, how.seed)
    found |= {name: beyond[name] for name in ("kappa", "ac2", "alpha_ordinal") if name in beyond}
    found["exact"] = share_of((one == other).astype(float), speeches, how.draws, how.seed)
    found["bias"] = bounded_mean(
        other - one, speeches, float(instrument.high - instrument.low), how.draws, how.seed
    )
    return found


def _not_certain(figure: Interval, speeches: Sequence[str]) -> Interval:
    """A perfect correlation never varies in the bootstrap; what Wilson's bound leaves (one
    observation a speech) could be ordered the other way.
    """
    far = 2 * wilson(1.0, codes(speeches)[1])[0] - 1
    return (
        figure._replace(low=far, high=1.0)
        if figure.value > 0
        else figure._replace(low=-1.0, high=-far)
    )


def _experts(item: str, own: pl.DataFrame, instrument: Instrument, how: Draws) -> list[Metric]:
    """The ceiling: each pair of experts on the replies that both scored, pooled (two experts:
    Cohen's weighted kappa of the two).
    """
    people = sorted(own["annotator"].unique().to_list())
    halves = [_both(own, one, other) for one, other in combinations(people, 2)]
    if not any(first.height for first, _ in halves):
        return []
    first, second = (pl.concat([half[side] for half in halves]) for side in (0, 1))
    pooled = together(first, second, instrument, how).items()
    made = rows({CEILING[name]: one for name, one in pooled if name != "bias"}, item=item)
    for (one, other), half in zip(combinations(people, 2), halves, strict=True):
        found = together(*half, instrument, how)
        of_two = {CEILING[name]: found[name] for name in ("kappa", "bias") if name in found}
        made += rows(of_two, item=item, one=one, two=other)
    return made


def _both(own: pl.DataFrame, one: str, other: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two experts' scores of the replies that both scored, in the same order."""
    sides = [
        own.filter(pl.col("annotator") == who).select("response_id", "speech_id", "score")
        for who in (one, other)
    ]
    found = (
        sides[0]
        .join(sides[1].select("response_id", other="score"), on="response_id")
        .sort("response_id")
    )
    return found.select("response_id", "speech_id", "score"), found.select(
        "response_id", "speech_id", score="other"
    )


def _judges(
    item: str, own: pl.DataFrame, judges: pl.DataFrame, instrument: Instrument, how: Draws
) -> list[Metric]:
    """Each judge beside the experts, pooled (one expert at a time, as the ceiling is) and beside
    each expert.
    """
    made: list[Metric] = []
    for (judge,), part in sorted(judges.group_by("annotator")):
        both = own.join(part.select("response_id", judged="score"), on="response_id").sort(
            "response_id", "annotator"
        )
        for who, rest in [
            ("", both),
            *((str(who), rest) for (who,), rest in sorted(both.group_by("annotator"))),
        ]:
            rest = rest.sort("response_id", "annotator")
            first, second = rest.select("speech_id", "score"), rest.select(score="judged")
            beside = together(first, second, instrument, how).items()
            found = {JUDGE[name]: one for name, one in beside}
            made += rows(found, item=item, judge=str(judge), annotator=who)
    return made


def _recall(own: pl.DataFrame, judges: pl.DataFrame, gate: Gate, how: Draws) -> list[Metric]:
    """Of the replies that an expert calls unsafe, the share that a judge, or another expert, calls
    unsafe too; and the false alarms.
    """
    made: list[Metric] = []
    if own.height:
        unsafe = own.filter(pl.col("score") <= gate.cut).height
        made += UNSAFE.rows(unsafe, own.height, item=gate.item)
    for (judge,), part in sorted(judges.group_by("annotator")):
        both = own.join(part.select("response_id", other="score"), on="response_id")
        made += flagged(JUDGE_FLAGS, both, gate, how, judge=str(judge))
    people = sorted(own["annotator"].unique().to_list())
    halves = [
        (first.with_columns(other=second["score"]))
        for first, second in (_both(own, one, other) for one, other in permutations(people, 2))
    ]
    if halves:
        made += flagged(EXPERT_FLAGS, pl.concat(halves), gate, how)
    return made


def flagged(flags: Flags, both: pl.DataFrame, gate: Gate, how: Draws, **where: str) -> list[Metric]:
    """Recall and false alarms of `other` against `score` at the cut, by speech (columns score,
    other, speech_id).
    """
    made: list[Metric] = []
    for figure, part in (
        (flags.recall, both.filter(pl.col("score") <= gate.cut)),
        (flags.false_alarm, both.filter(pl.col("score") > gate.cut)),
    ):
        if part.height:
            found = share_of(
                (part["other"] <= gate.cut).cast(pl.Float64).to_numpy(),
                part["speech_id"].to_list(),
                how.draws,
                how.seed,
            )
            made += figure.rows(found, item=gate.item, **where)
    return made
