"""The evaluation half: policies against the opponent and each other, raw and with the opponent's
length asked for, and the judge against null opponents.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from psycopref.flows import systems
from psycopref.flows.dataset import Built
from psycopref.flows.rounds import NO_RESPONSES, Judges, Round
from psycopref.flows.systems import Faced
from psycopref.lab import Lab
from psycopref.recipes import Training
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
from psycopref.tables import Failure, Figure, Metric, Response, Speech, Verdict

CHANCE = 0.5
OF_A_NULL = (WIN_RATE, WINS, TIES, LOSSES, FLIPS, FAILED, WORST, BEST)
NULL_OPPONENTS = Figure(
    "guard.null_opponents",
    "count",
    ("{part=overall}:{arm=raw}",),
    "null opponents that beat chance, of those that were played",
)


class Judged(NamedTuple):
    """The last policy against its opponents; `arms` holds what it and the opponent answered."""

    verdicts: list[Verdict]
    metrics: list[Metric]
    failures: list[Failure]
    arms: dict[str, Sequence[Response]]


def judged(recipe: Training, lab: Lab, built: Built, states: list[Round], judges: Judges) -> Judged:
    """The last policy against the opponent, raw and with the opponent's length asked for, and
    against its start.
    """
    test = [speech for speech in built.speeches if speech.split == "test"]
    rival = lab.do(recipe.opponent, test, NO_RESPONSES)
    faced = {row.speech_id for row in rival.responses}
    common = [speech for speech in test if speech.speech_id in faced]
    short = lab.do(recipe.constrained, common, states[-1].weights, rival.responses)
    last: Sequence[Response] = states[-1].answers
    found = Judged(
        [],
        [],
        [*rival.failures, *short.failures],
        {"raw": last, "constrained": short.responses, "opponent": rival.responses},
    )
    arms: list[
        tuple[
            str,
            Literal["raw", "constrained"],
            Sequence[Response],
            Sequence[Response],
            Sequence[Response],
        ]
    ] = [
        ("winrate", "raw", last, rival.responses, NO_RESPONSES),
        ("winrate", "constrained", short.responses, rival.responses, rival.responses),
        ("winrate.start", "raw", last, states[0].answers, NO_RESPONSES),
    ]
    if len(states) == 1:
        arms.pop()  # there is no earlier state to compare with
    made = [
        compared(recipe, lab, test, ours, theirs, judges, name, arm, targets)
        for name, arm, ours, theirs, targets in arms
    ]
    for one in made:
        found.metrics.extend(one.metrics)
    if recipe.systems == "each" and len(states) > 1:
        more, rows = _systems(recipe, lab, test, states, rival.responses, judges, made[0], made[-1])
        found.metrics.extend(rows)
        made += more
    nothing = nulled(recipe, lab, common, built.responses, rival.responses, judges)
    found.metrics.extend(nothing.metrics)
    verdicts, failures = [*nothing.verdicts], [*nothing.failures]
    for one in made:
        verdicts += one.verdicts
        failures += one.failures
    found.verdicts.extend({row.verdict_id: row for row in verdicts}.values())
    found.failures.extend({row.failure_id: row for row in failures}.values())
    return found


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
        name = f"null.{kind}"
        own = compared(
            recipe, lab, test, ours, [row for row in rival if row.speech_id in faced], judges, name
        )
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
    last: Evaluated,
    ends: Evaluated,
) -> tuple[list[Evaluated], list[Metric]]:
    """The earlier states against the opponent too, and all of them side by side; `ends` is the last
    one against the first.
    """
    first = ["start", "dpo"] if recipe.start else ["dpo"]
    earlier = {name: states[at] for at, name in enumerate(first) if at < len(states) - 1}
    made = {
        name: compared(recipe, lab, test, state.answers, rival, judges, "system")
        for name, state in earlier.items()
    }
    orders = 1 if recipe.evaluate.judge is None else 2
    name = f"round {len(states) - 1}" if len(states) > len(first) else first[-1]
    against = [
        Faced(one, "opponent", own.verdicts, earlier[one].answers, orders)
        for one, own in made.items()
    ]
    against.append(Faced(name, "opponent", last.verdicts, states[-1].answers, orders))
    more = [Faced(name, first[0], ends.verdicts, states[-1].answers, orders)]
    return list(made.values()), systems.figures(
        against, more, recipe.evaluate.draws, recipe.evaluate.seed
    )


def compared(
    recipe: Training,
    lab: Lab,
    test: Sequence[Speech],
    ours: Sequence[Response],
    theirs: Sequence[Response],
    judges: Judges,
    name: str,
    arm: Literal["raw", "constrained"] = "raw",
    targets: Sequence[Response] = NO_RESPONSES,
) -> Evaluated:
    """Two systems' answers by the recipe's judge; without one by the gold reward model, and where
    there is none by the one that trained.
    """
    once = (
        {} if (name, arm) == ("winrate", "raw") else {"repeats": 0.0}
    )  # how steady the judge is need be asked in one place only
    stage = recipe.evaluate.model_copy(update={"name": name, "arm": arm, **once})
    scores = (
        lab.do(recipe.score, test, [*ours, *theirs], judges.gold or judges.reward).ratings
        if stage.judge is None
        else ()
    )
    return lab.do(stage, test, ours, theirs, scores, targets)
