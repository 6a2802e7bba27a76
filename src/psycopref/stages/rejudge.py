"""Two judges' ratings of the same responses to what a change of judge would change: agreement,
bias, turned pairs, ranks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from pydantic import Field

from psycopref.config.instruments import InstrumentSetting
from psycopref.errors import TableError
from psycopref.lab import Lab
from psycopref.needs import Need
from psycopref.settings import Stage
from psycopref.stats.intervals import bootstrap_sums, codes, mean_interval, percentile
from psycopref.stats.judges import compare, pair_flips, rank_changes
from psycopref.store.parquet import table
from psycopref.tables import Figure, Metric, Rating, Response

BOTH = ("{part=overall}", "item:{item}")
WHOLE = ("{part=overall}",)
RESPONSES = Figure(
    "compare.responses", "count", ("all",), "responses that both judges rated in full"
)
FAILURES = Figure("compare.failures", "count", ("all",), "failures of the new judge")
KAPPA = Figure(
    "compare.kappa", "estimate", BOTH, "quadratic kappa of the new judge and the old one"
)
SPEARMAN = Figure("compare.spearman", "estimate", BOTH, "Spearman's correlation of the two")
EXACT = Figure("compare.exact", "estimate", BOTH, "share of responses with the same points")
BIAS = Figure("compare.bias", "estimate", BOTH, "the new judge's points less the old one's")
SAME = Figure(
    "compare.pairs_same", "estimate", WHOLE, "clear pairs that the new judge orders so too"
)
TIED = Figure("compare.pairs_tied", "estimate", WHOLE, "clear pairs that the new judge ties")
TURNED = Figure("compare.pairs_turned", "estimate", WHOLE, "clear pairs that it turns round")
BEST_CHANGED = Figure(
    "compare.best_changed", "estimate", WHOLE, "share of speeches whose best response is another"
)
RANK = Figure("compare.rank", "estimate", ("model:{model}",), "a responder's new rank less its old")
TAU = Figure("compare.tau", "estimate", ("{part=models}",), "Kendall's tau of responders' ranks")
# By the names that `stats.judges` gives them.
AGREEMENT = {"kappa": KAPPA, "spearman": SPEARMAN, "exact": EXACT, "bias": BIAS}
FATES = {"same": SAME, "tied": TIED, "turned": TURNED}


class Rejudged(NamedTuple):
    """The figures; see Compare."""

    metrics: Sequence[Metric]


class Rejudge(Stage):
    """What moving a dataset from one judge to another would change, on the responses that both
    rated in full.

    Per item (slice `item:<name>`) and over all (`overall`, the weighted mean over items):
    `compare.kappa` (quadratic weights), `compare.spearman`, `compare.exact`, `compare.bias` (new
    less old, points). An item's score is the mean over its repeats and stays as it is, half points
    and thirds too. Only kappa, Spearman and exact of `overall` are of the weighted mean rounded to
    whole points; its bias is not. Of the pairs that the old judge orders by at least `gap`:
    `compare.pairs_same`, `.pairs_tied`, `.pairs_turned`; `compare.best_changed`, the share of
    speeches whose best response is another one. Of the responders by mean score: `compare.rank`
    (slice `model:<name>`, new rank less old rank) and `compare.tau` (Kendall's).
    """

    instrument: InstrumentSetting
    gap: float = Field(default=1.0, gt=0)
    draws: int = Field(default=2000, ge=100)
    seed: int = 0

    @classmethod
    def known_as(cls) -> str:
        """What the stage was called first, and is called in workspaces and in its figures."""
        return "compare"

    @classmethod
    def version(cls) -> int:
        """2: an item's mean over repeats is no longer rounded to whole points. 3: ranks and tau
        have intervals.
        """
        return 3

    def run(
        self, lab: Lab, responses: Sequence[Response], old: Sequence[Rating], new: Sequence[Rating]
    ) -> Rejudged:
        """Ratings by one judge each to metrics; TableError where the two share no response."""
        both = self._both(
            table(Response, responses).frame, table(Rating, old).frame, table(Rating, new).frame
        )
        if not both.height:
            raise TableError(
                "compare: no response was rated by both judges on every item; look at the failures"
                " of [dataset.rate]"
            )
        out = RESPONSES.rows(both.height)
        for item in self.instrument.items:
            sides = (f"{item.name}:old", f"{item.name}:new")
            out += self._agreement(both, *sides, item=item.name)
        speeches = both["speech_id"].to_list()
        whole = both.with_columns(pl.col("old", "new").round(0))
        wide = float(self.instrument.high - self.instrument.low)
        out += [
            row
            for row in self._agreement(whole, "old", "new", part="overall")
            if row.name != BIAS.name
        ]  # of whole points; the bias is of the means
        change = (both["new"] - both["old"]).to_numpy()
        out += BIAS.rows(
            mean_interval(change, speeches, self.draws, self.seed, span=(-wide, wide)),
            part="overall",
        )
        return Rejudged([*out, *self._pairs(both), *self._ranks(both)])

    def _both(self, responses: pl.DataFrame, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
        """A row for each response that both judges rated in full: their scores by item, and their
        weighted means.
        """
        names = [item.name for item in self.instrument.items]
        total = sum(item.weight for item in self.instrument.items)
        frame = responses.select("response_id", "speech_id", "model").sort("response_id")
        for side, ratings in (("old", old), ("new", new)):
            means = [
                pl.col("score").filter(pl.col("item") == name).mean().alias(f"{name}:{side}")
                for name in names
            ]
            frame = frame.join(
                ratings.group_by("subject_id").agg(means),
                left_on="response_id",
                right_on="subject_id",
                how="inner",
            ).drop_nulls()
            weighted = [
                pl.col(f"{item.name}:{side}") * item.weight for item in self.instrument.items
            ]
            frame = frame.with_columns((pl.sum_horizontal(weighted) / total).round(9).alias(side))
        return frame.sort("response_id")

    def _agreement(self, both: pl.DataFrame, old: str, new: str, **where: str) -> list[Metric]:
        first, second = (
            both[name].round(9).to_numpy() for name in (old, new)
        )  # the mean of equal repeats is the same to the last digit
        scale = np.union1d(
            range(self.instrument.low, self.instrument.high + 1), [first, second]
        )  # means over repeats lie between its points
        found = compare(first, second, both["speech_id"].to_list(), scale, self.draws, self.seed)
        return [
            row
            for name, figure in zip(found._fields, found, strict=True)
            for row in AGREEMENT[name].rows(figure, **where)
        ]

    def _pairs(self, both: pl.DataFrame) -> list[Metric]:
        """What becomes of the old judge's clear pairs, and of its best responses."""
        one = both.select("speech_id", "response_id", "old", "new")
        clear = one.join(one, on="speech_id", suffix="_other").filter(
            pl.col("old") - pl.col("old_other") >= self.gap - 1e-9
        )
        out = []
        if clear.height:
            after = (clear["new"] - clear["new_other"]).round(9).to_numpy()
            flips = pair_flips(after, clear["speech_id"].to_list(), self.draws, self.seed)
            out += [
                row
                for name, figure in zip(flips._fields, flips, strict=True)
                for row in FATES[name].rows(figure, part="overall")
            ]
        changed = (_best(one, "old") != _best(one, "new")).to_numpy().astype(float)
        speeches = one["speech_id"].unique().sort().to_list()
        share = mean_interval(changed, speeches, self.draws, self.seed, share=True)
        return [*out, *BEST_CHANGED.rows(share, part="overall")]

    def _ranks(self, both: pl.DataFrame) -> list[Metric]:
        """How the responders' order by mean score changes, with intervals by speech: each draw
        ranks the responders anew.
        """
        models = both["model"].unique().sort().to_list()
        where = (
            both["model"]
            .replace_strict(models, range(len(models)), return_dtype=pl.Int64)
            .to_numpy()
        )
        code, many = codes(both["speech_id"].to_list())
        sums = np.zeros((many, 3, len(models)))
        for part, column in enumerate(
            (np.ones(both.height), both["old"].to_numpy(), both["new"].to_numpy())
        ):
            np.add.at(sums[:, part], (code, where), column)
        flat = sums.reshape(many, -1)
        value = rank_changes(flat.sum(0, keepdims=True))[0]
        drawn = bootstrap_sums(flat, rank_changes, self.draws, self.seed)
        counts = [*sums[:, 0].sum(0).astype(int).tolist(), len(models)]
        spans = [float(len(models) - 1)] * len(models) + [1.0]
        found = [
            percentile(float(one), drawn[:, at], int(counts[at]), (-spans[at], spans[at]), many)
            for at, one in enumerate(value)
        ]
        rows = [
            row
            for model, figure in zip(models, found[:-1], strict=True)
            for row in RANK.rows(figure, model=model)
        ]
        return rows + (TAU.rows(found[-1], part="models") if len(models) > 1 else [])

    def rehearse(
        self, responses: Sequence[Response], old: Sequence[Rating], new: Sequence[Rating]
    ) -> tuple[Rejudged, Need]:
        """There is nothing to compare yet."""
        return Rejudged([]), Need()


def _best(rows: pl.DataFrame, side: str) -> pl.Series:
    """The best response of each speech, in the order of the speeches' ids; equal scores are settled
    by id.
    """
    ranked = rows.sort(side, "response_id", descending=[True, False])
    return (
        ranked.group_by("speech_id", maintain_order=True).first().sort("speech_id")["response_id"]
    )
