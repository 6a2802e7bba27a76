"""A policy's answers beside an opponent's, for experts: their own win rate by principle, and how often the judge's verdict is theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from psycopref.experts.figures import CODES, Draws, between, rows
from psycopref.experts.sampling import lot
from psycopref.experts.sheets import OVERALL
from psycopref.stats.coefficients import coefficients, share_of
from psycopref.stats.intervals import Interval
from psycopref.store.parquet import table
from psycopref.tables import Annotation, Metric, Response, Speech, Verdict, content_id

Judged = Literal["", "chosen", "rejected", "tie"]


@dataclass(frozen=True, slots=True)
class Match:
    """Two systems' answers to a speech in one arm of a comparison; `judged` is the judge's verdict over both orders: 'chosen' is ours,
    'rejected' theirs, 'tie' a tie or a flip, '' where an order has no verdict.
    """

    match_id: str
    arm: str
    speech_id: str
    chosen: str
    rejected: str
    judged: Judged


def matched(
    arm: str, speeches: Sequence[Speech], ours: Sequence[Response], theirs: Sequence[Response], verdicts: Sequence[Verdict], orders: int
) -> list[Match]:
    """The matches of an arm, one for each speech that both answered (draw 0), with what the judge said in so many orders."""
    said = {(row.first_id, row.second_id): row.winner for row in verdicts}
    points = {"first": 1.0, "tie": 0.5, "second": 0.0}
    sides = [{row.speech_id: row for row in side if row.draw == 0} for side in (ours, theirs)]
    made = []
    for speech in sorted({row.speech_id for row in speeches} & sides[0].keys() & sides[1].keys()):
        our, their = sides[0][speech], sides[1][speech]
        one, other = said.get((our.response_id, their.response_id)), said.get((their.response_id, our.response_id))
        scores = [points[one]] if one else []
        scores += [1 - points[other]] if other and orders == 2 else []
        judged = _verdict(sum(scores) / orders) if len(scores) == orders else ""
        made.append(Match(content_id("match", arm, our.response_id, their.response_id), arm, speech, our.text, their.text, judged))
    return made


def _verdict(score: float) -> Judged:
    return "chosen" if score > 0.5 else "rejected" if score < 0.5 else "tie"


def drawn_matches(matches: Sequence[Match], size: int, seed: int) -> list[Match]:
    """So many matches of each arm, of the same speeches where an arm has them: by a hash of the speech."""
    found: list[Match] = []
    for arm in sorted({row.arm for row in matches}):
        found += sorted((row for row in matches if row.arm == arm), key=lambda row: lot(seed, "match", row.speech_id))[:size]
    return found


def judged_by_experts(annotations: Sequence[Annotation], matches: Sequence[Match], how: Draws) -> list[Metric]:
    """Win rates by experts, overall and by principle (the paper's Figure 2 for these systems), the judge beside them, and the ceiling."""
    known = table(Match, matches).frame.select(pl.col("match_id").alias("preference_id"), "arm", "speech_id", "judged")
    notes = table(Annotation, annotations).frame.filter(pl.col("repeat") == 0).join(known, on="preference_id")
    notes = notes.with_columns(code=pl.col("choice").replace_strict(CODES, return_dtype=pl.Float64)).sort("annotation_id")
    made: list[Metric] = []
    for (item, arm), part in sorted(notes.group_by("item", "arm"), key=lambda pair: str(pair[0])):
        place = f"{item}:{arm}"
        for at, own in [(place, part), *((f"{place}:{who}", rest) for (who,), rest in sorted(part.group_by("annotator")))]:
            own = own.sort("annotation_id")
            made += rows({"expert.winrate": share_of(own["code"].to_numpy() / 2, own["speech_id"].to_list(), how.draws, how.seed)}, at)
            made += _beside(at, own, how) if item == OVERALL else []
        made += between(place, part, how)
    return [*made, *_beside(OVERALL, notes.filter(pl.col("item") == OVERALL), how)]


def _beside(place: str, own: pl.DataFrame, how: Draws) -> list[Metric]:
    """The judge's verdict and the experts' choice: the share that is the same, ties as ties, and Cohen's kappa of ours, theirs and tie."""
    known = own.filter(pl.col("judged") != "")
    if not known.height:
        return []
    codes: dict[Any, Any] = dict(CODES)
    judge, speeches = known["judged"].replace_strict(codes, return_dtype=pl.Float64).to_numpy(), known["speech_id"].to_list()
    expert = known["code"].to_numpy()
    figures: dict[str, Interval] = {"judge.expert.agreement": share_of((judge == expert).astype(float), speeches, how.draws, how.seed)}
    found = coefficients(np.column_stack([judge, expert]), speeches, sorted(CODES.values()), "none", False, how.draws, how.seed)
    if "kappa" in found:
        figures["judge.expert.verdict_kappa"] = found["kappa"]
    return rows(figures, place)
