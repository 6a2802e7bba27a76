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
from psycopref.judging.pairwise import OVERALL, Match, Pairwise
from psycopref.lab import Lab
from psycopref.labels.topic_list import TopicsSetting, groups
from psycopref.models.entries import EntrySetting
from psycopref.needs import Need
from psycopref.queries.columns import reward_of
from psycopref.queries.matches import matched, verdicts_by_reward
from psycopref.queries.verdicts import of_item, votes
from psycopref.settings import LATER, Stage
from psycopref.stats.intervals import Floats
from psycopref.stats.length import words
from psycopref.stats.matches import Draws, Matched, numbers
from psycopref.stats.swaps import repeats
from psycopref.store.keys import unit
from psycopref.tables import (
    Failure,
    Figure,
    Metric,
    Rating,
    Response,
    Speech,
    Verdict,
)

ARM = "{arm=raw|constrained}"
OVERALL_OF = ("{part=overall}:" + ARM,)
RATED = ("{part=overall|compliant}:" + ARM, "item:{item}:" + ARM, "topic:{topic}:" + ARM)
BY_TOPIC = ("topic:{topic}:" + ARM,)
# What two systems' answers are called: against the opponent, against the policy's start, a size of
# an ablation, a null opponent; `checkpoint` and `system` are read by their flows alone.
MATCH = "{match=winrate|winrate.*|null.*|checkpoint|system}"


def _counted(word: str, slices: tuple[str, ...], says: str) -> Figure:
    return Figure(f"{MATCH}.{word}", "count", slices, says)


def _estimated(word: str, slices: tuple[str, ...], says: str) -> Figure:
    return Figure(f"{MATCH}.{word}", "estimate", slices, says)


def _claimed(word: str, slices: tuple[str, ...], says: str) -> Figure:
    return Figure(f"{MATCH}.{word}", "p", slices, says)


