"""The whole paper: dataset, reward model, policy by DPO and DPO-Iter, figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from psycopref.errors import RecipeError
from psycopref.flows import dataset
from psycopref.flows.dataset import Built
from psycopref.lab import Lab
from psycopref.recipes import PaperRecipe, Training
from psycopref.stages.calibrate import Calibrated
from psycopref.stats.intervals import mean_interval
from psycopref.store.keys import digest
from psycopref.tables import Failure, Metric, Point, Preference, Rating, Response, Speech, Verdict, metric


class Round(NamedTuple):
    """One state of the policy: its weights, its answers to the test speeches with their scores, and for each answer asked for whether it came to an end."""

    weights: Path
    answers: Sequence[Response]
    scores: Sequence[Rating]
    gold_scores: Sequence[Rating]
    finished: list[tuple[str, bool]]


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
    opponent: Sequence[Response]


NONE: Sequence[Preference] = ()
NO_RESPONSES: Sequence[Response] = ()


def run(recipe: PaperRecipe, lab: Lab) -> tuple[Built, Trained]:
    """The dataset flow, then training and evaluation."""
    built = dataset.run(recipe.dataset, lab)
    _trainable(recipe.training, built)
    return built, train(recipe.training, lab, built)


def _trainable(recipe: Training, built: Built) -> None:
    """RecipeError where a stage would find no pairs of its split: said before the first stage trains, not after."""
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


def train(recipe: Training, lab: Lab, built: Built) -> Trained:
    """Reward models, the policy and its rounds, and the figures."""
    curves: dict[str, Sequence[Point]] = {}
    start = _start(recipe, lab, built, curves)
    reward = lab.do(recipe.reward, built.speeches, built.responses, built.preferences, None)
    curves["reward"] = reward.curve
    scores = lab.do(recipe.score, built.speeches, built.responses, reward.weights).ratings
    calibrated = lab.do(recipe.calibrate, built.speeches, built.responses, built.preferences, built.measure, scores)
    gold = _gold(recipe, lab, built, curves)
    failures: list[Failure] = []
    rounds = _rounds(recipe, lab, built, start, reward.weights, gold, curves, failures)
    metrics = [*calibrated.metrics, *[row for number in range(len(rounds)) for row in _round_metrics(rounds, number)]]
    verdicts, opponent = _judged(recipe, lab, built, rounds, gold or reward.weights, metrics, failures)
    return Trained(reward.weights, gold, rounds, calibrated, verdicts, metrics, failures, curves, opponent)


def _start(recipe: Training, lab: Lab, built: Built, curves: dict[str, Sequence[Point]]) -> Path | None:
    if recipe.start is None:
        return None
    made = lab.do(recipe.start, built.speeches, built.responses, NONE, None)
    curves["start"] = made.curve
    return made.weights


def _gold(recipe: Training, lab: Lab, built: Built, curves: dict[str, Sequence[Point]]) -> Path | None:
    """The gold reward model: trained on the speeches of split 'gold', which nothing else uses (the recipe sees to that)."""
    if recipe.gold is None:
        return None
    base = lab.do(recipe.gold_start, built.speeches, built.responses, NONE, None).weights if recipe.gold_start else None
    made = lab.do(recipe.gold, built.speeches, built.responses, built.preferences, base)
    curves["gold"] = made.curve
    return made.weights


def _rounds(
    recipe: Training, lab: Lab, built: Built, start: Path | None, reward: Path, gold: Path | None, curves: dict[str, Sequence[Point]], failures: list[Failure]
) -> list[Round]:
    """Round 0 is the start, round 1 DPO on the dataset's pairs, then DPO-Iter (paper, section 5: best and worst of 8 by the reward model)."""
    test = [speech for speech in built.speeches if speech.split == "test"]
    rounds = [_answered(recipe, lab, test, start, reward, gold, failures)] if start else []
    made = lab.do(recipe.policy, built.speeches, built.responses, built.preferences, start)
    curves["dpo"] = made.curve
    rounds.append(_answered(recipe, lab, test, made.weights, reward, gold, failures))
    prompts = sorted((speech for speech in built.speeches if speech.split == "train"), key=lambda s: digest(["round", s.speech_id]))
    for number in range(recipe.rounds):
        part = [prompts[(number * recipe.round_speeches + k) % len(prompts)] for k in range(min(recipe.round_speeches, len(prompts)))]
        drafts = lab.do(recipe.draft, part, made.weights, NO_RESPONSES)
        failures.extend(drafts.failures)
        scores = lab.do(recipe.score, part, drafts.responses, reward).ratings
        pairs = lab.do(recipe.pair, part, drafts.responses, scores).preferences
        made = lab.do(recipe.online, part, drafts.responses, pairs, made.weights)
        curves[f"round {number + 1}"] = made.curve
        rounds.append(_answered(recipe, lab, test, made.weights, reward, gold, failures))
    return rounds


