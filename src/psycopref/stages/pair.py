"""Ratings to preferences: every clear gap, or best against worst; all of it columnar, and no text
is read.
"""

from collections.abc import Sequence
from functools import reduce
from itertools import combinations
from operator import add
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from psycopref.config.instruments import InstrumentSetting
from psycopref.config.toml_files import did_you_mean
from psycopref.errors import RecipeError
from psycopref.lab import Lab
from psycopref.labels.topic_list import TopicsSetting
from psycopref.needs import Need
from psycopref.queries.placeholders import standing_for
from psycopref.queries.preferences import ends, ordered_pairs, preference_rows, unrated
from psycopref.settings import Stage
from psycopref.stats.intervals import Interval
from psycopref.stats.judges import compare
from psycopref.stats.length import correlation
from psycopref.store.parquet import Table, table
from psycopref.tables import (
    Failure,
    Figure,
    Metric,
    Preference,
    Rating,
    Response,
    Speech,
)

Rule = Literal["every", "best_worst"]
Factor = Annotated[float, Field(ge=0)]
Weight = Annotated[float, Field(gt=0)]
_DRAWS = 1000  # of a bootstrap over all speeches of a dataset, once for each item and two judges

PAIRS = Figure(
    "pairs",
    "count",
    ("{set=train|dev|test|gold|test_all}",),
    "preference pairs of each split; `test_all`: every test pair with a gap",
)
BY_ITEM = ("{item}: {one} & {two}",)
KAPPA = Figure("judges.kappa", "estimate", BY_ITEM, "quadratic kappa of two judges' scores")
DIFFERENCE = Figure(
    "judges.difference", "estimate", BY_ITEM, "the first judge's mean less the other's"
)
SPEARMAN = Figure(
    "judges.spearman", "estimate", ("{one} & {two}",), "Spearman's correlation of means over items"
)


class Paired(NamedTuple):
    """`preferences` of every split; `measure`, all test pairs with any gap; responses left out for
    lack of a rating; counts and agreement.
    """

    preferences: Sequence[Preference]
    measure: Sequence[Preference]
    failures: Sequence[Failure]
    metrics: Sequence[Metric]


