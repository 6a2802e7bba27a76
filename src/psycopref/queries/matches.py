"""Two systems' answers as matches: one each for every speech that both answered."""

from collections.abc import Sequence

import polars as pl

from psycopref.errors import TableError
from psycopref.judging.pairwise import Game, Match, Side
from psycopref.store.parquet import table
from psycopref.tables import Response, Speech, Verdict, Winner


def matched(
    speeches: Sequence[Speech], ours: Sequence[Response], theirs: Sequence[Response]
) -> tuple[list[Match], int]:
    """The speeches that both answered, in order of speech id, and how many only one of them
    answered.
    """
    known = {speech.speech_id: speech for speech in speeches}
    sides = [_one_each(rows, known, name) for name, rows in (("ours", ours), ("theirs", theirs))]
    both = sorted(sides[0].keys() & sides[1].keys())
    return [Match(known[one], sides[0][one], sides[1][one]) for one in both], len(
        sides[0].keys() ^ sides[1].keys()
    )


def _one_each(rows: Sequence[Response], known: dict[str, Speech], name: str) -> dict[str, Side]:
    """Draw 0 of each known speech; TableError where a side has two, since a system answers once."""
    found: dict[str, Side] = {}
    for response_id, speech_id, text in (
        table(Response, rows)
        .frame.filter(pl.col("draw") == 0)
        .select("response_id", "speech_id", "text")
        .iter_rows()
    ):
        if speech_id in found:
            raise TableError(
                f"evaluate: {name} holds two answers (draw 0) to speech {speech_id!r}; give the"
                " answers of one system"
            )
        if speech_id in known:
            found[speech_id] = Side(response_id, text)
    return found


def verdicts_by_reward(matches: Sequence[Match], rewards: pl.DataFrame) -> list[Verdict]:
    """The higher reward wins, equal rewards tie; TableError where an answer has no score."""
    score = {
        one: (value, judge)
        for one, value, judge in rewards.select("response_id", "reward", "judge").iter_rows()
    }
    verdicts = []
    for speech, ours, theirs in matches:
        lost = [side.response_id for side in (ours, theirs) if side.response_id not in score]
        if lost:
            raise TableError(
                f"evaluate: {lost[0]!r} has no reward; score the answers of both systems first"
            )
        (first, judge), (second, other) = score[ours.response_id], score[theirs.response_id]
        if judge != other:
            raise TableError(
                f"evaluate: {ours.response_id!r} and {theirs.response_id!r} were scored by two"
                " reward models, whose scales do not compare"
            )
        winner: Winner = "first" if first > second else "second"
        if first == second:
            winner = "tie"
        verdicts.append(Game(speech, ours, theirs).verdict(winner, judge))
    return sorted(verdicts, key=lambda v: v.verdict_id)
