"""One comparison of two systems as it was played: which answers met, and what was said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import polars as pl

from psycopref.report import frames
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
        """(speech_id, ours, theirs, score): the mean over the orders on the whole answer, 1 where
        ours won.

        A prompt of which an order failed is left out, as in the win rate: the other order alone
        keeps the pull of the place.
        """
        empty = pl.DataFrame(
            schema={
                "speech_id": pl.String,
                "ours": pl.String,
                "theirs": pl.String,
                "score": pl.Float64,
            }
        )
        if not len(self.verdicts) or not len(self.ours):
            return empty
        mine = frames.collected(frames.lazy(self.ours).select("response_id"))[
            "response_id"
        ].implode()
        first = pl.col("first_id").is_in(mine)
        point = pl.col("winner").replace_strict(
            {"first": 1.0, "second": 0.0, "tie": 0.5}, return_dtype=pl.Float64
        )
        verdicts = frames.lazy(self.verdicts).filter(pl.col("item") == "overall")
        ours, theirs = (
            pl.when(first).then(one).otherwise(other)
            for one, other in (("first_id", "second_id"), ("second_id", "first_id"))
        )
        rows = verdicts.select(
            "speech_id",
            ours=ours,
            theirs=theirs,
            score=pl.when(first).then(point).otherwise(1 - point),
        )
        means = frames.collected(
            rows.group_by("speech_id", "ours", "theirs").agg(
                pl.col("score").mean(), judged=pl.len()
            )
        )
        return means.filter(pl.col("judged") == self.orders).drop("judged").sort("speech_id")

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
