"""DPO-Iter: round after round the policy answers, the reward model picks best and worst, the policy
learns (paper, section 5).
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from psycopref.lab import Lab
from psycopref.recipes import Training
from psycopref.stats.diversity import distinct, distinct_interval, self_bleu_interval
from psycopref.stats.intervals import mean_interval
from psycopref.stats.length import words
from psycopref.store.keys import digest
from psycopref.tables import (
    Failure,
    Figure,
    Metric,
    Point,
    Preference,
    Rating,
    Response,
    Speech,
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

NO_RESPONSES: Sequence[Response] = ()
Draw = Callable[[int], Sequence[Speech]]


class Practice(NamedTuple):
    """What a round learnt from: the policy's own answers to some train speeches, and the pairs that
    the reward model made of them.
    """

    speeches: Sequence[Speech]
    drafts: Sequence[Response]
    failures: Sequence[Failure]
    pairs: Sequence[Preference]


class Round(NamedTuple):
    """One state of the policy: weights and curve, its answers to the test speeches with their
    scores, and what it had learnt from.
    """

    weights: Path
    curve: Sequence[Point]
    answers: Sequence[Response]
    failures: Sequence[Failure]
    scores: Sequence[Rating]
    gold_scores: Sequence[Rating]
    practice: Practice | None = None
    moved: Sequence[Rating] = ()


class Judges(NamedTuple):
    """The reward model that picks, and the gold one that only watches (None where there is
    none).
    """

    reward: Path
    gold: Path | None


def answered(
    recipe: Training,
    lab: Lab,
    test: Sequence[Speech],
    weights: Path,
    judges: Judges,
    curve: Sequence[Point] = (),
    start: Path | None = None,
) -> Round:
    """A state of the policy with its answers to the test speeches, and how far it has moved from
    `start`.
    """
    drafts = lab.do(recipe.answer, test, weights, NO_RESPONSES)
    scores = lab.do(recipe.score, test, drafts.responses, judges.reward).ratings
    gold = lab.do(recipe.score, test, drafts.responses, judges.gold).ratings if judges.gold else ()
    moved = lab.do(recipe.drift, test, drafts.responses, weights, start).ratings if start else ()
    return Round(weights, curve, drafts.responses, drafts.failures, scores, gold, moved=moved)


def online(
    recipe: Training,
    lab: Lab,
    speeches: Sequence[Speech],
    before: list[Round],
    judges: Judges,
    draw: Draw | None = None,
) -> list[Round]:
    """The rounds before and those of DPO-Iter. Each finished step is kept, so a run that was killed
    goes on where it was.

    `draw` gives a round's speeches by its number from 0 (`drawn` where nothing else is given). A
    guard that trips is said, or with `guard = "stop"` ends the rounds; so does a round in which no
    speech gives a pair.
    """
    test = [speech for speech in speeches if speech.split == "test"]
    rounds = list(before)
    for number in range(recipe.rounds):
        if _watched(recipe, lab, rounds):
            return rounds
        part = draw(number) if draw else drawn(speeches, recipe.round_speeches, number)
        one = _practised(recipe, lab, part, rounds, judges)
        if not len(one.pairs):
            lab.progress.say(
                f"WARNING: round {len(rounds)}: no speech gave a pair (all samples alike, or too"
                " few at an end); the rounds end here"
            )
            return rounds
        reference = rounds[0].weights if recipe.reference == "first" else None
        more = () if reference is None else (reference,)
        made = lab.do(recipe.online, one.speeches, one.drafts, one.pairs, rounds[-1].weights, *more)
        rounds.append(
            answered(
                recipe, lab, test, made.weights, judges, made.curve, rounds[0].weights
            )._replace(practice=one)
        )
    _watched(recipe, lab, rounds)
    return rounds


def _watched(recipe: Training, lab: Lab, rounds: Sequence[Round]) -> bool:
    """Say what is wrong with the last state; whether the rounds are to end."""
    tripped = guards(rounds, recipe.drift.limit)
    for what in tripped.values():
        lab.progress.say(f"WARNING: round {len(rounds) - 1}: {what}")
    if tripped and recipe.guard == "stop":
        lab.progress.say(f'stopped after round {len(rounds) - 1} ([training] guard = "stop")')
        return True
    return False


def too_few(recipe: Training, speeches: Sequence[Speech], apart: bool = False) -> str:
    """What is wrong where the rounds ask for more train speeches than there are ('' where they do
    not); `apart`: no speech in two rounds.
    """
    train = sum(speech.split == "train" for speech in speeches)
    wanted = recipe.round_speeches * (recipe.rounds if apart else min(recipe.rounds, 1))
    if wanted <= train:
        return ""
    if not apart:
        return (
            f"[training]: round_speeches = {wanted}, but there are {train} train speeches; lower"
            " it, or collect more"
        )
    most = train // max(1, recipe.rounds)
    asked = f"{recipe.rounds} rounds of {recipe.round_speeches} speeches"
    return f"[training]: {asked}, but there are {train} to train on; at most {most} a round"


def drawn(speeches: Sequence[Speech], count: int, number: int) -> list[Speech]:
    """`count` train speeches for a round, without replacement, afresh for each round (all where
    there are fewer: `too_few` says so before).
    """
    train = [speech for speech in speeches if speech.split == "train"]
    return sorted(train, key=lambda speech: digest(["round", number, speech.speech_id]))[:count]


def _practised(
    recipe: Training, lab: Lab, part: Sequence[Speech], rounds: list[Round], judges: Judges
) -> Practice:
    drafts = lab.do(recipe.draft, part, rounds[-1].weights, NO_RESPONSES)
    scores = lab.do(recipe.score, part, drafts.responses, judges.reward).ratings
    return Practice(
        part,
        drafts.responses,
        drafts.failures,
        lab.do(recipe.pair, part, drafts.responses, scores).preferences,
    )


def figures(rounds: Sequence[Round], limit: float = math.inf) -> list[Metric]:
    """The figures of every round, and of what it learnt from."""
    return [
        row
        for number in range(len(rounds))
        for row in (
            *on_test(rounds, number),
            *_on_practice(rounds[number].practice, number),
            *_tripped(rounds, number, limit),
        )
    ]


def on_test(rounds: Sequence[Round], number: int) -> list[Metric]:
    """The figures of one round on the test speeches, with intervals by speech.

    `policy.reward`, `policy.gold_reward`, `policy.words` are means over the answers that came to an
    end, `policy.finished` says which share did; `policy.kl` is the mean log-ratio to round 0 in
    nats (stages/drift.py). `policy.gold_reward_gain` is the mean difference to round 0 over the
    speeches that both rounds answered.
    """
    one, start = rounds[number], rounds[0]
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


def _on_practice(practice: Practice | None, number: int) -> list[Metric]:
    """What a round learnt from: speeches, pairs, speeches without a pair (all samples alike, or
    fewer than two came to an end), diversity.
    """
    if practice is None:
        return []
    groups: dict[str, list[str]] = {}
    for row in practice.drafts:
        groups.setdefault(row.speech_id, []).append(row.text)
    count, paired = len(practice.speeches), len({row.speech_id for row in practice.pairs})
    ends = [(row.speech_id, 1.0) for row in practice.drafts] + [
        (row.subject_id, 0.0) for row in practice.failures
    ]
    figures = {
        OF_FINISHED: mean_interval(
            [end for _, end in ends], [speech for speech, _ in ends], share=True
        ),
        OF_WORDS: mean_interval(
            [words(row.text) for row in practice.drafts], [row.speech_id for row in practice.drafts]
        ),
        DISTINCT_2: distinct_interval(list(groups.values()), 2),
        SELF_BLEU: self_bleu_interval(list(groups.values())),
    }
    rows = SPEECHES.rows(count, count, round=str(number))
    rows += PAIRS.rows(len(practice.pairs), count, round=str(number))
    rows += WITHOUT_PAIR.rows(count - paired, count, round=str(number))
    for figure, found in figures.items():
        rows += figure.rows(found, round=str(number))
    return rows


def _tripped(rounds: Sequence[Round], number: int, limit: float) -> list[Metric]:
    tripped = guards(rounds[: number + 1], limit)
    return [row for name in tripped for row in GUARD.rows(1, round=str(number), guard=name)]


def guards(rounds: Sequence[Round], limit: float = math.inf) -> dict[str, str]:
    """What looks wrong with the last round, by name; nothing before the second state.

    The bounds are ours: against the round before, over the speeches that both answered, reward
    clearly up and gold reward clearly down (both intervals leave out 0; over-optimisation, Gao et
    al. 2022, arXiv 2210.10760); words more than half again as many or fewer than two thirds of the
    start's; under 80 % of the answers at an end; over half of the speeches without a pair; bigrams
    under half as varied as in the first round of practice; answers that are on average more than
    `limit` nats likelier than at the start.
    """
    if len(rounds) < 2:
        return {}
    now, before, start = rounds[-1], rounds[-2], rounds[0]
    found = {}
    if (
        _rose(now.answers, now.scores, before.answers, before.scores)
        > 0
        > _rose(now.answers, now.gold_scores, before.answers, before.gold_scores)
    ):
        found["over_optimised"] = "the reward it is trained on rose, the gold reward fell"
    if now.answers and start.answers:
        ratio = _mean_words(now.answers) / max(_mean_words(start.answers), 1.0)
        if not 2 / 3 <= ratio <= 1.5:
            found["length"] = f"answers have {ratio:.2f} times the words of the start"
    asked = len(now.answers) + len(now.failures)
    if len(now.failures) > 0.2 * asked:
        found["unfinished"] = f"{len(now.failures)} of {asked} answers did not come to an end"
    moved = sum(row.score for row in now.moved) / max(1, len(now.moved))
    if moved > limit:
        found["kl"] = (
            f"its answers are {moved:.0f} nats likelier than at the start (limit {limit:g})"
        )
    drill = now.practice
    if drill is not None:
        bare = len(drill.speeches) - len({row.speech_id for row in drill.pairs})
        if bare > 0.5 * len(drill.speeches):
            found["ties"] = f"{bare} of {len(drill.speeches)} speeches gave no pair"
        first = next(one.practice for one in rounds if one.practice is not None)
        if distinct([row.text for row in drill.drafts], 2) < 0.5 * distinct(
            [row.text for row in first.drafts], 2
        ):
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
    return 1 if low > 0 else -1 if high < 0 else 0


def _speeches(answers: Sequence[Response]) -> dict[str, str]:
    return {row.response_id: row.speech_id for row in answers}
