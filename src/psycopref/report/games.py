"""One comparison of two systems as it was played: which answers met, and what was said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import polars as pl

from psycopref.queries.verdicts import prompt_scores
from psycopref.store.parquet import table
from psycopref.tables import Response, Verdict

OUTCOMES = {"won": 1.0, "tied": 0.5, "lost": 0.0}


@dataclass(frozen=True)
class Game:
    """`name` of the win rate, its `arm`, the names of our system and theirs, the verdicts, both
    systems' answers, the `orders` of a prompt.
    """

    name: str
    arm: str
    names: tuple[str, str]
    verdicts: Sequence[Verdict]
    ours: Sequence[Response]
    theirs: Sequence[Response]
    orders: int

    def scores(self) -> pl.DataFrame:
        """(speech_id, ours, theirs, score) by `queries.verdicts`, in the order of the speeches: the
        mean over the orders on the whole answer, 1 where ours won. A prompt of which an order
        failed is left out, as in the win rate.
        """
        mine = table(Response, self.ours).pick("response_id")["response_id"]
        found = prompt_scores(self.verdicts, mine, self.orders).drop_nulls("score")
        return found.select("speech_id", "ours", "theirs", "score").sort("speech_id")

    def picked(self) -> list[tuple[str, str, str, str]]:
        """(outcome, speech, our answer, theirs): the first won, tied and lost speech by a hash of
        its id.
        """
        order = sorted(
            self.scores().iter_rows(), key=lambda row: sha256(row[0].encode()).hexdigest()
        )
        firsts: dict[str, tuple[str, str, str, str]] = {}
        for speech, ours, theirs, score in order:
            for outcome, value in OUTCOMES.items():
                if score == value:
                    firsts.setdefault(outcome, (outcome, speech, ours, theirs))
        return [firsts[outcome] for outcome in OUTCOMES if outcome in firsts]
