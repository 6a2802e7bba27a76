"""Reward scores against test pairs: accuracy, AUC, calibration and Brier score, beside two models that know no counseling."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from pydantic import Field

from psycopref.columns import reward_of, words
from psycopref.errors import TableError
from psycopref.lab import Lab
from psycopref.settings import Stage
from psycopref.stats import calibration
from psycopref.stats.baselines import Tfidf, length_fit, tfidf_fit, tfidf_scores
from psycopref.stats.intervals import Floats, Interval, paired_difference
from psycopref.stats.length import correlation, longer_wins
from psycopref.store.parquet import table
from psycopref.tables import Metric, Preference, Rating, Response, Speech, content_id, estimate

BASELINES = ("tfidf", "longer")


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a reliability diagram of a slice: stated confidence, the share that was right with its 95 % interval, the pairs."""

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
    """The figures of the reward model and the baselines, and the bins of their reliability diagrams."""

    metrics: Sequence[Metric]
    bins: Sequence[Bin]


class Calibrate(Stage):
    """The reward model's figures on pairs that it never saw, with intervals over speeches.

    Slice `test` is best against worst (the paper's test), `test_all` every test pair with a gap. `test:tfidf` is a TF-IDF
    Bradley-Terry model and `test:longer` a logistic model of the word difference, both fitted on the train pairs.
    """

    bins: int = Field(default=10, ge=1)
    draws: int = Field(default=2000, ge=100)
    seed: int = 0

    @classmethod
    def version(cls) -> int:
        """2: a figure without an interval is a count of what it rests on."""
        return 2

    def run(
        self,
        lab: Lab,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        preferences: Sequence[Preference],
        measure: Sequence[Preference],
        scores: Sequence[Rating],
    ) -> Calibrated:
        """Test pairs and reward scores (item 'reward', one per response) to figures; TableError where a response has no score."""
        rewards = reward_of(scores)
        texts = table(Response, responses).frame.select("response_id", "text")
        all_pairs = _with_texts(table(Preference, preferences).frame, texts)
        train, test = (all_pairs.filter(pl.col("split") == split) for split in ("train", "test"))
        models = _baselines(train)
        metrics: list[Metric] = []
        bins: list[Bin] = []
        for name, pairs in (("test", test), ("test_all", _with_texts(table(Preference, measure).frame, texts))):
            if pairs.height:
                margins = {"": _reward_margins(pairs, rewards)} | {one: fitted(pairs) for one, fitted in models.items()}
                self._figures(name, pairs, margins, metrics, bins)
        return Calibrated(metrics, bins)

    def _figures(self, name: str, pairs: pl.DataFrame, margins: dict[str, Floats], metrics: list[Metric], bins: list[Bin]) -> None:
        clusters, ids = pairs["speech_id"].to_list(), pairs["preference_id"].to_list()
        for model, margin in margins.items():
            place = f"{name}:{model}" if model else name
            figures = calibration.pair_figures(margin, clusters, ids, self.bins, self.draws, self.seed)
            metrics += [row for field, one in figures._asdict().items() for row in estimate(f"reward.{field}", place, one)]
            rows = calibration.reliability(margin, clusters, self.bins)
            bins += [Bin(content_id("bin", place, number), place, number, *row) for number, row in enumerate(rows)]
        right = {model: calibration.correct(margin) for model, margin in margins.items()}
        for model in [one for one in margins if one]:
            ahead = paired_difference(right[""], right[model], clusters, self.draws, self.seed)
            metrics += estimate("reward.accuracy_over", f"{name}:{model}", ahead)
        metrics += self._length(name, pairs, margins[""], clusters)

    def _length(self, name: str, pairs: pl.DataFrame, margin: Floats, clusters: list[str]) -> list[Metric]:
        chosen, rejected = pairs["chosen_words"].to_numpy(), pairs["rejected_words"].to_numpy()
        found: dict[str, Interval] = {
            "pairs.longer_chosen": longer_wins(chosen, rejected, clusters, self.draws, self.seed),
            "reward.length_correlation": correlation(margin, chosen - rejected, clusters, self.draws, self.seed),
        }
        return [row for one, figure in found.items() for row in estimate(one, name, figure)]


def _with_texts(pairs: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    """Preferences with both texts and their words; TableError where a response is not there."""
    for side in ("chosen", "rejected"):
        pairs = pairs.join(texts.select(pl.col("response_id").alias(f"{side}_id"), pl.col("text").alias(f"{side}_text")), on=f"{side}_id", how="left")
        lost = pairs.filter(pl.col(f"{side}_text").is_null())
        if lost.height:
            first = lost[f"{side}_id"][0]
            raise TableError(f"calibrate: the {side} response {first!r} of a preference is not among the responses; give those that the pairs were made of")
    return pairs.with_columns(words(f"{side}_text").cast(pl.Float64).alias(f"{side}_words") for side in ("chosen", "rejected"))


def _reward_margins(pairs: pl.DataFrame, rewards: pl.DataFrame) -> Floats:
    known = rewards.select("response_id", "reward")
    both = pairs.select("chosen_id", "rejected_id").join(known, left_on="chosen_id", right_on="response_id", how="left", maintain_order="left")
    both = both.join(known.rename({"reward": "other"}), left_on="rejected_id", right_on="response_id", how="left", maintain_order="left")
    lost = both.filter(pl.col("reward").is_null() | pl.col("other").is_null())
    if lost.height:
        first = lost["chosen_id"][0]
        raise TableError(f"calibrate: {lost.height} test pairs lack a reward, the first with chosen response {first!r}; score all responses first")
    return (both["reward"] - both["other"]).to_numpy()


class _Words(NamedTuple):
    """The TF-IDF baseline: margins of pairs from their texts."""

    model: Tfidf

    def __call__(self, pairs: pl.DataFrame) -> Floats:
        return tfidf_scores(self.model, pairs["chosen_text"].to_list()) - tfidf_scores(self.model, pairs["rejected_text"].to_list())


class _Length(NamedTuple):
    """The length baseline: margins of pairs from their words."""

    per_word: float

    def __call__(self, pairs: pl.DataFrame) -> Floats:
        return self.per_word * (pairs["chosen_words"] - pairs["rejected_words"]).to_numpy()


def _baselines(train: pl.DataFrame) -> dict[str, "_Words | _Length"]:
    """Both baselines fitted on the train pairs; none where there are no train pairs (scores of a model from elsewhere)."""
    if not train.height:
        return {}
    sides = pl.concat([train.select(id=f"{side}_id", text=f"{side}_text") for side in ("chosen", "rejected")]).unique("id").sort("id")
    index = {one: number for number, one in enumerate(sides["id"])}
    where = [np.array([index[one] for one in train[side]]) for side in ("chosen_id", "rejected_id")]
    words = tfidf_fit(sides["text"].to_list(), *where)
    return dict(zip(BASELINES, (_Words(words), _Length(length_fit(train["chosen_words"].to_numpy(), train["rejected_words"].to_numpy()))), strict=True))
