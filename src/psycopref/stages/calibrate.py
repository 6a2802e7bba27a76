"""Reward scores against test pairs: accuracy, AUC, calibration and Brier score, beside two models
that know no counseling.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from pydantic import Field

from psycopref.errors import TableError
from psycopref.lab import Lab
from psycopref.needs import Need
from psycopref.queries.columns import reward_of
from psycopref.queries.pairs import margins, parts, votes, with_texts
from psycopref.settings import Stage
from psycopref.stats import calibration
from psycopref.stats.baselines import Tfidf, length_fit, tfidf_fit, tfidf_scores
from psycopref.stats.intervals import Floats, Interval, mean_interval, paired_difference
from psycopref.stats.length import correlation, longer_wins
from psycopref.stats.temperature import scaled, temperature
from psycopref.stats.winrate import prompt_scores
from psycopref.store.parquet import Table, table
from psycopref.tables import (
    Metric,
    Preference,
    Rating,
    Response,
    Speech,
    Verdict,
    content_id,
    estimate,
    metric,
)

BASELINES = ("tfidf", "longer")


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a reliability diagram of a slice: stated confidence, the share that was right with
    its 95 % interval, the pairs.
    """

    bin_id: str
    slice: str
    number: int
    low: float
    high: float
    confidence: float
    right: float
    right_low: float
    right_high: float
    count: int


class Calibrated(NamedTuple):
    """The figures of the reward model and the baselines, and the bins of their reliability
    diagrams.
    """

    metrics: Sequence[Metric]
    bins: Sequence[Bin]


class Calibrate(Stage):
    """The reward model's figures on pairs that it never saw, with intervals over speeches (paper,
    Table 1).

    Slice `test` is best against worst (the paper's test), `test_all` every test pair with a gap;
    where `name` is given, `measure` is another test set of that name and stands alone. `test:tfidf`
    is a TF-IDF Bradley-Terry model and `test:longer` a logistic model of the word difference, both
    fitted on the train pairs; `test:<name>` is a reward model of others or a language model asked
    which response is better (both orders; its score is the mean, a flip a tie). Parts follow:
    `test_all:topic:<coarse>`, `test_all:<name>:gap:1 to 2`, `...:length:alike`. Temperatures are
    fitted on the dev pairs (slice `dev`). `names` are the models that are expected beside ours: one
    that scored nothing has no row to be known by, and stands there as not scored.
    """

    name: str = ""
    names: tuple[str, ...] = ()
    bins: int = Field(default=10, ge=1)
    draws: int = Field(default=2000, ge=100)
    seed: int = 0

    @classmethod
    def version(cls) -> int:
        """2: parts by topic, gap and length; temperatures; reward models of others and rankers
        beside; no figure without an interval.

        3: intervals of calibration errors hold the truth, with their floor beside; models that
        scored nothing; temperatures that do not exist.
        """
        return 3

    def run(
        self,
        lab: Lab,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        preferences: Sequence[Preference],
        measure: Sequence[Preference],
        scores: Sequence[Rating],
        others: Sequence[Rating] = (),
        ranked: Sequence[Verdict] = (),
    ) -> Calibrated:
        """Test pairs and reward scores (item 'reward', one per response) to figures; TableError
        where a response has no score.

        `others` are rewards by other models, named by their judge; a pair that one of them lacks is
        left out of its figures and counted (`reward.unscored`). `ranked` are verdicts on pairs by
        language models, named by their judge.
        """
        texts, topics = (
            table(Response, responses).pick("response_id", "text"),
            table(Speech, speeches).pick("speech_id", "topic"),
        )
        pairs, wide = (
            with_texts(
                table(Preference, rows).frame.join(topics, on="speech_id", how="left"), texts
            )
            for rows in (preferences, measure)
        )
        train, dev, test = (
            pairs.filter(pl.col("split") == split) for split in ("train", "dev", "test")
        )
        models = _models(train, scores, others)
        rankers = {
            str(judge): rows
            for (judge,), rows in sorted(
                table(Verdict, ranked).frame.group_by("judge"), key=lambda one: str(one[0])
            )
        }
        sheet = _Sheet(
            self,
            (
                {name: self._temperature(model, dev) for name, model in models.items()}
                if dev.height
                else {}
            ),
        )
        for name, rows in (
            (("test", test), ("test_all", wide)) if not self.name else ((self.name, wide),)
        ):
            if rows.height:
                sheet.add(
                    name,
                    rows,
                    {one: fitted(rows) for one, fitted in models.items()},
                    {one: votes(rows, found) for one, found in rankers.items()},
                )
        hot = sheet.temperatures if sheet.metrics else {}
        heat = [
            row
            for name, found in hot.items()
            for row in _heat(f"dev:{name}" if name else "dev", found)
        ]
        return Calibrated([*sheet.metrics, *heat], sheet.bins)

    def _temperature(self, model: "_Margins", dev: pl.DataFrame) -> Interval:
        margin = model(dev)
        known = np.isfinite(margin)
        return temperature(
            margin[known], dev.filter(known)["speech_id"].to_list(), self.draws, self.seed
        )

    def rehearse(
        self,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        preferences: Sequence[Preference],
        measure: Sequence[Preference],
        scores: Sequence[Rating],
        others: Sequence[Rating] = (),
        ranked: Sequence[Verdict] = (),
    ) -> tuple[Calibrated, Need]:
        """No figure of rewards that are not measured."""
        return Calibrated([], []), Need()


