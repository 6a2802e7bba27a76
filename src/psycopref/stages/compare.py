"""Two judges' ratings of the same responses to what a change of judge would change: agreement, bias, turned pairs, ranks."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from pydantic import Field
from scipy.stats import kendalltau

from psycopref.errors import TableError
from psycopref.instruments import InstrumentSetting
from psycopref.lab import Lab
from psycopref.settings import Stage
from psycopref.stats.intervals import Interval, mean_interval
from psycopref.stats.judges import compare, pair_flips
from psycopref.store.parquet import table
from psycopref.tables import Metric, Rating, Response, metric


class JudgesCompared(NamedTuple):
    """The figures; see Compare."""

    metrics: Sequence[Metric]


class Compare(Stage):
    """What moving a dataset from one judge to another would change, on the responses that both rated in full.

    Per item (slice `item:<name>`) and over all (`overall`, the weighted mean over items): `compare.kappa` (quadratic weights), `compare.spearman`,
    `compare.exact`, `compare.bias` (new less old, points). An item's score is the mean over its repeats and stays as it is, half points and thirds
    too. Only kappa, Spearman and exact of `overall` are of the weighted mean rounded to whole points; its bias is not.
    Of the pairs that the old judge orders by at least `gap`: `compare.pairs_same`, `.pairs_tied`, `.pairs_turned`; `compare.best_changed`, the
    share of speeches whose best response is another one. Of the responders by mean score: `compare.rank` (slice `model:<name>`, new rank less old
    rank) and `compare.tau` (Kendall's).
    """

    instrument: InstrumentSetting
    gap: float = Field(default=1.0, gt=0)
    draws: int = Field(default=2000, ge=100)
    seed: int = 0

    @classmethod
    def version(cls) -> int:
        """2: an item's mean over repeats is no longer rounded to whole points."""
        return 2

    def run(self, lab: Lab, responses: Sequence[Response], old: Sequence[Rating], new: Sequence[Rating]) -> JudgesCompared:
        """Ratings by one judge each to metrics; TableError where the two share no response."""
        both = self._both(table(Response, responses).frame, table(Rating, old).frame, table(Rating, new).frame)
        if not both.height:
            raise TableError("compare: no response was rated by both judges on every item; look at the failures of [dataset.rate]")
        out = [metric("compare.responses", "all", both.height, count=both.height)]
        for item in self.instrument.items:
            out += self._agreement(f"item:{item.name}", both, f"{item.name}:old", f"{item.name}:new")
        speeches = both["speech_id"].to_list()
        whole = both.with_columns(pl.col("old", "new").round(0))
        out += [row for row in self._agreement("overall", whole, "old", "new") if row.name != "compare.bias"]  # of whole points; the bias is of the means
        out.append(_row("compare.bias", "overall", mean_interval((both["new"] - both["old"]).to_numpy(), speeches, self.draws, self.seed)))
        return JudgesCompared([*out, *self._pairs(both), *_ranks(both)])

    def _both(self, responses: pl.DataFrame, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
        """A row for each response that both judges rated in full: their scores by item, and their weighted means."""
        names = [item.name for item in self.instrument.items]
        total = sum(item.weight for item in self.instrument.items)
        frame = responses.select("response_id", "speech_id", "model").sort("response_id")
        for side, ratings in (("old", old), ("new", new)):
            means = [pl.col("score").filter(pl.col("item") == name).mean().alias(f"{name}:{side}") for name in names]
            frame = frame.join(ratings.group_by("subject_id").agg(means), left_on="response_id", right_on="subject_id", how="inner").drop_nulls()
            weighted = [pl.col(f"{item.name}:{side}") * item.weight for item in self.instrument.items]
            frame = frame.with_columns((pl.sum_horizontal(weighted) / total).round(9).alias(side))
        return frame.sort("response_id")

    def _agreement(self, place: str, both: pl.DataFrame, old: str, new: str) -> list[Metric]:
        first, second = (both[name].round(9).to_numpy() for name in (old, new))  # the mean of equal repeats is the same to the last digit
        scale = np.union1d(range(self.instrument.low, self.instrument.high + 1), [first, second])  # means over repeats lie between its points
        found = compare(first, second, both["speech_id"].to_list(), scale, self.draws, self.seed)
        return [_row(f"compare.{name}", place, figure) for name, figure in zip(found._fields, found, strict=True) if np.isfinite(figure.value)]

    def _pairs(self, both: pl.DataFrame) -> list[Metric]:
        """What becomes of the old judge's clear pairs, and of its best responses."""
        one = both.select("speech_id", "response_id", "old", "new")
        clear = one.join(one, on="speech_id", suffix="_other").filter(pl.col("old") - pl.col("old_other") >= self.gap - 1e-9)
        out = []
        if clear.height:
            after = (clear["new"] - clear["new_other"]).round(9).to_numpy()
            flips = pair_flips(after, clear["speech_id"].to_list(), self.draws, self.seed)
            out += [_row(f"compare.pairs_{name}", "overall", figure) for name, figure in zip(flips._fields, flips, strict=True)]
        changed = (_best(one, "old") != _best(one, "new")).to_numpy().astype(float)
        speeches = one["speech_id"].unique().sort().to_list()
        return [*out, _row("compare.best_changed", "overall", mean_interval(changed, speeches, self.draws, self.seed, share=True))]


def _best(rows: pl.DataFrame, side: str) -> pl.Series:
    """The best response of each speech, in the order of the speeches' ids; equal scores are settled by id."""
    ranked = rows.sort(side, "response_id", descending=[True, False])
    return ranked.group_by("speech_id", maintain_order=True).first().sort("speech_id")["response_id"]


def _ranks(both: pl.DataFrame) -> list[Metric]:
    """How the responders' order by mean score changes."""
    means = both.group_by("model").agg(pl.col("old").mean().round(9), pl.col("new").mean().round(9), pl.len()).sort("model")
    old, new = (means[side].rank("average", descending=True) for side in ("old", "new"))
    moved = zip(means["model"], new - old, means["len"], strict=True)
    rows = [metric("compare.rank", f"model:{model}", change, count=count) for model, change, count in moved]
    tau = kendalltau(means["old"].to_numpy(), means["new"].to_numpy()).statistic if means.height > 1 else float("nan")
    return rows + ([metric("compare.tau", "models", float(tau), count=means.height)] if np.isfinite(tau) else [])


def _row(name: str, place: str, figure: Interval) -> Metric:
    return metric(name, place, *figure)
