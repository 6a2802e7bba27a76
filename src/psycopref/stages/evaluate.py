"""Two systems' answers to the same speeches, judged against each other: win rate overall, by item,
by topic and at equal length.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from psycopref.config.instruments import InstrumentSetting
from psycopref.config.prompts import PromptSetting, load_prompt
from psycopref.errors import TableError
from psycopref.judging.pairwise import OVERALL, Game, Match, Pairwise, Side
from psycopref.lab import Lab
from psycopref.models.entries import EntrySetting
from psycopref.needs import Need
from psycopref.queries.columns import coarse, reward_of
from psycopref.settings import Stage
from psycopref.stats.intervals import Floats
from psycopref.stats.length import words
from psycopref.stats.matches import Matched, figures
from psycopref.stats.swaps import repeats
from psycopref.store.keys import unit
from psycopref.store.parquet import table
from psycopref.tables import (
    Failure,
    Metric,
    Rating,
    Response,
    Speech,
    Verdict,
    Winner,
    estimate,
    metric,
)


class Evaluated(NamedTuple):
    """One verdict for each judged order and item (a reward model is asked once: it cannot see an
    order), failures, and the figures.
    """

    verdicts: Sequence[Verdict]
    failures: Sequence[Failure]
    metrics: Sequence[Metric]


class Evaluate(Stage):
    """Ours against theirs on every speech that both answered (draw 0 where a system answered more
    than once).

    Without a `judge` the higher reward of `scores` wins and equal rewards tie. With one, each pair
    is asked in both orders; a prompt's score is the mean of the two, so a verdict that follows the
    position is a tie (and a flip). A prompt with an unreadable or refused order is failed: counted,
    never scored. `items = "all"` asks in the same call for the winner on each item of `instrument`
    too: a call per order as before, with a longer prompt, where one call per item would be eight
    times as many. `repeats` is the share of prompts (drawn by a hash) whose questions are put to
    the judge a second time, for how steady it is. `name` and `arm` name the metrics;
    docs/evaluation.md lists them.
    """

    judge: EntrySetting | None = None
    prompt: PromptSetting = Field(default_factory=lambda: load_prompt("compare"))
    items: Literal["overall", "all"] = "overall"
    instrument: InstrumentSetting | None = None
    attempts: int = Field(default=2, ge=1)
    repeats: float = Field(default=0.1, ge=0, le=1)
    name: str = "winrate"
    arm: Literal["raw", "constrained"] = "raw"
    draws: int = Field(default=2000, ge=100)
    seed: int = 0

    @classmethod
    def version(cls) -> int:
        """4: verdicts by item; length-controlled, length-matched, compliant and pooled figures;
        bounds have intervals. 5: the judge's own figures.

        6: failed repeats are counted; equal lengths are overlap.
        """
        return 6

    @model_validator(mode="before")
    @classmethod
    def _asked(cls, values: Any) -> Any:
        """The prompt follows the items where none is given; principles are those of the paper where
        no instrument is.
        """
        if not isinstance(values, Mapping) or values.get("items") != "all":
            return values
        return {"prompt": "compare_all", "instrument": "psychocounsel", **values}

    @model_validator(mode="after")
    def _judged(self) -> "Evaluate":
        if self.items == "all" and self.judge is None:
            raise ValueError(
                'items = "all" needs a judge; a reward model gives one score, not one for each'
                " principle"
            )
        if self.items == "overall" and self.instrument is not None:
            raise ValueError(
                'an instrument is asked about with items = "all" only; add that or leave the'
                " instrument out"
            )
        return self

    def run(
        self,
        lab: Lab,
        speeches: Sequence[Speech],
        ours: Sequence[Response],
        theirs: Sequence[Response],
        scores: Sequence[Rating],
        targets: Sequence[Response] = (),
    ) -> Evaluated:
        """Answers to verdicts and figures. `targets` are the responses whose lengths were asked for
        in the constrained arm (default: theirs).
        """
        matches, alone = _matched(speeches, ours, theirs)
        failures: list[Failure] = []
        judge = (
            Pairwise(self.judge, self.prompt, self.instrument if self.items == "all" else None)
            if self.judge
            else None
        )
        if judge is None:
            verdicts = _by_reward(matches, reward_of(scores))
        else:
            verdicts, failures = judge.play(
                lab, [game for match in matches for game in match.games()], self.attempts
            )
        if not matches:
            return Evaluated(verdicts, failures, [])
        given = self._given(matches, verdicts, alone, targets)
        again = self._again(lab, judge, matches, given.outcomes[OVERALL]) if judge else []
        return Evaluated(
            verdicts,
            failures,
            [*figures(given, self.name, self.arm, self.draws, self.seed), *again],
        )

    def _again(
        self, lab: Lab, judge: Pairwise, matches: Sequence[Match], outcomes: Floats
    ) -> list[Metric]:
        """How often the judge says the same when it is asked the same again."""
        drawn = [
            at
            for at, match in enumerate(matches)
            if unit("repeat", match.speech.speech_id) < self.repeats
        ]
        some = [matches[at] for at in drawn]
        verdicts, _ = judge.play(
            lab, [game for match in some for game in match.games()], self.attempts, draw=1
        )
        second = _outcomes(some, [row for row in verdicts if row.item == OVERALL], orders=2)
        prompts = [match.speech.speech_id for match in some for _ in range(2)]
        found = repeats(outcomes[drawn].ravel(), second.ravel(), prompts, self.draws, self.seed)
        place = f"overall:{self.arm}"
        lost = (
            [
                metric(
                    f"{self.name}.repeat_failed",
                    place,
                    int(np.isnan(second).sum()),
                    count=second.size,
                )
            ]
            if some
            else []
        )
        return [
            *lost,
            *estimate(f"{self.name}.repeat_agreement", place, found.agreement),
            *estimate(f"{self.name}.repeat_kappa", place, found.kappa),
        ]

    def _given(
        self,
        matches: Sequence[Match],
        verdicts: Sequence[Verdict],
        alone: int,
        targets: Sequence[Response],
    ) -> Matched:
        """What the figures are made of, a row for each match."""
        items = (
            [OVERALL, *(item.name for item in self.instrument.items if self.items == "all")]
            if self.instrument
            else [OVERALL]
        )
        own: dict[str, list[Verdict]] = {item: [] for item in items}
        for row in verdicts:
            own[row.item].append(row)
        outcomes = {
            item: _outcomes(matches, rows, orders=1 if self.judge is None else 2)
            for item, rows in own.items()
        }
        counts = np.array(
            [[words(match.ours.text), words(match.theirs.text)] for match in matches],
            dtype=np.float64,
        )
        wanted = {row.speech_id: float(words(row.text)) for row in targets}
        target = np.array(
            [wanted.get(match.speech.speech_id, counts[at, 1]) for at, match in enumerate(matches)]
        )
        prompts = [match.speech.speech_id for match in matches]
        topics = [coarse(match.speech.topic) for match in matches]
        return Matched(prompts, outcomes, counts, topics, alone, target)

    def rehearse(
        self,
        speeches: Sequence[Speech],
        ours: Sequence[Response],
        theirs: Sequence[Response],
        scores: Sequence[Rating],
        targets: Sequence[Response] = (),
    ) -> tuple[Evaluated, Need] | None:
        """A reward model's verdicts are no calls; a judge's are counted as they are asked."""
        return None if self.judge else (Evaluated([], [], []), Need())


def _matched(
    speeches: Sequence[Speech], ours: Sequence[Response], theirs: Sequence[Response]
) -> tuple[list[Match], int]:
    """The speeches that both answered, in order of speech id, and how many only one of them
    answered.
    """
    known = {speech.speech_id: speech for speech in speeches}
    sides = [_one_each(rows, known, name) for name, rows in (("ours", ours), ("theirs", theirs))]
    both = sorted(sides[0].keys() & sides[1].keys())
    return [Match(known[one], sides[0][one], sides[1][one]) for one in both], len(
        sides[0].keys() ^ sides[1].keys()
    )


def _one_each(rows: Sequence[Response], known: dict[str, Speech], name: str) -> dict[str, Side]:
    """Draw 0 of each known speech; TableError where a side has two, since a system answers once."""
    found: dict[str, Side] = {}
    for response_id, speech_id, text in (
        table(Response, rows)
        .frame.filter(pl.col("draw") == 0)
        .select("response_id", "speech_id", "text")
        .iter_rows()
    ):
        if speech_id in found:
            raise TableError(
                f"evaluate: {name} holds two answers (draw 0) to speech {speech_id!r}; give the"
                " answers of one system"
            )
        if speech_id in known:
            found[speech_id] = Side(response_id, text)
    return found


def _by_reward(matches: Sequence[Match], rewards: pl.DataFrame) -> list[Verdict]:
    """The higher reward wins, equal rewards tie; TableError where an answer has no score."""
    score = {
        one: (value, judge)
        for one, value, judge in rewards.select("response_id", "reward", "judge").iter_rows()
    }
    verdicts = []
    for speech, ours, theirs in matches:
        lost = [side.response_id for side in (ours, theirs) if side.response_id not in score]
        if lost:
            raise TableError(
                f"evaluate: {lost[0]!r} has no reward; score the answers of both systems first"
            )
        (first, judge), (second, other) = score[ours.response_id], score[theirs.response_id]
        if judge != other:
            raise TableError(
                f"evaluate: {ours.response_id!r} and {theirs.response_id!r} were scored by two"
                " reward models, whose scales do not compare"
            )
        winner: Winner = "first" if first > second else "second" if second > first else "tie"
        verdicts.append(Game(speech, ours, theirs).verdict(winner, judge))
    return sorted(verdicts, key=lambda v: v.verdict_id)


def _outcomes(matches: Sequence[Match], verdicts: Sequence[Verdict], orders: int) -> Floats:
    """(matches, orders) from our side: 1 ours won, 0.5 tie, 0 theirs won, NaN for an order without
    a verdict.
    """
    points: dict[Winner, float] = {"first": 1.0, "tie": 0.5, "second": 0.0}
    seen = {(row.first_id, row.second_id): points[row.winner] for row in verdicts}
    out = np.full((len(matches), orders), np.nan)
    for at, (_, ours, theirs) in enumerate(matches):
        out[at, 0] = seen.get((ours.response_id, theirs.response_id), np.nan)
        if orders == 2:
            out[at, 1] = 1 - seen.get((theirs.response_id, ours.response_id), np.nan)
    return out
