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
from psycopref.labels.topic_list import TopicsSetting, groups
from psycopref.needs import Need
from psycopref.queries.margins import Margins, models
from psycopref.queries.pairs import parts, with_texts
from psycopref.queries.verdicts import votes
from psycopref.settings import LATER, Stage
from psycopref.stats import calibration
from psycopref.stats.intervals import Floats, Interval, mean_interval, paired_difference
from psycopref.stats.length import correlation, longer_wins
from psycopref.stats.temperature import scaled, temperature
from psycopref.stats.winrate import prompt_scores
from psycopref.store.parquet import table
from psycopref.tables import (
    Figure,
    Metric,
    Preference,
    Rating,
    Response,
    Speech,
    Verdict,
    content_id,
)

SETS = ("{set}", "{set}:{model}")
PARTS = tuple(
    f"{one}:{part}" for part in ("topic:{topic}", "gap:{gap}", "length:{length}") for one in SETS
)
FITTED = ("{set=dev}", "{set=dev}:{model}")


def _declared(word: str, says: str, slices: tuple[str, ...] = SETS) -> Figure:
    return Figure(f"reward.{word}", "estimate", slices, says)


ACCURACY = _declared("accuracy", "share of pairs in the right order", SETS + PARTS)
AUC = _declared("auc", "area under the ROC curve, each pair turned as its id draws")
ECE = _declared("ece", "expected calibration error over bins of equal mass")
ECE_FLOOR = _declared("ece_floor", "what chance alone would show: mean, 2.5th, 97.5th percentile")
BRIER = _declared("brier", "Brier score of sigmoid(margin)")
LOGLOSS = _declared("logloss", "its mean negative log-likelihood")
ECE_SCALED = _declared("ece_scaled", "the same after division by the temperature")
BRIER_SCALED = _declared("brier_scaled", "the same after division by the temperature")
LOGLOSS_SCALED = _declared("logloss_scaled", "the same after division by the temperature")
TEMPERATURE = _declared("temperature", "what margins would have to be divided by", FITTED)
ACCURACY_OVER = _declared("accuracy_over", "accuracy of ours less the model's, paired", SETS[1:])
FLIPPED = _declared("flipped", "share of pairs of which a ranker followed the order", SETS[1:])
UNSCORED = Figure(
    "reward.unscored", "count", SETS, "pairs that a model could not read or judge; in none else"
)
LENGTH_CORRELATION = _declared(
    "length_correlation", "Spearman's of margin and difference in words", SETS[:1]
)
LONGER_CHOSEN = Figure(
    "pairs.longer_chosen", "estimate", SETS[:1], "how often the longer response was chosen"
)
# By the names that `stats.calibration` and `stats.temperature` give them.
OF_MARGINS = {
    one.name.removeprefix("reward."): one for one in (ACCURACY, AUC, ECE, ECE_FLOOR, BRIER, LOGLOSS)
}
OF_SCALED = {"ece": ECE_SCALED, "brier": BRIER_SCALED, "logloss": LOGLOSS_SCALED}


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

    Topics are grouped by the list `topics` (the shipped one where it is None; a recipe gives its
    own).
    """

    name: str = ""
    names: tuple[str, ...] = ()
    bins: int = Field(default=10, ge=1)
    draws: int = Field(default=2000, ge=100)
    seed: int = 0
    topics: TopicsSetting | None = Field(default=None, json_schema_extra=LATER)

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
        texts = table(Response, responses).pick("response_id", "text")
        topics = table(Speech, speeches).pick("speech_id", "topic")
        pairs, wide = (
            with_texts(rows.frame.join(topics, on="speech_id", how="left"), texts)
            for rows in (table(Preference, preferences), table(Preference, measure))
        )
        train, dev, test = (
            pairs.filter(pl.col("split") == split) for split in ("train", "dev", "test")
        )
        known = models(train, scores, others)
        judged = table(Verdict, ranked).frame.group_by("judge")
        rankers = {
            str(judge): rows for (judge,), rows in sorted(judged, key=lambda one: str(one[0]))
        }
        heats = {name: self._temperature(model, dev) for name, model in known.items() if dev.height}
        sheet = _Sheet(self, heats)
        sets = {self.name: wide} if self.name else {"test": test, "test_all": wide}
        for name, rows in sets.items():
            if rows.height:
                sheet.add(
                    name,
                    rows,
                    {one: fitted(rows) for one, fitted in known.items()},
                    {
                        one: votes(rows["chosen_id"], rows["rejected_id"], found)
                        for one, found in rankers.items()
                    },
                )
        hot = sheet.temperatures if sheet.metrics else {}
        heat = [row for name, found in hot.items() for row in _heat(name, found)]
        return Calibrated([*sheet.metrics, *heat], sheet.bins)

    def _temperature(self, model: Margins, dev: pl.DataFrame) -> Interval:
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


Where = Mapping[str, str]


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
        lost = int((~np.isfinite(margin[""])).sum())
        if lost:
            raise TableError(
                f"calibrate: {lost} pairs of {name!r} lack a reward; score all responses first"
            )
        right: dict[str, Floats] = {}
        for model, own in margin.items():
            right[model] = np.where(np.isfinite(own), calibration.correct(own), np.nan)
            self._margins({"set": name, "model": model}, pairs, own)
        for model, vote in voted.items():
            right[model] = prompt_scores(vote)[0]
            self._votes({"set": name, "model": model}, pairs, vote, right[model])
        for model in self.how.names:
            if model not in right:
                self._unscored({"set": name, "model": model}, np.zeros(pairs.height, dtype=bool))
        masks = parts(pairs, groups(self.how.topics))
        for model, own in right.items():
            where = {"set": name, "model": model}
            if model:
                self._compared(where, right[""], own, pairs)
            self._parts(where, own, masks, pairs)
        self._length(name, pairs, margin[""])

    def _margins(self, where: Where, pairs: pl.DataFrame, margin: Floats) -> None:
        known = np.isfinite(margin)
        margin, rows, how = margin[known], pairs.filter(known), self.how
        clusters, ids = rows["speech_id"].to_list(), rows["preference_id"].to_list()
        spare = (how.bins, how.draws, how.seed)
        for name, found in (
            calibration.pair_figures(margin, clusters, ids, *spare)._asdict().items()
        ):
            self.metrics += OF_MARGINS[name].rows(found, **where)
        self._unscored(where, known)
        hot = self.temperatures.get(where["model"])
        # A temperature that some draws lack is the dev pairs' accident.
        if hot is not None and hot.low is not None:
            for name, found in scaled(margin, hot.value, clusters, *spare)._asdict().items():
                self.metrics += OF_SCALED[name].rows(found, **where)
        place = ACCURACY.placed(**where)
        self.bins += [
            Bin(content_id("bin", place, number), place, number, *row)
            for number, row in enumerate(calibration.reliability(margin, clusters, how.bins))
        ]

    def _votes(self, where: Where, pairs: pl.DataFrame, vote: Floats, right: Floats) -> None:
        known = np.isfinite(right)
        rows = pairs.filter(known)
        _, flips = prompt_scores(vote)
        self.metrics += ACCURACY.rows(self._share(right[known], rows), **where)
        self.metrics += FLIPPED.rows(self._share(flips[known], rows), **where)
        self._unscored(where, known)

    def _share(self, values: Floats, pairs: pl.DataFrame) -> Interval:
        clusters = pairs["speech_id"].to_list()
        return mean_interval(values, clusters, self.how.draws, self.how.seed, share=True)

    def _unscored(self, where: Where, known: Any) -> None:
        if lost := int((~known).sum()):
            self.metrics += UNSCORED.rows(lost, len(known), **where)

    def _compared(self, where: Where, ours: Floats, theirs: Floats, pairs: pl.DataFrame) -> None:
        both = np.isfinite(theirs)
        if both.any():
            clusters = pairs.filter(both)["speech_id"].to_list()
            found = paired_difference(
                ours[both], theirs[both], clusters, self.how.draws, self.how.seed, (-1.0, 1.0)
            )
            self.metrics += ACCURACY_OVER.rows(found, **where)

    def _parts(
        self,
        where: Where,
        right: Floats,
        masks: Mapping[tuple[str, str], Any],
        pairs: pl.DataFrame,
    ) -> None:
        for (kind, name), mask in masks.items():
            known = mask & np.isfinite(right)
            if known.any():
                found = self._share(right[known], pairs.filter(known))
                self.metrics += ACCURACY.rows(found, **where, **{kind: name})

    def _length(self, name: str, pairs: pl.DataFrame, margin: Floats) -> None:
        chosen, rejected = pairs["chosen_words"].to_numpy(), pairs["rejected_words"].to_numpy()
        spare = (pairs["speech_id"].to_list(), self.how.draws, self.how.seed)
        self.metrics += LONGER_CHOSEN.rows(longer_wins(chosen, rejected, *spare), set=name)
        found = correlation(margin, chosen - rejected, *spare)
        self.metrics += LENGTH_CORRELATION.rows(found, set=name)


def _heat(model: str, found: Interval) -> list[Metric]:
    """A temperature, or on how many pairs it rests that there is none, or none with an interval."""
    if np.isfinite(found.value):
        return TEMPERATURE.rows(found, set="dev", model=model)
    return TEMPERATURE.lacking(found.n, set="dev", model=model)
