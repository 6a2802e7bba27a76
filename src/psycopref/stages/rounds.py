"""The states of a policy to the figures of the last one: its answers, how far it has moved, what
it learnt from, and what looks wrong with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import Field

from psycopref.lab import Lab
from psycopref.needs import Need
from psycopref.settings import Stage
from psycopref.stats.diversity import distinct, distinct_interval, self_bleu_interval
from psycopref.stats.intervals import mean_interval
from psycopref.stats.length import words
from psycopref.tables import (
    Failure,
    Figure,
    Metric,
    Preference,
    Rating,
    Response,
    Speech,
    content_id,
)

STATE = ("round:{round}",)
REWARD = Figure("policy.reward", "estimate", STATE, "mean reward of answers that came to an end")
GOLD_REWARD = Figure("policy.gold_reward", "estimate", STATE, "the same by the gold reward model")
GOLD_REWARD_GAIN = Figure(
    "policy.gold_reward_gain", "estimate", STATE, "gold reward less round 0's, paired by speech"
)
KL = Figure("policy.kl", "estimate", STATE, "mean log-ratio to round 0, nats per answer")
WORDS = Figure("policy.words", "estimate", STATE, "mean words of answers that came to an end")
FINISHED = Figure("policy.finished", "estimate", STATE, "share of answers that came to an end")
SPEECHES = Figure("round.speeches", "count", STATE, "speeches that a round learnt from")
PAIRS = Figure("round.pairs", "count", STATE, "pairs that it learnt from")
WITHOUT_PAIR = Figure(
    "round.without_pair",
    "count",
    STATE,
    "speeches without one: samples alike, or too few ended",
)
OF_FINISHED = Figure("round.finished", "estimate", STATE, "share of samples that came to an end")
OF_WORDS = Figure("round.words", "estimate", STATE, "mean words of a sample")
DISTINCT_2 = Figure("round.distinct_2", "estimate", STATE, "share of bigrams that are distinct")
SELF_BLEU = Figure("round.self_bleu", "estimate", STATE, "how alike samples for one speech are")
GUARD = Figure(
    "guard.{guard=over_optimised|length|unfinished|kl|ties|diversity}",
    "count",
    STATE,
    "1 where that guard tripped, no row where not; the bounds are beside `guards`",
)

SHORTEST, LONGEST = 2 / 3, 1.5  # words of an answer, of the start's: outside is a doubt
UNFINISHED = 0.2  # share of the answers without an end, above which it is a doubt
BARE = 0.5  # share of the speeches without a pair, above which it is a doubt
ALIKE = 0.5  # bigrams, of the first round's variety: below is a doubt


class Practice(NamedTuple):
    """What a round learnt from: the policy's own answers to some train speeches, and the pairs that
    the reward model made of them.
    """

    speeches: Sequence[Speech]
    drafts: Sequence[Response]
    failures: Sequence[Failure]
    pairs: Sequence[Preference]


class State(NamedTuple):
    """A policy as its answers to the test speeches show it: with their scores, with log-ratios to
    the start (`moved`), and with what it had learnt from (None where that was no round's).
    """

    answers: Sequence[Response]
    failures: Sequence[Failure]
    scores: Sequence[Rating]
    gold_scores: Sequence[Rating] = ()
    practice: Practice | None = None
    moved: Sequence[Rating] = ()


@dataclass(frozen=True, slots=True)
class Doubt:
    """What looks wrong with a state: a guard by its name, and in words."""

    doubt_id: str
    guard: str
    says: str


class Rounded(NamedTuple):
    """The figures of the last of several states, and what looks wrong with it."""

    metrics: Sequence[Metric]
    doubts: Sequence[Doubt]


class Rounds(Stage):
    """Figures of a state on the test speeches (`policy.*`) and of what it learnt from (`round.*`),
    slice `round:<number>`; `guard.<name>` (value 1) where a guard tripped.

    `policy.reward`, `policy.gold_reward`, `policy.words` are means over the answers that came to an
    end, `policy.finished` says which share did; `policy.kl` is the mean log-ratio to round 0 in
    nats (stages/drift.py). `policy.gold_reward_gain` is the mean difference to round 0 over the
    speeches that both rounds answered. Intervals are by speech.

    The bounds of the guards are ours: against the round before, over the speeches that both
    answered, reward clearly up and gold reward clearly down (both intervals leave out 0;
    over-optimisation, Gao et al. 2022, arXiv 2210.10760); words more than half again as many or
    fewer than two thirds of the start's; under 80 % of the answers at an end; over half of the
    speeches without a pair; bigrams under half as varied as in the first round of practice; answers
    that are on average more than `limit` nats (None: no bound) likelier than at the start.
    """

    limit: float | None = Field(default=None, gt=0)

    def run(self, lab: Lab, states: Sequence[State]) -> Rounded:
        """All states so far, the start first, to the figures of the last one."""
        tripped = guards(states, self.limit)
        number = str(len(states) - 1)
        rows = [
            *on_test(states),
            *on_practice(states[-1].practice, number),
            *(row for name in tripped for row in GUARD.rows(1, round=number, guard=name)),
        ]
        doubts = [Doubt(content_id("doubt", name), name, says) for name, says in tripped.items()]
        return Rounded(rows, doubts)

    def rehearse(self, states: Sequence[State]) -> tuple[Rounded, Need]:
        """No figure and no doubt: answers that are not written say nothing."""
        return Rounded([], []), Need()


def on_test(states: Sequence[State]) -> list[Metric]:
    """The figures of the last state on the test speeches."""
    number, one, start = len(states) - 1, states[-1], states[0]
    speech_of = {row.response_id: row.speech_id for row in (*one.answers, *start.answers)}
    gold, first = (
        [(speech_of[r.subject_id], r.score) for r in state.gold_scores] for state in (one, start)
    )
    before = dict(first)
    series = {
        REWARD: [(speech_of[r.subject_id], r.score) for r in one.scores],
        GOLD_REWARD: gold,
        GOLD_REWARD_GAIN: [
            (key, score - before[key]) for key, score in gold if number and key in before
        ],
        KL: [(speech_of[r.subject_id], r.score) for r in one.moved],
        WORDS: [(r.speech_id, float(words(r.text))) for r in one.answers],
        FINISHED: (
            [(row.speech_id, 1.0) for row in one.answers]
            + [(row.subject_id, 0.0) for row in one.failures]
        ),
    }
    out = []
    for figure, pairs in series.items():
        if pairs:
            found = mean_interval(
                [v for _, v in pairs], [c for c, _ in pairs], share=figure is FINISHED
            )
            out += figure.rows(found, round=str(number))
    return out


def on_practice(practice: Practice | None, number: str) -> list[Metric]:
    """What a round learnt from: speeches, pairs, speeches without a pair (all samples alike, or
    fewer than two came to an end), diversity.
    """
    if practice is None:
        return []
    groups: dict[str, list[str]] = {}
    for row in practice.drafts:
        groups.setdefault(row.speech_id, []).append(row.text)
    count = len(practice.speeches)
    bare = count - len({row.speech_id for row in practice.pairs})
    ends = [(row.speech_id, 1.0) for row in practice.drafts] + [
        (row.subject_id, 0.0) for row in practice.failures
    ]
    measured = {
        OF_FINISHED: mean_interval(
            [end for _, end in ends], [speech for speech, _ in ends], share=True
        ),
        OF_WORDS: mean_interval(
            [words(row.text) for row in practice.drafts], [row.speech_id for row in practice.drafts]
        ),
        DISTINCT_2: distinct_interval(list(groups.values()), 2),
        SELF_BLEU: self_bleu_interval(list(groups.values())),
    }
    rows = SPEECHES.rows(count, count, round=number)
    rows += PAIRS.rows(len(practice.pairs), count, round=number)
    rows += WITHOUT_PAIR.rows(bare, count, round=number)
    for figure, found in measured.items():
        rows += figure.rows(found, round=number)
    return rows


def guards(states: Sequence[State], limit: float | None = None) -> dict[str, str]:
    """What looks wrong with the last state, by the guard's name, with the bounds of `Rounds`;
    nothing before the second state.
    """
    if len(states) < 2:
        return {}
    now, before, start = states[-1], states[-2], states[0]
    found = {}
    rose = _rose(now.answers, now.scores, before.answers, before.scores)
    if rose > 0 > _rose(now.answers, now.gold_scores, before.answers, before.gold_scores):
        found["over_optimised"] = "the reward it is trained on rose, the gold reward fell"
    if now.answers and start.answers:
        ratio = _mean_words(now.answers) / max(_mean_words(start.answers), 1.0)
        if not SHORTEST <= ratio <= LONGEST:
            found["length"] = f"answers have {ratio:.2f} times the words of the start"
    asked = len(now.answers) + len(now.failures)
    if len(now.failures) > UNFINISHED * asked:
        found["unfinished"] = f"{len(now.failures)} of {asked} answers did not come to an end"
    moved = sum(row.score for row in now.moved) / max(1, len(now.moved))
    if limit is not None and moved > limit:
        found["kl"] = (
            f"its answers are {moved:.0f} nats likelier than at the start (limit {limit:g})"
        )
    if now.practice is not None:
        first = next(one.practice for one in states if one.practice is not None)
        found |= _of_practice(now.practice, first)
    return found


def _of_practice(now: Practice, first: Practice) -> dict[str, str]:
    """What looks wrong with what a round learnt from, beside the first round's."""
    found = {}
    bare = len(now.speeches) - len({row.speech_id for row in now.pairs})
    if bare > BARE * len(now.speeches):
        found["ties"] = f"{bare} of {len(now.speeches)} speeches gave no pair"
    varied, before = (distinct([row.text for row in one.drafts], 2) for one in (now, first))
    if varied < ALIKE * before:
        found["diversity"] = "samples are less than half as varied as in the first round"
    return found


def _mean_words(answers: Sequence[Response]) -> float:
    return sum(words(row.text) for row in answers) / len(answers)


def _rose(
    answers: Sequence[Response],
    scores: Sequence[Rating],
    old_answers: Sequence[Response],
    old_scores: Sequence[Rating],
) -> int:
    """1 where scores are clearly up over the speeches of both, -1 where clearly down, else 0."""
    new, old = (
        {by[row.subject_id]: row.score for row in rated}
        for by, rated in ((_speeches(answers), scores), (_speeches(old_answers), old_scores))
    )
    both = sorted(new.keys() & old.keys())
    if len(both) < 2:
        return 0
    change = mean_interval([new[key] - old[key] for key in both], both)
    low, high = (change.value if end is None else end for end in (change.low, change.high))
    return int(low > 0) - int(high < 0)


def _speeches(answers: Sequence[Response]) -> dict[str, str]:
    return {row.response_id: row.speech_id for row in answers}
