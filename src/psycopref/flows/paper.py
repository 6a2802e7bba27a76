"""The whole paper: dataset, reward model, policy by DPO and DPO-Iter, figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from psycopref.errors import RecipeError
from psycopref.flows import dataset
from psycopref.flows.dataset import Built
from psycopref.flows.rounds import NO_RESPONSES, Judges, Round, answered, figures, online, too_few
from psycopref.lab import Lab
from psycopref.recipes import PaperRecipe, Training
from psycopref.stages.calibrate import Calibrated
from psycopref.stages.evaluate import Evaluated
from psycopref.stages.policy import Trained as Optimised
from psycopref.stages.reward import Rewarded
from psycopref.tables import Failure, Metric, Point, Preference, Response, Speech, Verdict


class Judged(NamedTuple):
    """The last policy against its opponents."""

    verdicts: list[Verdict]
    metrics: list[Metric]
    failures: list[Failure]
    arms: dict[str, Sequence[Response]]


class Trained(NamedTuple):
    """What the training half of a run yields."""

    reward: Path
    gold: Path | None
    rounds: list[Round]
    calibrated: Calibrated
    verdicts: list[Verdict]
    metrics: list[Metric]
    failures: list[Failure]
    curves: dict[str, Sequence[Point]]
    arms: dict[str, Sequence[Response]] = {}  # the last policy's answers by arm, and the opponent's as `opponent`


NONE: Sequence[Preference] = ()


def run(recipe: PaperRecipe, lab: Lab) -> tuple[Built, Trained]:
    """The dataset flow, then training and evaluation."""
    built = dataset.run(recipe.dataset, lab)
    trainable(recipe.training, built)
    return built, train(recipe.training, lab, built)


def trainable(recipe: Training, built: Built, apart: bool = False) -> None:
    """RecipeError where a stage would find no pairs of its split, or the rounds too few speeches: said before the first stage trains, not after."""
    there = {row.split for row in built.preferences}
    stages = {"reward": recipe.reward.split, **({"gold": recipe.gold.split} if recipe.gold else {})}
    if recipe.policy.objective not in ("base", "sft"):
        stages["policy"] = recipe.policy.split
    for name, split in stages.items():
        if split not in there:
            raise RecipeError(
                f"[training.{name}]: no preference pairs in split {split!r} (of {len(built.preferences)} in all); "
                "look at `gap` in [dataset.pair], and at the shares in [dataset.topics]"
            )
    if short := too_few(recipe, built.speeches, apart):
        raise RecipeError(short)


class Bench(NamedTuple):
    """What policies are trained with and judged by: the reward models, how the first one is calibrated, and their curves."""

    judges: Judges
    calibrated: Calibrated
    curves: dict[str, Sequence[Point]]


def bench(recipe: Training, lab: Lab, built: Built) -> Bench:
    """The reward model, measured, and the gold one where the recipe has one."""
    reward = lab.do(recipe.reward, built.speeches, built.responses, built.preferences, None)
    scores = lab.do(recipe.score, built.speeches, built.responses, reward.weights).ratings
    calibrated = lab.do(recipe.calibrate, built.speeches, built.responses, built.preferences, built.measure, scores)
    gold = _gold(recipe, lab, built)
    return Bench(Judges(reward.weights, gold.weights if gold else None), calibrated, {"reward": reward.curve, "gold": gold.curve if gold else ()})


def train(recipe: Training, lab: Lab, built: Built) -> Trained:
    """Reward models, the policy and its rounds, and the figures."""
    start = lab.do(recipe.start, built.speeches, built.responses, NONE, None) if recipe.start else None
    judges, calibrated, theirs = bench(recipe, lab, built)
    states = _policies(recipe, lab, built, start, judges)
    judged = _judged(recipe, lab, built, states, judges)
    curves = {"start": start.curve if start else (), **theirs, **_curves(states, bool(start))}
    failures = [row for one in states for row in (*one.failures, *(one.practice.failures if one.practice else ()))]
    metrics = [*calibrated.metrics, *figures(states, recipe.drift.limit), *judged.metrics]
    drawn = {name: points for name, points in curves.items() if points}
    return Trained(judges.reward, judges.gold, states, calibrated, judged.verdicts, metrics, [*failures, *judged.failures], drawn, judged.arms)


def _gold(recipe: Training, lab: Lab, built: Built) -> Rewarded | None:
    """The gold reward model: trained on the speeches of split 'gold', which nothing else uses (the recipe sees to that)."""
    if recipe.gold is None:
        return None
    base = lab.do(recipe.gold_start, built.speeches, built.responses, NONE, None).weights if recipe.gold_start else None
    return lab.do(recipe.gold, built.speeches, built.responses, built.preferences, base)


def _policies(recipe: Training, lab: Lab, built: Built, start: Optimised | None, judges: Judges) -> list[Round]:
    """Round 0 is the start, round 1 DPO on the dataset's pairs, then DPO-Iter."""
    test = [speech for speech in built.speeches if speech.split == "test"]
    states = [answered(recipe, lab, test, start.weights, judges)] if start else []
    made = lab.do(recipe.policy, built.speeches, built.responses, built.preferences, start.weights if start else None)
    states.append(answered(recipe, lab, test, made.weights, judges, made.curve, states[0].weights if states else None))
    return online(recipe, lab, list(built.speeches), states, judges)


def _curves(states: Sequence[Round], started: bool) -> dict[str, Sequence[Point]]:
    """The training curve of each state but the start."""
    trained = states[1:] if started else states
    return {"dpo" if not number else f"round {number}": one.curve for number, one in enumerate(trained)}


def _judged(recipe: Training, lab: Lab, built: Built, states: list[Round], judges: Judges) -> Judged:
    """The last policy against the opponent, raw and with the opponent's length asked for, and against its start."""
    test = [speech for speech in built.speeches if speech.split == "test"]
    rival = lab.do(recipe.opponent, test, NO_RESPONSES)
    faced = {row.speech_id for row in rival.responses}
    common = [speech for speech in test if speech.speech_id in faced]
    short = lab.do(recipe.constrained, common, states[-1].weights, rival.responses)
    last: Sequence[Response] = states[-1].answers
    judged = Judged([], [], [*rival.failures, *short.failures], {"raw": last, "constrained": short.responses, "opponent": rival.responses})
    arms: list[tuple[str, Literal["raw", "constrained"], Sequence[Response], Sequence[Response], Sequence[Response]]] = [
        ("winrate", "raw", last, rival.responses, NO_RESPONSES),
        ("winrate", "constrained", short.responses, rival.responses, rival.responses),
        ("winrate.start", "raw", last, states[0].answers, NO_RESPONSES),
    ]
    if len(states) == 1:
        arms.pop()  # there is no earlier state to compare with
    for name, arm, ours, theirs, targets in arms:
        made = compared(recipe, lab, test, ours, theirs, judges, name, arm, targets)
        judged.metrics.extend(made.metrics)
        judged.verdicts.extend(made.verdicts)
        judged.failures.extend(made.failures)
    return judged


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
    """Two systems' answers by the recipe's judge; without one by the gold reward model, and where there is none by the one that trained."""
    stage = recipe.evaluate.model_copy(update={"name": name, "arm": arm})
    scores = lab.do(recipe.score, test, [*ours, *theirs], judges.gold or judges.reward).ratings if stage.judge is None else ()
    return lab.do(stage, test, ours, theirs, scores, targets)
