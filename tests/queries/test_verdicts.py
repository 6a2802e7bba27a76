"""A prompt's score from verdicts in both orders: one definition, and the four that were before it
agreed with it.
"""

import itertools
import random

import numpy as np
import polars as pl
import pytest

from psycopref.queries.verdicts import POINTS, of_item, prompt_scores, scores_by_speech, votes
from psycopref.stats import winrate
from psycopref.tables import Verdict, Winner

WINNERS: tuple[Winner, ...] = ("first", "tie", "second")
Said = Winner | None  # None where that order failed


def verdicts(prompts: list[tuple[Said, Said]], item: str = "overall") -> list[Verdict]:
    """The verdicts on prompts, each with what was said with ours shown first, and second."""
    made = []
    for number, order in enumerate(prompts):
        shown = (f"our-{number}", f"their-{number}")
        for at, winner in enumerate(order):
            if winner is not None:
                first, second = shown if at == 0 else shown[::-1]
                made.append(
                    Verdict(
                        f"verdict-{item}-{number}-{at}",
                        f"speech-{number}",
                        first,
                        second,
                        item,
                        "judge",
                        winner,
                    )
                )
    return made


def ours(prompts: list[tuple[Said, Said]]) -> list[str]:
    return [f"our-{number}" for number in range(len(prompts))]


EVERY: list[tuple[Said, Said]] = list(itertools.product([*WINNERS, None], repeat=2))


@pytest.mark.parametrize(
    ("order", "score", "flipped"),
    [
        (("first", "second"), 1.0, False),
        (("second", "first"), 0.0, False),
        (("first", "first"), 0.5, True),
        (("second", "second"), 0.5, True),
        (("tie", "tie"), 0.5, False),
        (("first", "tie"), 0.75, False),
        (("tie", "first"), 0.25, False),
    ],
)
def test_a_score_is_the_mean_of_both_orders(
    order: tuple[Said, Said], score: float, flipped: bool
) -> None:
    (row,) = prompt_scores(verdicts([order]), ["our-0"], 2).iter_rows(named=True)
    assert (row["score"], row["flipped"], row["failed"]) == (score, flipped, False)
    assert (row["speech_id"], row["ours"], row["theirs"]) == ("speech-0", "our-0", "their-0")


def test_a_prompt_of_which_an_order_failed_has_no_score_and_one_without_verdicts_no_row() -> None:
    prompts: list[tuple[Said, Said]] = [("first", None), (None, "tie"), (None, None)]
    found = prompt_scores(verdicts(prompts), ours(prompts), 2)
    assert found["speech_id"].to_list() == ["speech-0", "speech-1"]
    assert found["failed"].all() and found["score"].null_count() == 2
    assert scores_by_speech(verdicts(prompts), ours(prompts), 2) == {}


def test_a_reward_model_is_asked_once() -> None:
    prompts: list[tuple[Said, Said]] = [("first", None), ("tie", None), ("second", None)]
    found = scores_by_speech(verdicts(prompts), ours(prompts), 1)
    assert found == {"speech-0": 1.0, "speech-1": 0.5, "speech-2": 0.0}


def test_other_items_and_other_systems_are_passed_over() -> None:
    rows = verdicts([("first", "second")]) + verdicts([("second", "first")], "safety")
    other = Verdict("verdict-x", "speech-9", "third-1", "fourth-1", "overall", "judge", "first")
    assert prompt_scores([*rows, other], ["our-0"], 2)["score"].to_list() == [1.0]
    assert prompt_scores(rows, ["our-0"], 2, "safety")["score"].to_list() == [0.0]


def test_no_verdicts_are_no_scores() -> None:
    assert prompt_scores([], [], 2).is_empty() and scores_by_speech([], ["our-0"], 2) == {}
    assert votes([], [], of_item([])).shape == (0, 2)


# The four definitions that there were, as they stood: in stages/evaluate, flows/systems,
# report/games and experts/matches.
def in_evaluate(rows: list[Verdict], count: int) -> dict[str, float]:
    seen = {(row.first_id, row.second_id): POINTS[row.winner] for row in rows}
    out = np.full((count, 2), np.nan)
    for at in range(count):
        out[at, 0] = seen.get((f"our-{at}", f"their-{at}"), np.nan)
        out[at, 1] = 1 - seen.get((f"their-{at}", f"our-{at}"), np.nan)
    scores = winrate.prompt_scores(out)[0]
    return {f"speech-{at}": one for at, one in enumerate(scores.tolist()) if one == one}


def in_systems(rows: list[Verdict], own: set[str]) -> dict[str, float]:
    seen: dict[str, list[float]] = {}
    for row in rows:
        point = POINTS[row.winner]
        seen.setdefault(row.speech_id, []).append(point if row.first_id in own else 1 - point)
    return {key: sum(points) / 2 for key, points in seen.items() if len(points) == 2}


def in_games(rows: list[Verdict], own: set[str]) -> dict[str, float]:
    first = pl.col("first_id").is_in(list(own))
    point = pl.col("winner").replace_strict(POINTS, return_dtype=pl.Float64)
    found = (
        of_item(rows)
        .select("speech_id", score=pl.when(first).then(point).otherwise(1 - point))
        .group_by("speech_id")
        .agg(pl.col("score").mean(), judged=pl.len())
    )
    return dict(found.filter(pl.col("judged") == 2).select("speech_id", "score").iter_rows())


def in_experts(rows: list[Verdict], count: int) -> dict[str, float]:
    said = {(row.first_id, row.second_id): POINTS[row.winner] for row in rows}
    out = {}
    for at in range(count):
        there = said.get((f"our-{at}", f"their-{at}"))
        back = said.get((f"their-{at}", f"our-{at}"))
        if there is not None and back is not None:
            out[f"speech-{at}"] = (there + 1 - back) / 2
    return out


def test_the_four_ways_that_there_were_agree_with_it() -> None:
    drawn = random.Random(0)
    prompts = [*EVERY, *(drawn.choice(EVERY) for _ in range(200))]
    rows, own = verdicts(prompts), set(ours(prompts))
    drawn.shuffle(rows)
    found = scores_by_speech(rows, own, 2)
    assert len(found) > 100 and len(found) < len(prompts)
    assert found == in_evaluate(rows, len(prompts)) == in_systems(rows, own)
    assert found == in_games(rows, own) == in_experts(rows, len(prompts))