class _Sheet:
    """The figures as they grow, set by set."""

    def __init__(self, how: Calibrate, temperatures: dict[str, Interval]) -> None:
        self.how, self.temperatures = how, temperatures
        self.metrics: list[Metric] = []
        self.bins: list[Bin] = []

    def add(
        self, name: str, pairs: pl.DataFrame, margin: dict[str, Floats], voted: dict[str, Floats]
    ) -> None:
        """One set of pairs: margins (pairs,) by model, votes (pairs, 2) by ranker."""
        clusters = pairs["speech_id"].to_list()
        lost = int((~np.isfinite(margin[""])).sum())
        if lost:
            raise TableError(
                f"calibrate: {lost} pairs of {name!r} lack a reward; score all responses first"
            )
        right: dict[str, Floats] = {}
        for model, own in margin.items():
            right[model] = np.where(np.isfinite(own), calibration.correct(own), np.nan)
            self._margins(f"{name}:{model}" if model else name, model, pairs, own)
        for model, vote in voted.items():
            right[model] = prompt_scores(vote)[0]
            self._votes(f"{name}:{model}", pairs, vote, right[model])
        for model in self.how.names:
            if model not in right:
                self._unscored(f"{name}:{model}", np.zeros(pairs.height, dtype=bool))
        masks = parts(pairs)
        for model, own in right.items():
            self._compared(f"{name}:{model}", right[""], own, pairs) if model else None
            self._parts(f"{name}:{model}" if model else name, own, masks, pairs)
        self._length(name, pairs, margin[""], clusters)

    def _margins(self, place: str, model: str, pairs: pl.DataFrame, margin: Floats) -> None:
        known = np.isfinite(margin)
        margin, rows, how = margin[known], pairs.filter(known), self.how
        clusters, ids = rows["speech_id"].to_list(), rows["preference_id"].to_list()
        self._add(
            place,
            calibration.pair_figures(
                margin, clusters, ids, how.bins, how.draws, how.seed
            )._asdict(),
        )
        self._unscored(place, known)
        hot = self.temperatures.get(model)
        if (
            hot is not None and hot.low is not None
        ):  # a temperature that some draws lack is the dev pairs' accident
            found = scaled(margin, hot.value, clusters, how.bins, how.draws, how.seed)._asdict()
            self._add(place, {f"{field}_scaled": one for field, one in found.items()})
        bins = calibration.reliability(margin, clusters, how.bins)
        self.bins += [
            Bin(content_id("bin", place, number), place, number, *row)
            for number, row in enumerate(bins)
        ]

    def _votes(self, place: str, pairs: pl.DataFrame, vote: Floats, right: Floats) -> None:
        known = np.isfinite(right)
        clusters = pairs.filter(known)["speech_id"].to_list()
        _, flips = prompt_scores(vote)
        figures = {
            "accuracy": mean_interval(
                right[known], clusters, self.how.draws, self.how.seed, share=True
            )
        }
        self._add(
            place,
            figures
            | {
                "flipped": mean_interval(
                    flips[known], clusters, self.how.draws, self.how.seed, share=True
                )
            },
        )
        self._unscored(place, known)

    def _unscored(self, place: str, known: Any) -> None:
        if lost := int((~known).sum()):
            self.metrics.append(metric("reward.unscored", place, lost, count=len(known)))

    def _add(self, place: str, figures: Mapping[str, Interval]) -> None:
        self.metrics += [
            row for field, one in figures.items() for row in estimate(f"reward.{field}", place, one)
        ]

    def _compared(self, place: str, ours: Floats, theirs: Floats, pairs: pl.DataFrame) -> None:
        both = np.isfinite(theirs)
        if both.any():
            clusters = pairs.filter(both)["speech_id"].to_list()
            self._add(
                place,
                {
                    "accuracy_over": paired_difference(
                        ours[both],
                        theirs[both],
                        clusters,
                        self.how.draws,
                        self.how.seed,
                        (-1.0, 1.0),
                    )
                },
            )

    def _parts(
        self, place: str, right: Floats, masks: Mapping[str, Any], pairs: pl.DataFrame
    ) -> None:
        for part, mask in masks.items():
            known = mask & np.isfinite(right)
            if known.any():
                found = mean_interval(
                    right[known],
                    pairs.filter(known)["speech_id"].to_list(),
                    self.how.draws,
                    self.how.seed,
                    share=True,
                )
                self._add(f"{place}:{part}", {"accuracy": found})

    def _length(self, name: str, pairs: pl.DataFrame, margin: Floats, clusters: list[str]) -> None:
        chosen, rejected = pairs["chosen_words"].to_numpy(), pairs["rejected_words"].to_numpy()
        found: dict[str, Interval] = {
            "pairs.longer_chosen": longer_wins(
                chosen, rejected, clusters, self.how.draws, self.how.seed
            ),
            "reward.length_correlation": correlation(
                margin, chosen - rejected, clusters, self.how.draws, self.how.seed
            ),
        }
        self.metrics += [
            row for one, figure in found.items() for row in estimate(one, name, figure)
        ]