def _answered(recipe: Training, lab: Lab, test: Sequence[Speech], weights: Path, reward: Path, gold: Path | None, failures: list[Failure]) -> Round:
    drafts = lab.do(recipe.answer, test, weights, NO_RESPONSES)
    failures.extend(drafts.failures)
    scores = lab.do(recipe.score, test, drafts.responses, reward).ratings
    gold_scores = lab.do(recipe.score, test, drafts.responses, gold).ratings if gold else ()
    finished = [(row.speech_id, True) for row in drafts.responses] + [(row.subject_id, False) for row in drafts.failures]
    return Round(weights, drafts.responses, scores, gold_scores, finished)


def _judged(
    recipe: Training, lab: Lab, built: Built, rounds: list[Round], judge: Path, metrics: list[Metric], failures: list[Failure]
) -> tuple[list[Verdict], Sequence[Response]]:
    """The last policy against the opponent, raw and with the opponent's length asked for, and against its start."""
    test = [speech for speech in built.speeches if speech.split == "test"]
    rival = lab.do(recipe.opponent, test, NO_RESPONSES)
    faced = {row.speech_id for row in rival.responses}
    common = [speech for speech in test if speech.speech_id in faced]
    short = lab.do(recipe.constrained, common, rounds[-1].weights, rival.responses)
    failures.extend([*rival.failures, *short.failures])
    verdicts: list[Verdict] = []
    asked: Sequence[Response] = rival.responses
    arms: list[tuple[str, Literal["raw", "constrained"], Sequence[Response], Sequence[Response], Sequence[Response]]] = [
        ("winrate", "raw", rounds[-1].answers, rival.responses, NO_RESPONSES),
        ("winrate", "constrained", short.responses, rival.responses, asked),
        ("winrate.start", "raw", rounds[-1].answers, rounds[0].answers, NO_RESPONSES),
    ]
    for name, arm, ours, theirs, targets in arms:
        stage = recipe.evaluate.model_copy(update={"name": name, "arm": arm})
        scores = lab.do(recipe.score, test, [*ours, *theirs], judge).ratings if stage.judge is None else ()
        made = lab.do(stage, test, ours, theirs, scores, targets)
        metrics.extend(made.metrics)
        verdicts.extend(made.verdicts)
        failures.extend(made.failures)
    return verdicts, rival.responses


def _round_metrics(rounds: Sequence[Round], number: int) -> list[Metric]:
    """The figures of one round on the test speeches, with intervals by speech.

    `policy.reward`, `policy.gold_reward`, `policy.words` are means over the answers that came to an end, `policy.finished` says which
    share did. `policy.gold_reward_gain` is the mean difference to round 0 over the speeches that both rounds answered.
    """
    one, start = rounds[number], rounds[0]
    speech_of = {row.response_id: row.speech_id for row in (*one.answers, *start.answers)}
    gold, first = ([(speech_of[r.subject_id], r.score) for r in state.gold_scores] for state in (one, start))
    before = dict(first)
    series = {
        "policy.reward": [(speech_of[r.subject_id], r.score) for r in one.scores],
        "policy.gold_reward": gold,
        "policy.gold_reward_gain": [(key, score - before[key]) for key, score in gold if number and key in before],
        "policy.words": [(r.speech_id, float(len(r.text.split()))) for r in one.answers],
        "policy.finished": [(key, float(done)) for key, done in one.finished],
    }
    out = []
    for name, pairs in series.items():
        if pairs:
            found = mean_interval([v for _, v in pairs], [c for c, _ in pairs], share=name == "policy.finished")
            out.append(metric(name, f"round:{number}", found.value, found.low, found.high, len(pairs)))
    return out
