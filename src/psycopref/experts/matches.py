"""A policy's answers beside an opponent's, for experts: their own win rate by principle, and how
often the judge's verdict is theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from psycopref.experts.figures import ARM, CODES, Draws, again, between, first_shown, seconds
from psycopref.experts.sampling import lot
from psycopref.queries.verdicts import of_item, votes
from psycopref.stats.coefficients import coefficients, share_of
from psycopref.stats.winrate import prompt_scores
from psycopref.store.parquet import table
from psycopref.tables import (
    Annotation,
    Choice,
    Figure,
    Metric,
    Response,
    Speech,
    Verdict,
    content_id,
)

BY_ARM = (f"{{item}}:{ARM}", f"{{item}}:{ARM}:{{annotator}}")
WIN_RATE = Figure(
    "expert.winrate", "estimate", BY_ARM, "how often experts prefer the policy's answer"
)
AGREEMENT = Figure(
    "judge.expert.agreement",
    "estimate",
    ("{item}", *BY_ARM),
    "matches: how often the judge's verdict is the expert's choice",
)
VERDICT_KAPPA = Figure(
    "judge.expert.verdict_kappa",
    "estimate",
    ("{item}", *BY_ARM),
    "matches: Cohen's kappa of both",
)


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """The judge's verdict on one item ('overall' or a principle) over both orders: 'chosen' is
    ours, 'rejected' theirs, 'tie' a tie or a flip.
    """

    item: str
    judged: Choice


@dataclass(frozen=True, slots=True)
class BlindMatch:
    """A match as experts see it, without a name: two systems' answers to a speech in one arm of a
    comparison. `judged` has the items on which the judge gave a verdict in every order.
    """

    KNOWN_AS: ClassVar[str] = "Match"  # what the row type was called first, and is in digests

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
) -> list[BlindMatch]:
    """The matches of an arm, one for each speech that both answered (draw 0), with what the judge
    said of each item in so many orders.
    """
    sides = [{row.speech_id: row for row in side if row.draw == 0} for side in (ours, theirs)]
    both = sorted({row.speech_id for row in speeches} & sides[0].keys() & sides[1].keys())
    pairs = [(sides[0][speech], sides[1][speech]) for speech in both]
    ids = [(our.response_id, their.response_id) for our, their in pairs]
    judged: list[list[JudgedItem]] = [[] for _ in pairs]
    for item in sorted({row.item for row in verdicts}):
        found = votes(*_columns(ids), of_item(verdicts, item), orders)
        for own, score in zip(judged, prompt_scores(found)[0].tolist(), strict=True):
            if score == score:  # an item of which an order failed has no verdict
                own.append(JudgedItem(item, _choice(score)))
    return [
        BlindMatch(content_id("match", arm, *key), arm, speech, our.text, their.text, tuple(own))
        for speech, (our, their), key, own in zip(both, pairs, ids, judged, strict=True)
    ]


def _columns(ids: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [ours for ours, _ in ids], [theirs for _, theirs in ids]


def _choice(score: float) -> Choice:
    """What a score over all orders says: a tie or a flip is a tie."""
    if score == 0.5:
        return "tie"
    return "chosen" if score > 0.5 else "rejected"


def drawn_matches(matches: Sequence[BlindMatch], size: int, seed: int) -> list[BlindMatch]:
    """Up to so many matches of each arm, no speech in two arms: the opponent's answer would come
    back on the sheet and give itself away.

    Speeches come in an order drawn by hash; each goes to the arm that has fewest so far. Where
    there are fewer than `size` speeches for each arm, the arms share what there is.
    """
    speeches: dict[str, dict[str, BlindMatch]] = {}
    for row in matches:
        speeches.setdefault(row.speech_id, {})[row.arm] = row
    found: dict[str, list[BlindMatch]] = {arm: [] for arm in sorted({row.arm for row in matches})}
    for speech in sorted(speeches, key=lambda one: lot(seed, "match", one)):
        arm = min(
            speeches[speech], key=lambda one: (len(found[one]), lot(seed, "arm", one, speech))
        )
        if len(found[arm]) < size:
            found[arm].append(speeches[speech][arm])
    return [row for part in found.values() for row in part]


def judged_by_experts(
    annotations: Sequence[Annotation], matches: Sequence[BlindMatch], how: Draws
) -> list[Metric]:
    """Win rates by experts, overall and by principle (the paper's Figure 2 for these systems), the
    judge's verdict on the same item beside them, the ceiling, and what the sheets say of position,
    repetitions and time (slices `matches:...`).
    """
    known = table(BlindMatch, matches).frame.select(
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
        where = {"item": str(item), "arm": str(arm)}
        for who, own in [
            ("", part),
            *((str(who), rest) for (who,), rest in sorted(part.group_by("annotator"))),
        ]:
            own = own.sort("annotation_id")
            clusters = own["speech_id"].to_list()
            share = share_of(own["code"].to_numpy() / 2, clusters, how.draws, how.seed)
            made += WIN_RATE.rows(share, **where, annotator=who)
            made += _beside(own, how, **where, annotator=who)
        made += between(part, how, **where)
    for (item,), part in sorted(notes.group_by("item"), key=lambda pair: str(pair[0])):
        made += _beside(part.sort("annotation_id"), how, item=str(item))
    return [
        *made,
        *first_shown(notes, how, "matches"),
        *again(every, how, "matches"),
        *seconds("matches", notes, "preference_id", how),
    ]


def _beside(own: pl.DataFrame, how: Draws, **where: str) -> list[Metric]:
    """The judge's verdict and the experts' choice: the share that is the same, ties as ties, and
    Cohen's kappa of ours, theirs and tie.
    """
    known = own.drop_nulls("judged")
    if not known.height:
        return []
    judge = known["judged"].replace_strict(CODES, return_dtype=pl.Float64).to_numpy()
    speeches, expert = known["speech_id"].to_list(), known["code"].to_numpy()
    same = share_of((judge == expert).astype(float), speeches, how.draws, how.seed)
    made = AGREEMENT.rows(same, **where)
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
        made += VERDICT_KAPPA.rows(found["kappa"], **where)
    return made
