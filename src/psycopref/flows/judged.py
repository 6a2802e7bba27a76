"""The evaluation half: policies against the opponent and each other, raw and with the opponent's
length asked for, and the judge against null opponents.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from psycopref.flows.base import Done
from psycopref.flows.rounds import NO_RESPONSES, Judges, Round
from psycopref.flows.training import Training
from psycopref.lab import Lab
from psycopref.queries.rewarded import with_reward
from psycopref.stages.evaluate import (
    BEST,
    FAILED,
    FLIPS,
    LOSSES,
    TIES,
    WIN_RATE,
    WINS,
    WORST,
    Evaluated,
)
from psycopref.stages.systems import Faced, Systems
from psycopref.tables import Failure, Figure, Metric, Response, Speech, Verdict

CHANCE = 0.5
OF_A_NULL = (WIN_RATE, WINS, TIES, LOSSES, FLIPS, FAILED, WORST, BEST)
NULL_OPPONENTS = Figure(
    "guard.null_opponents",
    "count",
    ("{part=overall}:{arm=raw}",),
    "null opponents that beat chance, of those that were played",
)
Arm = Literal["raw", "constrained"]


class Judged(NamedTuple):
    """The last policy against its opponents; `arms` holds what it and the opponent answered."""

    verdicts: list[Verdict]
    metrics: list[Metric]
    failures: list[Failure]
    arms: dict[str, Sequence[Response]]


class _Game(NamedTuple):
    """Two systems that are to be compared, and how the figures are named."""

    name: str
    arm: Arm
    ours: Sequence[Response]
    theirs: Sequence[Response]
    targets: Sequence[Response] = NO_RESPONSES


def judged(recipe: Training, lab: Lab, done: Done, states: list[Round], judges: Judges) -> Judged:
    """The last policy against the opponent, raw and with the opponent's length asked for, and
    against its start.
    """
    test = done.test()
    rival = lab.do(recipe.opponent, test, NO_RESPONSES)
    faced = {row.speech_id for row in rival.responses}
    common = [speech for speech in test if speech.speech_id in faced]
    short = lab.do(recipe.constrained, common, states[-1].weights, rival.responses)
    last = states[-1].answers
    games = [
        _Game("winrate", "raw", last, rival.responses),
        _Game("winrate", "constrained", short.responses, rival.responses, rival.responses),
    ]
    if len(states) > 1:
        games.append(_Game("winrate.start", "raw", last, states[0].answers))
    made = [_played(recipe, lab, test, judges, game) for game in games]
    metrics = [row for one in made for row in one.metrics]
    if recipe.systems == "each" and len(states) > 1:
        earlier, rows = _systems(recipe, lab, test, states, rival.responses, judges, made)
        made += earlier
        metrics += rows
    nothing = nulled(recipe, lab, common, done.responses, rival.responses, judges)
    metrics += nothing.metrics
    verdicts = [*nothing.verdicts, *(row for one in made for row in one.verdicts)]
    failures = [*rival.failures, *short.failures]
    later = [*nothing.failures, *(row for one in made for row in one.failures)]
    return Judged(
        list({row.verdict_id: row for row in verdicts}.values()),
        metrics,
        failures + list({row.failure_id: row for row in later}.values()),
        {"raw": last, "constrained": short.responses, "opponent": rival.responses},
    )


def nulled(
    recipe: Training,
    lab: Lab,
    test: Sequence[Speech],
    pool: Sequence[Response],
    rival: Sequence[Response],
    judges: Judges,
) -> Judged:
    """Each null opponent against `rival` on the drawn speeches, by the run's own judge; nothing
    where [training.nulls] draws none.

    Metrics `null.<kind>` (slice overall:raw) with their counts, and `guard.null_opponents`: how
    many of them beat chance, said aloud.
    """
    found = Judged([], [], [], {})
    answers = lab.do(recipe.nulls, test, pool, rival).responses
    beat, played = [], 0
    for kind in recipe.nulls.kinds:
        ours = [row for row in answers if row.model == f"null:{kind}"]
        if not ours:
            continue
        played += 1
        faced = {row.speech_id for row in ours}
        theirs = [row for row in rival if row.speech_id in faced]
        name = f"null.{kind}"
        own = compared(recipe, lab, test, ours, theirs, judges, name)
        rows = [row for row in own.metrics if _of_a_null(row)]
        found.metrics.extend(rows)
        found.verdicts.extend(own.verdicts)
        found.failures.extend(own.failures)
        rates = [row for _, row in WIN_RATE.read(rows)]
        if any(row.low is not None and row.low > CHANCE for row in rates):
            beat.append(kind)
    if answers:
        found.metrics.extend(NULL_OPPONENTS.rows(len(beat), played, part="overall", arm="raw"))
    if beat:
        lab.progress.say(
            f"WARNING: the judge prefers {', '.join(beat)} to the opponent's answers; what it says"
            " of the policies means little"
        )
    return found


def _of_a_null(row: Metric) -> bool:
    """Whether a figure of a null opponent's match says something of the judge."""
    if row.slice != WIN_RATE.placed(part="overall", arm="raw"):
        return False
    return any(figure.named(row.name) is not None for figure in OF_A_NULL)


