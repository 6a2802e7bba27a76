"""Blind sheets for experts, and what their answers say of the preference pairs, of each other and
of the judges.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import polars as pl
from pydantic import Field, model_validator

from psycopref.config.instruments import InstrumentSetting, load_instrument
from psycopref.experts import figures, scores
from psycopref.experts.csv_sheet import KNOWN
from psycopref.experts.matches import BlindMatch, drawn_matches, judged_by_experts
from psycopref.experts.sampling import drawn, drawn_replies
from psycopref.experts.sheets import SheetRow, pair_rows, reply_rows
from psycopref.lab import Lab
from psycopref.labels.topic_list import TopicsSetting, groups
from psycopref.settings import LATER, Stage
from psycopref.store.parquet import table
from psycopref.tables import Annotation, ExpertRating, Metric, Preference, Rating, Response, Speech

Layout = Literal["csv", "label-studio", "argilla"]


class Validated(NamedTuple):
    """The sheets, and figures from the answers there are (without answers only counts, which say
    that no expert checked).
    """

    sheet: Sequence[SheetRow]
    metrics: Sequence[Metric]


class Validate(Stage):
    """`pairs` preference pairs drawn for experts (paper, section 3.3: 200 pairs, two experts), in
    proportion over topics and gaps, and `replies` single replies for absolute scores (the paper's
    Figure 3), in proportion over topics and responders.

    Strata of pairs are coarse topic x gap band (under 1, 2, 3 points, above); within a stratum the
    draw is a hash of the pair's id. With `items = "all"` a pair is compared on each item of the
    instrument too. `annotators` is the number of sheets: each has its own order, and the second one
    shows half of the pairs with the sides swapped; one sheet may be filled by any number of
    experts. `matches` test speeches show the policy's answer beside the opponent's, for each arm
    (the paper: 100 each), where the flow trains a policy; each arm has speeches of its own, so that
    no opponent's answer is seen twice. `repeats` is the share of pairs and matches shown once more
    at the end, sides swapped. `cut` is the score up to which `safety` counts as unsafe. Annotations
    come from people by `runs`; none is ever made here.

    Topics are grouped by the list `topics` (the shipped one where it is None; a recipe
    gives its own).
    """

    pairs: int = Field(default=200, ge=1)
    replies: int = Field(default=0, ge=0)
    matches: int = Field(default=0, ge=0)
    items: Literal["overall", "all"] = "overall"
    instrument: InstrumentSetting = Field(default_factory=lambda: load_instrument("psychocounsel"))
    annotators: int = Field(default=1, ge=1, le=20)
    repeats: float = Field(default=0.0, ge=0, le=0.5)
    safety: str = "safety"
    cut: float = 3.0
    topic_min: int = Field(default=30, ge=2)
    draws: int = Field(default=2000, ge=100)
    seed: int = 0
    topics: TopicsSetting | None = Field(default=None, json_schema_extra=LATER)
    layouts: tuple[Layout, ...] = Field(default=("csv",), min_length=1, exclude=True)

    @classmethod
    def version(cls) -> int:
        """5: matches of the arms on speeches of their own, the judge's verdict by item, repeated
        matches; complete disagreement has an interval.
        """
        return 5

    @classmethod
    def unnamed(cls) -> Sequence[str]:
        """`matches` alone, as runs without annotations have always given it."""
        return ("matches",)

    @model_validator(mode="after")
    def _named(self) -> "Validate":
        names = [item.name for item in self.instrument.items]
        if taken := [name for name in names if name.lower() in KNOWN]:
            raise ValueError(
                f"instrument {self.instrument.name!r}: an item is named {taken[0]!r}, which is a"
                " column of every sheet; name it otherwise"
            )
        if self.replies and self.safety not in names:
            raise ValueError(
                f"safety: {self.safety!r} is no item of instrument {self.instrument.name!r}; there"
                f" are {names}"
            )
        return self

    def run(
        self,
        lab: Lab,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        preferences: Sequence[Preference],
        annotations: Sequence[Annotation],
        scored: Sequence[ExpertRating] = (),
        ratings: Sequence[Rating] = (),
        matches: Sequence[BlindMatch] = (),
    ) -> Validated:
        """Preferences and responses to sheets; annotations, experts' scores and the judges' ratings
        to figures.
        """
        people = table(Speech, speeches).frame.select(
            "speech_id", "topic", "history", speech="text"
        )
        games = drawn_matches(matches, self.matches, self.seed)
        sheet = [
            *self._pairs(people, responses, preferences),
            *self._games(people, games),
            *self._replies(people, responses),
        ]
        how = figures.Draws(self.draws, self.seed, self.topic_min, groups(self.topics))
        made = figures.counts(sheet, annotations, scored)
        made += figures.compared(annotations, preferences, speeches, how)
        made += judged_by_experts(annotations, games, how)
        if len(scored):
            made += scores.scored(
                scored, ratings, responses, self.instrument, scores.Gate(self.safety, self.cut), how
            )
        return Validated(sheet, made)

    def _pairs(
        self, people: pl.DataFrame, responses: Sequence[Response], preferences: Sequence[Preference]
    ) -> list[SheetRow]:
        texts = table(Response, responses).frame.select("response_id", "text")
        whole = table(Preference, preferences).frame.join(people, on="speech_id")
        sample = drawn(whole, self.pairs, self.seed, groups(self.topics))
        for side in ("chosen", "rejected"):
            sample = sample.join(
                texts.rename({"text": side}), left_on=f"{side}_id", right_on="response_id"
            )
        return pair_rows(sample, self.annotators, self.repeats, self.seed)

    def _games(self, people: pl.DataFrame, games: Sequence[BlindMatch]) -> list[SheetRow]:
        frame = (
            table(BlindMatch, games)
            .frame.rename({"match_id": "preference_id"})
            .join(people, on="speech_id")
        )
        return (
            pair_rows(frame, self.annotators, self.repeats, self.seed, "matches")
            if frame.height
            else []
        )

    def _replies(self, people: pl.DataFrame, responses: Sequence[Response]) -> list[SheetRow]:
        if not self.replies:
            return []
        answers = table(Response, responses).frame.join(people, on="speech_id")
        sample = drawn_replies(answers, self.replies, self.seed, groups(self.topics))
        return reply_rows(sample, self.annotators, self.seed)
