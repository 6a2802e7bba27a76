"""Offline against online preferences, one epoch each, for models of several sizes: win rate by
checkpoint (paper, section 4.3, Figure 4).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from psycopref.errors import RecipeError
from psycopref.flows import dataset, rounds
from psycopref.flows.dataset import Built
from psycopref.flows.judged import compared
from psycopref.flows.paper import NONE, Bench, Trained, bench, trainable
from psycopref.flows.rounds import NO_RESPONSES, Round, answered, on_test, online, too_few
from psycopref.lab import Lab
from psycopref.recipes import PaperRecipe, Training
from psycopref.stages import evaluate
from psycopref.store.keys import digest
from psycopref.tables import LACKING, Failure, Figure, Metric, Point, Speech, Verdict

AT = ("{size}:{preferences=offline|online}:{checkpoint}",)
WIN_RATE = Figure("ablation.winrate", "estimate", AT, "a checkpoint's rate against the opponent")
PAIRS = Figure("ablation.pairs", "count", AT, "pairs that an online round learnt from")
# A state's own figures, as they are called at a checkpoint.
OF_A_STATE = {
    one: Figure(one.name.replace("policy.", "ablation."), "estimate", AT, one.says)
    for one in (rounds.REWARD, rounds.GOLD_REWARD, rounds.KL, rounds.WORDS, rounds.FINISHED)
}


class _Size(NamedTuple):
    """One size's training settings, and its states by arm; state 0 of both arms is the start."""

    name: str
    recipe: Training
    arms: dict[str, list[Round]]


def run(recipe: PaperRecipe, lab: Lab) -> tuple[Built, Trained]:
    """The dataset flow; then for each size offline DPO with a snapshot per checkpoint beside as
    many rounds of DPO-Iter, all from the start.
    """
    built = dataset.run(recipe.dataset, lab)
    trainable(recipe.training, built, apart=True)
    judged_by = bench(recipe.training, lab, built)
    sizes = [_trained(name, _sized(recipe, name), lab, built, judged_by) for name in recipe.sizes]
    return built, _judged(lab, built, judged_by, sizes)


def _sized(recipe: PaperRecipe, name: str) -> Training:
    """The training settings with that size's start, and one snapshot for each round."""
    given = recipe.sizes[name]
    if recipe.training.start is None:
        raise RecipeError(
            "[training.start]: an ablation compares with where it starts; give the section"
        )
    start = recipe.training.start.model_copy(
        update={key: getattr(given, key) for key in given.model_fields_set}
    )
    policy = recipe.training.policy.model_copy(update={"snapshots": recipe.training.rounds})
    return recipe.training.model_copy(update={"start": start, "policy": policy})


def _trained(name: str, recipe: Training, lab: Lab, built: Built, judged_by: Bench) -> _Size:
    test = [speech for speech in built.speeches if speech.split == "test"]
    assert recipe.start is not None  # noqa: S101 - `_sized` saw to it
    begin = lab.do(recipe.start, built.speeches, built.responses, NONE, None)
    first = answered(recipe, lab, test, begin.weights, judged_by.judges, begin.curve)
    made = lab.do(recipe.policy, built.speeches, built.responses, built.preferences, begin.weights)
    offline = [first]
    for number in range(1, recipe.rounds + 1):
        offline.append(
            answered(
                recipe,
                lab,
                test,
                made.snapshots / str(number),
                judged_by.judges,
                made.curve,
                begin.weights,
            )
        )
    apart = _apart(built.speeches, recipe)
    return _Size(
        name,
        recipe,
        {
            "offline": offline,
            "online": online(
                recipe, lab, list(built.speeches), [first], judged_by.judges, apart.__getitem__
            ),
        },
    )


def _apart(speeches: Sequence[Speech], recipe: Training) -> list[list[Speech]]:
    """The train speeches dealt out to the rounds, each speech to one round at most: together one
    epoch.
    """
    train = sorted(
        (speech for speech in speeches if speech.split == "train"),
        key=lambda speech: digest(["ablation", speech.speech_id]),
    )
    wanted = recipe.rounds * recipe.round_speeches
    if short := too_few(recipe, speeches, apart=True):
        raise RecipeError(short)
    return [
        train[at : at + recipe.round_speeches] for at in range(0, wanted, recipe.round_speeches)
    ]


def _judged(lab: Lab, built: Built, judged_by: Bench, sizes: Sequence[_Size]) -> Trained:
    test = [speech for speech in built.speeches if speech.split == "test"]
    metrics: list[Metric] = [*judged_by.calibrated.metrics]
    verdicts: list[Verdict] = []
    failures: list[Failure] = [*judged_by.failures]
    curves: dict[str, Sequence[Point]] = {**judged_by.curves}
    for name, recipe, arms in sizes:
        rival = lab.do(recipe.opponent, test, NO_RESPONSES)
        failures += rival.failures
        for arm, states in arms.items():
            for number, state in enumerate(states):
                made = compared(
                    recipe,
                    lab,
                    test,
                    state.answers,
                    rival.responses,
                    judged_by.judges,
                    "checkpoint",
                )
                place = {"size": name, "preferences": arm, "checkpoint": str(number)}
                metrics += _checkpoint(made.metrics, states, number, place)
                verdicts += made.verdicts
                failures += [
                    *made.failures,
                    *state.failures,
                    *(state.practice.failures if state.practice else ()),
                ]
            curves |= _curves(name, arm, states)
        even = (
            min(len(arms["online"]), len(arms["offline"])) - 1
        )  # a guard may have ended the rounds: as much training on both sides
        last = compared(
            recipe,
            lab,
            test,
            arms["online"][even].answers,
            arms["offline"][even].answers,
            judged_by.judges,
            f"winrate.{name}",
        )
        metrics += last.metrics
        verdicts += last.verdicts
        failures += last.failures
    unique = list({row.failure_id: row for row in failures}.values())
    drawn = {name: points for name, points in curves.items() if points}
    return Trained(
        *judged_by.judges,
        [],
        judged_by.calibrated,
        list({v.verdict_id: v for v in verdicts}.values()),
        metrics,
        unique,
        drawn,
    )


def _checkpoint(
    made: Sequence[Metric], states: Sequence[Round], number: int, place: Mapping[str, str]
) -> list[Metric]:
    """A checkpoint's win rate, and what else is known of its answers."""
    rows: list[Metric] = []
    for _, row in evaluate.WIN_RATE.read(made, match="checkpoint", part="overall", arm="raw"):
        rows += WIN_RATE.rows((row.value, row.low, row.high, row.count), **place)
    for row in on_test(states, number):
        for figure, own in OF_A_STATE.items():
            if row.name == figure.name:
                rows += own.rows((row.value, row.low, row.high, row.count), **place)
            elif row.name == figure.name + LACKING:
                rows += own.lacking(row.count, **place)
    if practice := states[number].practice:
        rows += PAIRS.rows(len(practice.pairs), **place)
    return rows


def _curves(name: str, arm: str, states: Sequence[Round]) -> dict[str, Sequence[Point]]:
    if arm == "offline":
        return {f"{name} start": states[0].curve, f"{name} offline": states[-1].curve}
    return {f"{name} round {number}": state.curve for number, state in enumerate(states) if number}