def _systems(
    recipe: Training,
    lab: Lab,
    test: Sequence[Speech],
    states: list[Round],
    rival: Sequence[Response],
    judges: Judges,
    made: Sequence[Evaluated],
) -> tuple[list[Evaluated], Sequence[Metric]]:
    """The earlier states against the opponent too, and all of them side by side; the first of
    `made` is the last state against the opponent, the last one the last state against the first.
    """
    first = ["start", "dpo"] if recipe.start else ["dpo"]
    earlier = {name: states[at] for at, name in enumerate(first) if at < len(states) - 1}
    found = {
        name: compared(recipe, lab, test, state.answers, rival, judges, "system")
        for name, state in earlier.items()
    }
    last = f"round {len(states) - 1}" if len(states) > len(first) else first[-1]
    answers = states[-1].answers
    against = [
        Faced(name, "opponent", one.verdicts, earlier[name].answers, recipe.orders)
        for name, one in found.items()
    ]
    against.append(Faced(last, "opponent", made[0].verdicts, answers, recipe.orders))
    more = [Faced(last, first[0], made[-1].verdicts, answers, recipe.orders)]
    stage = Systems(draws=recipe.evaluate.draws, seed=recipe.evaluate.seed)
    return list(found.values()), lab.do(stage, against, more).metrics


def _played(
    recipe: Training, lab: Lab, test: Sequence[Speech], judges: Judges, game: _Game
) -> Evaluated:
    name, arm, ours, theirs, targets = game
    return compared(recipe, lab, test, ours, theirs, judges, name, arm, targets)


def compared(
    recipe: Training,
    lab: Lab,
    test: Sequence[Speech],
    ours: Sequence[Response],
    theirs: Sequence[Response],
    judges: Judges,
    name: str,
    arm: Arm = "raw",
    targets: Sequence[Response] = NO_RESPONSES,
) -> Evaluated:
    """Two systems' answers by the recipe's judge; without one by the gold reward model, and where
    there is none by the one that trained.
    """
    once = (
        {} if (name, arm) == ("winrate", "raw") else {"repeats": 0.0}
    )  # how steady the judge is need be asked in one place only
    stage = recipe.evaluate.model_copy(update={"name": name, "arm": arm, **once})
    if stage.judge is not None:
        return lab.do(stage, test, ours, theirs, (), targets)
    scores = lab.do(recipe.score, test, [*ours, *theirs], judges.gold or judges.reward).ratings
    # A prompt with an answer too long to be scored is one that a side did not answer.
    ours, theirs = (with_reward(rows, scores) for rows in (ours, theirs))
    return lab.do(stage, test, ours, theirs, scores, targets)
