"""A policy's answers beside an opponent's, for experts: their own win rate by principle, and how
often the judge's verdict is theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from psycopref.experts.figures import CODES, Draws, again, between, first_shown, rows, seconds
from psycopref.experts.sampling import lot
from psycopref.stats.coefficients import coefficients, share_of
from psycopref.stats.intervals import Interval
from psycopref.store.parquet import table
from psycopref.tables import (
    Annotation,
    Choice,
    Metric,
    Response,
    Speech,
    Verdict,
    Winner,
    content_id,
)

_Said = dict[tuple[str, str], dict[str, Winner]]  # (first, second) to what was said of each item
_POINTS: dict[Winner, float] = {"first": 1.0, "tie": 0.5, "second": 0.0}


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """The judge's verdict on one item ('overall' or a principle) over both orders: 'chosen' is
    ours, 'rejected' theirs, 'tie' a tie or a flip.
    """

    item: str
    judged: Choice


@dataclass(frozen=True, slots=True)
class Match:
    """Two systems' answers to a speech in one arm of a comparison; `judged` has the items on which
    the judge gave a verdict in every order.
    """

    match_id: str
    arm: str
    speech_id: str
    chosen: str
    rejected: str
    judged: tuple[JudgedItem, ...] = ()


def matched(
    arm: str,
    speeches: Sequence[Speech],
    ours: Sequence[Response],
    theirs: Sequence[Response],
    verdicts: Sequence[Verdict],
    orders: int,
) -> list[Match]:
    """The matches of an arm, one for each speech that both answered (draw 0), with what the judge
    said of each item in so many orders.
    """
    said: _Said = {}
    for row in verdicts:
        said.setdefault((row.first_id, row.second_id), {})[row.item] = row.winner
    sides = [{row.speech_id: row for row in side if row.draw == 0} for side in (ours, theirs)]
    made = []
    for speech in sorted({row.speech_id for row in speeches} & sides[0].keys() & sides[1].keys()):
        our, their = sides[0][speech], sides[1][speech]
        there, back = (
            said.get(key, {})
            for key in ((our.response_id, their.response_id), (their.response_id, our.response_id))
        )
        judged = tuple(
            JudgedItem(item, _verdict(there, back, item, orders))
            for item in sorted(there if orders == 1 else there.keys() & back.keys())
        )
        made.append(
            Match(
                content_id("match", arm, our.response_id, their.response_id),
                arm,
                speech,
                our.text,
                their.text,
                judged,
            )
        )
    return made


def _verdict(there: dict[str, Winner], back: dict[str, Winner], item: str, orders: int) -> Choice:
    """What the judge said of an item with ours first (`there`) and, where it was asked twice, with
    theirs first (`back`).
    """
    score = (
        _POINTS[there[item]]
        if orders == 1
        else (_POINTS[there[item]] + 1 - _POINTS[back[item]]) / 2
    )
    return "chosen" if score > 0.5 else "rejected" if score < 0.5 else "tie"


def drawn_matches(matches: Sequence[Match], size: int, seed: int) -> list[Match]:
    """Up to so many matches of each arm, no speech in two arms: the opponent's answer would come
    back on the sheet and give itself away.

    Speeches come in an order drawn by hash; each goes to the arm that has fewest so far. Where
    there are fewer than `size` speeches for each arm, the arms share what there is.
    """
    speeches: dict[str, dict[str, Match]] = {}
    for row in matches:
        speeches.setdefault(row.speech_id, {})[row.arm] = row
    found: dict[str, list[Match]] = {arm: [] for arm in sorted({row.arm for row in matches})}
    for speech in sorted(speeches, key=lambda one: lot(seed, "match", one)):
        arm = min(
            speeches[speech], key=lambda one: (len(found[one]), lot(seed, "arm", one, speech))
        )
        if len(found[arm]) < size:
            found[arm].append(speeches[speech][arm])
    return [row for part in found.values() for row in part]


def judged_by_experts(
    annotations: Sequence[Annotation], matches: Sequence[Match], how: Draws
) -> list[Metric]:
    """Win rates by experts, overall and by principle (the paper's Figure 2 for these systems), the
    judge's verdict on the same item beside them, the ceiling, and what the sheets say of position,
    repetitions and time (slices `matches:...`).
    """
    known = table(Match, matches).frame.select(
        pl.col("match_id").alias("preference_id"), "arm", "speech_id"
    )
    said = [(row.match_id, one.item, one.judged) for row in matches for one in row.judged]
    judge = pl.DataFrame(
        said, {"preference_id": pl.String, "item": pl.String, "judged": pl.String}, orient="row"
    )
    every = (
        table(Annotation, annotations)
        .frame.join(known, on="preference_id")
        .join(judge, on=["preference_id", "item"], how="left")
    )
    every = every.with_columns(
        code=pl.col("choice").replace_strict(CODES, return_dtype=pl.Float64)
    ).sort("annotation_id")
    notes = every.filter(pl.col("repeat") == 0)
    made: list[Metric] = []
    for (item, arm), part in sorted(notes.group_by("item", "arm"), key=lambda pair: str(pair[0])):
        place = f"{item}:{arm}"
        for at, own in [
            (place, part),
            *((f"{place}:{who}", rest) for (who,), rest in sorted(part.group_by("annotator"))),
        ]:
            own = own.sort("annotation_id")
            made += rows(
                {
                    "expert.winrate": share_of(
                        own["code"].to_numpy() / 2, own["speech_id"].to_list(), how.draws, how.seed
                    )
                },
                at,
            )
            made += _beside(at, own, how)
        made += between(place, part, how)
    for (item,), part in sorted(notes.group_by("item"), key=lambda pair: str(pair[0])):
        made += _beside(str(item), part.sort("annotation_id"), how)
    return [
        *made,
        *first_shown(notes, how, "matches:"),
        *again(every, how, "matches:"),
        *seconds("matches", notes, "preference_id", how),
    ]


def _beside(place: str, own: pl.DataFrame, how: Draws) -> list[Metric]:
    """The judge's verdict and the experts' choice: the share that is the same, ties as ties, and
    Cohen's kappa of ours, theirs and tie.
    """
    known = own.drop_nulls("judged")
    if not known.height:
        return []
    judge, speeches = (
        known["judged"].replace_strict(CODES, return_dtype=pl.Float64).to_numpy(),
        known["speech_id"].to_list(),
    )
    expert = known["code"].to_numpy()
    figures: dict[str, Interval] = {
        "judge.expert.agreement": share_of(
            (judge == expert).astype(float), speeches, how.draws, how.seed
        )
    }
    found = coefficients(
        np.column_stack([judge, expert]),
        speeches,
        sorted(CODES.values()),
        "none",
        False,
        how.draws,
        how.seed,
    )
    if "kappa" in found:
        figures["judge.expert.verdict_kappa"] = found["kappa"]
    return rows(figures, place)