class Pair(Stage):
    """Paper, section 3.2: in train (and dev) every pair whose overall scores differ by `gap`
    points, in test best against worst.

    The overall score is the weighted mean over the items of the `instrument`, or the score of the
    one `item`. `topic_weights` multiplies items' weights for speeches of a topic of `topics` (the
    shipped list), coarse or fine, a fine one before its coarse one: {"Crisis and Safety Concerns":
    {"safety": 2.0}}. An item's score is the mean over the judges, weighted by `judges` (every judge
    there is, alike, where it names none), and over repeats. A response that lacks an item of a
    judge is left out with a Failure row. `measure_gap` is the least gap of the wider test set
    (greater than 0).
    """

    instrument: InstrumentSetting | None = None
    item: str = ""
    train: Rule = "every"
    test: Rule = "best_worst"
    gap: float = Field(default=1.0, gt=0)
    measure_gap: float = Field(default=1e-6, gt=0)
    judges: dict[str, Weight] = Field(default_factory=dict)
    topic_weights: dict[str, dict[str, Factor]] = Field(default_factory=dict)
    topics: TopicsSetting | None = None

    @classmethod
    def version(cls) -> int:
        """2: agreement between judges among the metrics; a response needs the ratings of every
        judge. 3: that agreement has intervals.
        """
        return 3

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, values: Any) -> Any:
        """Topics are looked up in a list, so the list belongs to the settings wherever one is
        looked up.
        """
        return (
            {"topics": "topics", **values}
            if isinstance(values, dict) and values.get("topic_weights")
            else values
        )

    @model_validator(mode="after")
    def _scored(self) -> "Pair":
        if (self.instrument is None) == (not self.item):
            raise ValueError(
                'give either `instrument` or `item`: the ratings that decide (item = "reward" for'
                " those of a reward model)"
            )
        if self.topics:
            for topic, factors in self.topic_weights.items():
                _known("topic_weights", "topic", [topic], list(self.topics.names()))
                _known(f"topic_weights of {topic!r}", "item", list(factors), list(self._weights()))
            for topic in self.topics.names():
                if not sum(self._weights(topic).values()):
                    raise ValueError(
                        f"topic_weights: no item has a weight above 0 for the topic {topic!r}"
                    )
        return self

    def _weights(self, topic: str = "") -> dict[str, float]:
        """The weight of each item for speeches of a fine topic, or of a coarse one where no finer
        is known.
        """
        weights = (
            {item.name: item.weight for item in self.instrument.items}
            if self.instrument
            else {self.item: 1.0}
        )
        own = (
            {}
            if not topic or not self.topics
            else self.topic_weights.get(self.topics.coarse_of(topic), {})
            | self.topic_weights.get(topic, {})
        )
        return {name: weight * own.get(name, 1.0) for name, weight in weights.items()}

    def run(
        self,
        lab: Lab,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        ratings: Sequence[Rating],
    ) -> Paired:
        """Speeches with splits, their responses and ratings to preferences."""
        judges = self._judges(table(Rating, ratings))
        rated = self._rated(
            table(Speech, speeches), table(Response, responses), table(Rating, ratings), judges
        )
        scored = (
            rated.filter(pl.col("overall").is_not_null() & pl.col("split").is_not_null())
            .sort("response_id")
            .with_row_index("row")
        )
        is_test = pl.col("split") == "test"
        train, test = scored.filter(~is_test), scored.filter(is_test)
        every = ordered_pairs(test)
        wanted = [
            ordered_pairs(train if self.train == "every" else ends(train)),
            every if self.test == "every" else ordered_pairs(ends(test)),
        ]
        preferences = preference_rows(
            scored, pl.concat(wanted).filter(pl.col("gap") >= self.gap - 1e-9)
        )
        measure = preference_rows(scored, every.filter(pl.col("gap") >= self.measure_gap))
        failures = unrated(rated.filter(pl.col("overall").is_null()))
        counts = [
            *_counts(preferences),
            *PAIRS.rows(len(measure), set="test_all"),
        ]
        return Paired(preferences, measure, failures, counts + self._agreement(rated, list(judges)))

    def _judges(self, ratings: Table[Rating]) -> dict[str, float]:
        """The judges that decide, each with its weight; RecipeError where one of them rated
        nothing.
        """
        query = (
            ratings.lazy()
            .filter(pl.col("item").is_in(list(self._weights())))
            .select(pl.col("judge").unique())
        )
        found = ratings.collected(query)["judge"].sort().to_list()
        if found and self.judges:
            try:
                _known("[pair] judges", "judge", list(self.judges), found)
            except ValueError as error:
                raise RecipeError(str(error)) from None
        return self.judges or dict.fromkeys(found or [""], 1.0)

    def _rated(
        self,
        speeches: Table[Speech],
        responses: Table[Response],
        ratings: Table[Rating],
        judges: dict[str, float],
    ) -> pl.DataFrame:
        """Every response with the number and split of its speech, each judge's score on each item
        (null where there is none), and `overall`.
        """
        items, share = list(self._weights()), sum(judges.values())
        cells = {
            _cell(item, judge): (pl.col("item") == item) & (pl.col("judge") == judge)
            for item in items
            for judge in judges
        }
        means = [
            pl.when(this).then(pl.col("score")).mean().alias(cell) for cell, this in cells.items()
        ]
        scores = ratings.collected(
            ratings.lazy()
            .select("subject_id", "item", "judge", "score")
            .group_by("subject_id")
            .agg(means)
        )
        people = speeches.pick("speech_id", "split", "topic").with_row_index("speech")
        both = responses.pick("response_id", "speech_id").join(
            scores, left_on="response_id", right_on="subject_id", how="left"
        )
        joined = both.join(people, on="speech_id", how="left")
        by_judge = {
            item: [pl.col(_cell(item, judge)) * weight for judge, weight in judges.items()]
            for item in items
        }
        weighted = [
            reduce(add, by_judge[item]) / share * self._weight(item) for item in items
        ]  # `+` keeps a null: no score is no score
        return joined.with_columns(
            overall=reduce(add, weighted) / reduce(add, map(self._weight, items))
        )

    def _weight(self, item: str) -> pl.Expr:
        usual = self._weights()[item]
        special = {
            topic: self._weights(topic)[item]
            for topic in (self.topics.names() if self.topics else ())
        }
        return (
            pl.col("topic").replace_strict(special, default=usual, return_dtype=pl.Float64)
            if special
            else pl.lit(usual)
        )

    def _agreement(self, rated: pl.DataFrame, judges: list[str]) -> list[Metric]:
        """For any two judges: quadratically weighted kappa and mean difference by item, Spearman's
        correlation of the mean over items.

        Over the responses that both rated on all items, with intervals by speech.
        """
        out, items = [], list(self._weights())
        for one, two in combinations(judges, 2):
            both = rated.drop_nulls([_cell(item, judge) for item in items for judge in (one, two)])
            if not both.height:
                continue
            sums = [
                reduce(add, [pl.col(_cell(item, judge)) for item in items]) for judge in (one, two)
            ]
            speeches = both["speech"].cast(pl.String).to_list()
            first, second = (both.select(s.round(9)).to_series().to_numpy() for s in sums)
            found = _rounded(correlation(first, second, speeches, _DRAWS))
            out += SPEARMAN.rows(found, one=one, two=two)
            for item in items if self.instrument else ():
                first, second = (
                    both[_cell(item, judge)].round(9).to_numpy() for judge in (one, two)
                )
                # Its bias is the second it is given less the first.
                both_of = compare(second, first, speeches, np.union1d(first, second), _DRAWS)
                out += KAPPA.rows(_rounded(both_of.kappa), item=item, one=one, two=two)
                out += DIFFERENCE.rows(_rounded(both_of.bias), item=item, one=one, two=two)
        return out

    def rehearse(
        self,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        ratings: Sequence[Rating],
    ) -> tuple[Paired, Need] | None:
        """Where some speech has responses and no rating yet: pairs as many as the paper had, one a
        speech where only best and worst are paired; else what there is.
        """
        rated = table(Rating, ratings).pick("subject_id")["subject_id"].unique()
        answers = table(Response, responses).pick("response_id", "speech_id")
        grouped = answers.group_by("speech_id").agg(
            pl.col("response_id"), rated=pl.col("response_id").is_in(rated.implode()).any()
        )
        if grouped["rated"].all():
            return None
        own = dict(grouped.select("speech_id", "response_id").iter_rows())
        found = standing_for(speeches, own, self.gap, self.train == "every", self.test == "every")
        return Paired(found.preferences, found.measure, [], []), Need()


def _rounded(found: Interval) -> Interval:
    """Last digits of sums differ between machines."""
    value, low, high = (None if one is None else round(one, 9) for one in found[:3])
    return Interval(found.value if value is None else value, low, high, found.n)


def _cell(item: str, judge: str) -> str:
    return f"score: {item}: {judge}"


def _known(where: str, kind: str, names: list[str], known: list[str]) -> None:
    """ValueError at the first name that is not known."""
    for name in names:
        if name not in known:
            close = did_you_mean(name, known)
            raise ValueError(
                f"{where}: no {kind} {name!r}{close}"
                + ("" if close and len(known) > 12 else f"; there are {known}")
            )


def _counts(preferences: Table[Preference]) -> list[Metric]:
    found = dict(preferences.frame.group_by("split").len().iter_rows())
    splits = ("train", "dev", "test", "gold")
    return [row for split in splits for row in PAIRS.rows(found.get(split, 0), set=split)]
