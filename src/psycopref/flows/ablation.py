"""Offline against online preferences, one epoch each, for models of several sizes: win rate by
checkpoint (paper, section 4.3, Figure 4).
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import model_validator

from psycopref.errors import RecipeError
from psycopref.flows import dataset
from psycopref.flows.base import Done
from psycopref.flows.judged import compared
from psycopref.flows.paper import NONE, Bench, bench, drawn, trainable
from psycopref.flows.rounds import NO_RESPONSES, Round, answered, joined, online, too_few
from psycopref.flows.training import Training, TrainingRecipe
from psycopref.lab import Lab
from psycopref.settings import Stage
from psycopref.stages import evaluate, rounds
from psycopref.stages.evaluate import Evaluated
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


class Recipe(TrainingRecipe):
    """flow = "ablation": offline against online, for each of `sizes`.

    Its arms are compared at each checkpoint: it plays no null opponents ([training.nulls] is not
    read), and `systems = "each"` is refused.
    """

    flow: Literal["ablation"]

    @model_validator(mode="after")
    def _sizes(self) -> "Recipe":
        if not self.sizes:
            raise ValueError(
                '[sizes]: flow = "ablation" needs at least one, such as [sizes.small] with a base;'
                " other flows have none"
            )
        if self.training.systems == "each":
            raise ValueError(
                "[training] systems: an ablation compares its two arms at every checkpoint and no"
                ' other states; leave systems = "each" out'
            )
        if wrong := [name for name in self.sizes if ":" in name]:
            raise ValueError(f"[sizes]: a name must hold no colon, found {wrong}")
        return self

    def titles(self) -> dict[str, str]:
        """Online against offline, by size."""
        return {
            f"winrate.{name}": f"online against offline preferences, {name}" for name in self.sizes
        }

    def sides(self, name: str) -> tuple[str, str]:
        """The arms."""
        return "online preferences", "offline preferences"

    def begun(self, start: Stage) -> "tuple[str, Recipe]":
        """The size whose policies start with that stage, and the recipe as it holds for it."""
        for name in self.sizes:
            training = sized(self, name)
            if training.start == start:
                return name, self.model_copy(update={"training": training})
        return "", self


class _Size(NamedTuple):
    """One size's training settings, and its states by arm; state 0 of both arms is the start."""

    name: str
    recipe: Training
    arms: dict[str, list[Round]]


def run(recipe: Recipe, lab: Lab) -> Done:
    """The dataset flow; then for each size offline DPO with a snapshot per checkpoint beside as
    many rounds of DPO-Iter, all from the start.
    """
    done = dataset.built(recipe.dataset, lab)
    trainable(recipe.training, lab, done, apart=True)
    judged_by = bench(recipe.training, lab, done)
    sizes = [_trained(name, sized(recipe, name), lab, done, judged_by) for name in recipe.sizes]
    return _judged(lab, done, judged_by, sizes)


def sized(recipe: Recipe, name: str) -> Training:
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


def _trained(name: str, recipe: Training, lab: Lab, done: Done, judged_by: Bench) -> _Size:
    test, judges = done.test(), judged_by.judges
    assert recipe.start is not None  # `sized` saw to it
    begin = lab.do(recipe.start, done.speeches, done.responses, NONE, None)
    first = answered(recipe, lab, test, begin.weights, judges, begin.curve)
    made = lab.do(recipe.policy, done.speeches, done.responses, done.preferences, begin.weights)
    offline = joined(recipe, lab, [], first)
    for number in range(1, recipe.rounds + 1):
        weights = made.snapshots / str(number)
        new = answered(recipe, lab, test, weights, judges, made.curve, begin.weights)
        offline = joined(recipe, lab, offline, new)
    apart = apart_for(recipe, lab, done.speeches)
    arms = {
        "offline": offline,
        "online": online(recipe, lab, list(done.speeches), offline[:1], judges, apart.__getitem__),
    }
    return _Size(name, recipe, arms)


