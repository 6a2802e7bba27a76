"""Ratings to preferences: every clear gap, or best against worst; all of it columnar."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import polars as pl
from pydantic import Field, model_validator

from psycopref.instruments import InstrumentSetting
from psycopref.lab import Lab
from psycopref.settings import Stage
from psycopref.store.parquet import Table, table
from psycopref.tables import Failure, Metric, Preference, Rating, Response, Speech, metric

Rule = Literal["every", "best_worst"]


class Paired(NamedTuple):
    """`preferences` of every split; `measure`, all test pairs with any gap; responses left out for lack of a rating; counts."""

    preferences: Sequence[Preference]
    measure: Sequence[Preference]
    failures: Sequence[Failure]
    metrics: Sequence[Metric]


class Pair(Stage):
    """Paper, section 3.2: in train (and dev) every pair whose overall scores differ by `gap` points, in test best against worst.

    The overall score is the weighted mean over the items of the `instrument`, or the score of the one `item`; a response that
    lacks one is left out with a Failure row. `measure_gap` is the least gap of the wider test set (greater than 0).
    """

    instrument: InstrumentSetting | None = None
    item: str = ""
    train: Rule = "every"
    test: Rule = "best_worst"
    gap: float = Field(default=1.0, gt=0)
    measure_gap: float = Field(default=1e-6, gt=0)

    @model_validator(mode="after")
    def _scored(self) -> "Pair":
        if (self.instrument is None) == (not self.item):
            raise ValueError('give either `instrument` or `item`: the ratings that decide (item = "reward" for those of a reward model)')
        return self

    def run(self, lab: Lab, speeches: Sequence[Speech], responses: Sequence[Response], ratings: Sequence[Rating]) -> Paired:
        """Speeches with splits, their responses and ratings to preferences."""
        overall, failures = self._overall(responses, ratings)
        scored = overall.join(table(Speech, speeches).frame.select("speech_id", "split"), on="speech_id", how="inner")
        is_test = pl.col("split") == "test"
        every = _pairs(scored)
        best = _pairs(_ends(scored))
        rows = [self._rule(every, best, self.train).filter(~is_test), self._rule(every, best, self.test).filter(is_test)]
        preferences = _rows(pl.concat(rows).filter(pl.col("gap") >= self.gap - 1e-9))
        measure = _rows(every.filter(is_test & (pl.col("gap") >= self.measure_gap)))
        return Paired(preferences, measure, failures, [*_counts(preferences), metric("pairs", "test_all", len(measure), count=len(measure))])

    def _rule(self, every: pl.DataFrame, best: pl.DataFrame, rule: Rule) -> pl.DataFrame:
        return every if rule == "every" else best

    def _overall(self, responses: Sequence[Response], ratings: Sequence[Rating]) -> tuple[pl.DataFrame, Sequence[Failure]]:
        names = [(self.item, 1.0)] if self.instrument is None else [(item.name, item.weight) for item in self.instrument.items]
        weights = pl.DataFrame(names, schema={"item": pl.String, "weight": pl.Float64}, orient="row")
        scores = (
            table(Rating, ratings)
            .frame.join(weights, on="item", how="inner")
            .group_by("subject_id")
            .agg(overall=(pl.col("score") * pl.col("weight")).sum() / pl.col("weight").sum(), items=pl.col("item").n_unique())
        )
        joined = table(Response, responses).frame.join(scores, left_on="response_id", right_on="subject_id", how="left")
        whole = pl.col("items").fill_null(0) == len(names)
        lacking = (
            joined.filter(~whole)
            .select(
                failure_id=pl.format("failure-unrated-{}", "response_id"), subject_id=pl.col("response_id"), reason=pl.lit("unrated: pair"), call_id=pl.lit("")
            )
            .sort("failure_id")
        )
        return joined.filter(whole).select("response_id", "speech_id", "overall"), Table(Failure, lacking)


def _ends(scored: pl.DataFrame) -> pl.DataFrame:
    """The best and the worst response of each speech; equal scores are settled by id."""
    ranked = scored.sort("speech_id", "overall", "response_id")
    return (
        pl.concat([ranked.group_by("speech_id", maintain_order=True).first(), ranked.group_by("speech_id", maintain_order=True).last()])
        .unique("response_id")
        .select(scored.columns)
    )


def _pairs(scored: pl.DataFrame) -> pl.DataFrame:
    """All ordered pairs of one speech with a positive gap."""
    both = scored.join(scored.select("speech_id", other="response_id", low="overall"), on="speech_id")
    return both.with_columns(gap=(pl.col("overall") - pl.col("low")).round(9)).filter(pl.col("gap") > 0)


def _rows(pairs: pl.DataFrame) -> Table[Preference]:
    made = pairs.select(
        preference_id=pl.format("preference-{}-{}", pl.col("response_id").str.slice(9), pl.col("other").str.slice(9)),
        speech_id="speech_id",
        chosen_id="response_id",
        rejected_id="other",
        gap="gap",
        split="split",
    )
    return Table(Preference, made.sort("preference_id"))


def _counts(preferences: Table[Preference]) -> list[Metric]:
    found = dict(preferences.frame.group_by("split").len().iter_rows())
    return [metric("pairs", split, found.get(split, 0), count=found.get(split, 0)) for split in ("train", "dev", "test", "gold")]