WINS = _counted("wins", RATED, "prompts that ours won")
TIES = _counted("ties", RATED, "prompts that were tied, flips among them")
LOSSES = _counted("losses", RATED, "prompts that ours lost")
FLIPS = _counted("flips", RATED, "ties in which the judge named the same place in both orders")
FAILED = _counted("failed", RATED, "prompts of which an order has no verdict")
WORST = _estimated("worst", RATED, "the rate with every failed order lost")
BEST = _estimated("best", RATED, "the rate with every failed order won")
UNMATCHED = _counted("unmatched", OVERALL_OF, "prompts that only one of the systems answered")
WORDS_OURS = _estimated("words_ours", OVERALL_OF, "mean words of our answers")
WORDS_THEIRS = _estimated("words_theirs", OVERALL_OF, "mean words of their answers")
LENGTH_CORRELATION = _estimated(
    "length_correlation", OVERALL_OF, "Spearman's correlation of score and difference in words"
)
LENGTH_CONTROLLED = _estimated(
    "length_controlled", OVERALL_OF, "the rate that the model predicts at equal length"
)
LENGTH_COEFFICIENT = _estimated(
    "length_coefficient", OVERALL_OF, "log-odds of a win per standard deviation of the difference"
)
LENGTH_MATCHED = _estimated(
    "length_matched", OVERALL_OF, "the rate of the prompts whose lengths are about equal"
)
LONGER = _counted("longer", OVERALL_OF, "prompts on which our answer is the longer one")
SHORTER = _counted("shorter", OVERALL_OF, "prompts on which our answer is the shorter one")
NO_OVERLAP = _counted(
    "length_controlled.no_overlap", OVERALL_OF, "no such rate: prompts on the thinner side"
)
SEPARATED = _counted(
    "length_controlled.separated", OVERALL_OF, "no such rate: length alone tells wins from losses"
)
COMPLIANCE = _estimated(
    "compliance", OVERALL_OF, "share of our answers within 20 % of the words asked for"
)
FIRST_POSITION = _estimated(
    "first_position", OVERALL_OF, "of verdicts with a winner, share for the answer shown first"
)
CONSISTENT = _estimated(
    "consistent", OVERALL_OF, "share of prompts of which both orders say the same"
)
POOLED = _estimated("pooled", BY_TOPIC, "the topic's rate drawn towards the mean of all topics")
INTERACTION_P = _claimed(
    "interaction_p", ("{part=topics}:" + ARM,), "permutation test that all topics have one rate"
)
HOLM_P = _claimed("holm_p", BY_TOPIC, "adjusted sign test of a topic against one half")
REPEAT_FAILED = _counted(
    "repeat_failed", OVERALL_OF, "questions without a verdict when they were put again"
)
REPEAT_AGREEMENT = _estimated(
    "repeat_agreement", OVERALL_OF, "share of equal verdicts when the same is asked again"
)
REPEAT_KAPPA = _estimated("repeat_kappa", OVERALL_OF, "Cohen's kappa of the two verdicts")
_MORE = (
    WINS, TIES, LOSSES, FLIPS, FAILED, WORST, BEST, UNMATCHED, WORDS_OURS, WORDS_THEIRS,
    LENGTH_CORRELATION, LENGTH_CONTROLLED, LENGTH_COEFFICIENT, LENGTH_MATCHED, LONGER, SHORTER,
    NO_OVERLAP, SEPARATED, COMPLIANCE, FIRST_POSITION, CONSISTENT, POOLED, INTERACTION_P, HOLM_P,
    REPEAT_FAILED, REPEAT_AGREEMENT, REPEAT_KAPPA,
)  # fmt: skip
WIN_RATE = Figure(MATCH, "estimate", RATED, "share of prompts won, a tie is half a win", _MORE)
# What `stats.matches` calls its numbers.
FIGURES = {"rate": WIN_RATE, **{one.name.rpartition(".")[2]: one for one in _MORE}}


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
    docs/evaluation.md lists them. Topics are grouped by the list `topics` (the shipped one where it
    is None; a recipe gives its own).
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
    topics: TopicsSetting | None = Field(default=None, json_schema_extra=LATER)

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
        matches, alone = matched(speeches, ours, theirs)
        failures: list[Failure] = []
        judge = self._judge()
        if judge is None:
            verdicts = verdicts_by_reward(matches, reward_of(scores))
        else:
            games = [game for match in matches for game in match.games()]
            verdicts, failures = judge.play(lab, games, self.attempts)
        if not matches:
            return Evaluated(verdicts, failures, [])
        given = self._given(matches, verdicts, alone, targets)
        again = self._again(lab, judge, matches, given.outcomes[OVERALL]) if judge else []
        return Evaluated(
            verdicts,
            failures,
            [*self._figures(given), *again],
        )

    def _judge(self) -> Pairwise | None:
        """The language model that is asked; None where a reward model decides."""
        if self.judge is None:
            return None
        by = self.instrument if self.items == "all" else None
        return Pairwise(self.judge, self.prompt, by)

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
        second = _votes(some, of_item(verdicts), orders=2)
        prompts = [match.speech.speech_id for match in some for _ in range(2)]
        found = repeats(outcomes[drawn].ravel(), second.ravel(), prompts, self.draws, self.seed)
        where = {"match": self.name, "part": "overall", "arm": self.arm}
        lost = REPEAT_FAILED.rows(int(np.isnan(second).sum()), second.size, **where)
        return [
            *(lost if some else []),
            *REPEAT_AGREEMENT.rows(found.agreement, **where),
            *REPEAT_KAPPA.rows(found.kappa, **where),
        ]

    def _figures(self, given: Matched) -> list[Metric]:
        """The rows of every number of the comparison."""
        made = []
        how = Draws(self.draws, self.seed)
        for what, where, found, of in numbers(given, self.arm == "constrained", how):
            made += FIGURES[what].rows(found, of, match=self.name, arm=self.arm, **where)
        return made

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
        orders = 1 if self.judge is None else 2
        outcomes = {item: _votes(matches, of_item(verdicts, item), orders) for item in items}
        counts = np.array(
            [[words(match.ours.text), words(match.theirs.text)] for match in matches],
            dtype=np.float64,
        )
        wanted = {row.speech_id: float(words(row.text)) for row in targets}
        target = np.array(
            [wanted.get(match.speech.speech_id, counts[at, 1]) for at, match in enumerate(matches)]
        )
        prompts = [match.speech.speech_id for match in matches]
        known = groups(self.topics)
        topics = [known.get(match.speech.topic, match.speech.topic) for match in matches]
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


def _votes(matches: Sequence[Match], verdicts: pl.DataFrame, orders: int) -> Floats:
    """`votes` of the matches, (matches, orders)."""
    ours = [match.ours.response_id for match in matches]
    return votes(ours, [match.theirs.response_id for match in matches], verdicts, orders)