def _heat(place: str, found: Interval) -> list[Metric]:
    """A temperature, or on how many pairs it rests that there is none, or none with an interval."""
    if np.isfinite(found.value):
        return estimate("reward.temperature", place, found)
    return [metric("reward.temperature.without_interval", place, found.n, count=found.n)]


class _Rewards(NamedTuple):
    """A reward model: margins of pairs from the rewards of their responses."""

    rewards: pl.DataFrame

    def __call__(self, pairs: pl.DataFrame) -> Floats:
        return margins(pairs, self.rewards)


class _Words(NamedTuple):
    """The TF-IDF baseline: margins of pairs from their texts."""

    model: Tfidf

    def __call__(self, pairs: pl.DataFrame) -> Floats:
        return tfidf_scores(self.model, pairs["chosen_text"].to_list()) - tfidf_scores(
            self.model, pairs["rejected_text"].to_list()
        )


class _Length(NamedTuple):
    """The length baseline: margins of pairs from their words."""

    per_word: float

    def __call__(self, pairs: pl.DataFrame) -> Floats:
        return self.per_word * (pairs["chosen_words"] - pairs["rejected_words"]).to_numpy()


def _models(
    train: pl.DataFrame, scores: Sequence[Rating], others: Sequence[Rating]
) -> "dict[str, _Margins]":
    """What gives margins, by name: the reward model (''), the baselines (none without train pairs),
    the reward models of others.
    """
    made: dict[str, _Margins] = {"": _Rewards(reward_of(scores))}
    if train.height:
        made |= _baselines(train)
    for (judge,), rows in sorted(
        table(Rating, others).frame.group_by("judge"), key=lambda one: str(one[0])
    ):
        made[str(judge)] = _Rewards(reward_of(Table(Rating, rows)))
    return made


def _baselines(train: pl.DataFrame) -> "dict[str, _Margins]":
    """Both baselines fitted on the train pairs."""
    sides = (
        pl.concat(
            [train.select(id=f"{side}_id", text=f"{side}_text") for side in ("chosen", "rejected")]
        )
        .unique("id")
        .sort("id")
    )
    index = {one: number for number, one in enumerate(sides["id"])}
    where = [np.array([index[one] for one in train[side]]) for side in ("chosen_id", "rejected_id")]
    words = tfidf_fit(sides["text"].to_list(), *where)
    return dict(
        zip(
            BASELINES,
            (
                _Words(words),
                _Length(
                    length_fit(train["chosen_words"].to_numpy(), train["rejected_words"].to_numpy())
                ),
            ),
            strict=True,
        )
    )


_Margins = _Rewards | _Words | _Length