def apart_for(recipe: Training, lab: Lab, speeches: Sequence[Speech]) -> list[list[Speech]]:
    """The train speeches dealt out to the rounds, each speech to one round at most: together one
    epoch. RecipeError (by `lab.refuse`) where they are too few.
    """
    train = sorted(
        (speech for speech in speeches if speech.split == "train"),
        key=lambda speech: digest(["ablation", speech.speech_id]),
    )
    each = recipe.round_speeches
    if short := too_few(recipe, speeches, apart=True):
        lab.refuse(short)
    return [train[at : at + each] for at in range(0, recipe.rounds * each, each)]


def _judged(lab: Lab, done: Done, judged_by: Bench, sizes: Sequence[_Size]) -> Done:
    metrics: list[Metric] = [*judged_by.calibrated.metrics]
    verdicts: list[Verdict] = []
    failures: list[Failure] = [*judged_by.failures]
    curves: dict[str, Sequence[Point]] = {**judged_by.curves}
    for size in sizes:
        found = _of_size(lab, done, judged_by, size)
        metrics += found.metrics
        verdicts += found.verdicts
        failures += found.failures
        for arm, states in size.arms.items():
            curves |= _curves(size.name, arm, states)
    unique = {row.failure_id: row for row in failures}
    return done._replace(
        failures=[*done.failures, *unique.values()],
        metrics=[*done.metrics, *metrics],
        curves=drawn(curves),
        verdicts=list({row.verdict_id: row for row in verdicts}.values()),
        orders=sizes[0].recipe.orders,
        bins=judged_by.calibrated.bins,
    )


def _of_size(lab: Lab, done: Done, judged_by: Bench, size: _Size) -> Evaluated:
    """Every checkpoint of both arms against the opponent, and the arms against each other."""
    name, recipe, arms = size
    test, judges = done.test(), judged_by.judges
    rival = lab.do(recipe.opponent, test, NO_RESPONSES)
    metrics: list[Metric] = []
    verdicts: list[Verdict] = []
    failures: list[Failure] = [*rival.failures]
    for arm, states in arms.items():
        for number, one in enumerate(states):
            made = compared(recipe, lab, test, one.answers, rival.responses, judges, "checkpoint")
            place = {"size": name, "preferences": arm, "checkpoint": str(number)}
            metrics += _checkpoint(made.metrics, one, place)
            verdicts += made.verdicts
            failures += [*made.failures, *one.failures]
    # A guard may have ended the rounds: as much training on both sides.
    even = min(len(states) for states in arms.values()) - 1
    ours, theirs = arms["online"][even].answers, arms["offline"][even].answers
    last = compared(recipe, lab, test, ours, theirs, judges, f"winrate.{name}")
    return Evaluated(
        [*verdicts, *last.verdicts], [*failures, *last.failures], [*metrics, *last.metrics]
    )


def _checkpoint(made: Sequence[Metric], one: Round, place: Mapping[str, str]) -> list[Metric]:
    """A checkpoint's win rate, and what else is known of its answers."""
    rows: list[Metric] = []
    for _, row in evaluate.WIN_RATE.read(made, match="checkpoint", part="overall", arm="raw"):
        rows += WIN_RATE.rows((row.value, row.low, row.high, row.count), **place)
    for row in one.found.metrics:
        for figure, own in OF_A_STATE.items():
            if row.name == figure.name:
                rows += own.rows((row.value, row.low, row.high, row.count), **place)
            elif row.name == figure.name + LACKING:
                rows += own.lacking(row.count, **place)
    if practice := one.state.practice:
        rows += PAIRS.rows(len(practice.pairs), **place)
    return rows


def _curves(name: str, arm: str, states: Sequence[Round]) -> dict[str, Sequence[Point]]:
    if arm == "offline":
        return {f"{name} start": states[0].curve, f"{name} offline": states[-1].curve}
    return {f"{name} round {number}": state.curve for number, state in enumerate(states) if number}
