"""The table of reward models (paper, Table 1): ours, those of others and language models as
rankers, on the run's test pairs and on more sets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from psycopref.errors import RecipeError
from psycopref.flows.base import Done
from psycopref.flows.training import Rewarding
from psycopref.lab import Lab
from psycopref.queries.rewarded import with_rewards
from psycopref.stages.calibrate import TEMPERATURE, Bin, Calibrate, Calibrated
from psycopref.stages.collect import Collected
from psycopref.store.parquet import table
from psycopref.tables import (
    LACKING,
    Failure,
    Metric,
    Preference,
    Rating,
    Reason,
    Response,
    Speech,
    Verdict,
    content_id,
)

HELD_OUT = ("dev", "test")


class Tabled(NamedTuple):
    """The figures of every reward model on every set of pairs, and what was left without an
    answer.
    """

    calibrated: Calibrated
    failures: list[Failure]


class _Pairs(NamedTuple):
    """Pairs with the speeches and responses they are made of."""

    speeches: Sequence[Speech]
    responses: Sequence[Response]
    preferences: Sequence[Preference]


class _Beside(NamedTuple):
    """Rewards and verdicts by name, in the place of a judge, and failures."""

    rewards: list[Rating]
    verdicts: list[Verdict]
    failures: list[Failure]


def trainable(lab: Lab, done: Done, stages: Mapping[str, str]) -> None:
    """RecipeError (by `lab.refuse`) where a stage of [training] finds no pairs of its split."""
    there = {row.split for row in done.preferences}
    for name, split in stages.items():
        if split not in there:
            lab.refuse(
                f"[training.{name}]: no preference pairs in split {split!r} (of"
                f" {len(done.preferences)} in all); look at `gap` in [dataset.pair], and at the"
                " shares in [dataset.topics]"
            )


def tabled(recipe: Rewarding, lab: Lab, done: Done, weights: Path) -> Tabled:
    """The run's own test pairs, then each set of [training.tests], all with the same models
    beside.
    """
    scores = lab.do(recipe.score, done.speeches, done.responses, weights).ratings
    done, unread = _read(done, scores)
    held = [row for row in done.preferences if row.split in HELD_OUT]
    seen = {row.preference_id for row in held}
    every = _Pairs(
        done.speeches,
        done.responses,
        [*held, *(row for row in done.measure if row.preference_id not in seen)],
    )
    beside = _beside(recipe, lab, every)
    own = lab.do(
        _named(recipe),
        done.speeches,
        done.responses,
        done.preferences,
        done.measure,
        scores,
        beside.rewards,
        beside.verdicts,
    )
    metrics: list[Metric] = list(own.metrics)
    bins: list[Bin] = list(own.bins)
    failures = [*unread, *beside.failures]
    for name in recipe.tests:
        made, lost = _another(recipe, lab, done, weights, name, beside)
        metrics += [row for row in made.metrics if not _fitted(row)]
        bins += made.bins
        failures += lost
    return Tabled(Calibrated(metrics, bins), failures)


def _read(done: Done, scores: Sequence[Rating]) -> tuple[Done, list[Failure]]:
    """The dataset without the pairs of which a response is longer than the reward model reads; with
    `longer = "refuse"` there are none.
    """
    pairs, lost = with_rewards(done.preferences, scores)
    measure, more = with_rewards(done.measure, scores)
    once = {row.failure_id: row for row in (*lost, *more)}
    return done._replace(preferences=pairs, measure=measure), list(once.values())


def _fitted(row: Metric) -> bool:
    """Whether a figure is of the dev pairs, which every set of test pairs shares."""
    return row.name.removesuffix(LACKING) == TEMPERATURE.name


def _named(recipe: Rewarding) -> Calibrate:
    """The stage with the names of the models that are to stand beside ours, so that one without an
    answer is not lost.
    """
    return recipe.calibrate.model_copy(update={"names": (*recipe.baselines, *recipe.rankers)})


def _another(
    recipe: Rewarding, lab: Lab, done: Done, weights: Path, name: str, before: _Beside
) -> tuple[Calibrated, list[Failure]]:
    """Another set of test pairs; baselines and temperatures are fitted on the run's own train and
    dev pairs as ever.
    """
    found = read(recipe, lab, name)
    fitting = lab.do(
        recipe.score.model_copy(update={"longer": "skip"}), found.speeches, found.responses, weights
    ).ratings
    pairs, left = usable(done, found, {row.subject_id for row in fitting})
    beside = _beside(recipe, lab, pairs)
    own = {row.speech_id for row in done.speeches}
    speeches = [*done.speeches, *(row for row in pairs.speeches if row.speech_id not in own)]
    there = {row.response_id for row in done.responses}
    responses = [
        *done.responses,
        *(row for row in pairs.responses if row.response_id not in there),
    ]
    scores = {
        row.subject_id: row
        for row in (
            *lab.do(recipe.score, done.speeches, done.responses, weights).ratings,
            *fitting,
        )
    }
    kept = [row for row in done.preferences if row.split != "test"]
    stage = _named(recipe).model_copy(update={"name": name})
    rewards = {(row.judge, row.subject_id): row for row in (*before.rewards, *beside.rewards)}
    made = lab.do(
        stage,
        speeches,
        responses,
        kept,
        pairs.preferences,
        list(scores.values()),
        list(rewards.values()),
        beside.verdicts,
    )
    return made, [*left, *beside.failures]


def read(recipe: Rewarding, lab: Lab, name: str) -> Collected:
    """A set of [training.tests] as its source has it; RecipeError where it brings no pairs."""
    found = lab.do(recipe.tests[name])
    if not len(found.preferences):
        raise RecipeError(
            f"[training.tests.{name}]: the source brings no preference pairs; give one that does,"
            " such as name = 'preferences'"
        )
    return found


def usable(done: Done, found: Collected, scored: set[str]) -> tuple[_Pairs, list[Failure]]:
    """The pairs on speeches that the run did not train on (or choose by), both of whose responses
    the reward model can read; the others as failures.
    """
    used = {row.speech_id for row in done.speeches if row.split not in ("test", "")}
    pairs: list[Preference] = []
    left: list[Failure] = []
    for row in found.preferences:
        reason = ""
        if row.speech_id in used:
            reason = Reason("trained on", "tests").text()
        elif not {row.chosen_id, row.rejected_id} <= scored:
            reason = Reason("too long", "tests").text()
        if reason:
            left.append(
                Failure(
                    content_id("failure", "tests", row.preference_id), row.preference_id, reason
                )
            )
        else:
            pairs.append(replace(row, split="test"))
    return _Pairs(found.speeches, found.responses, pairs), left


def _beside(recipe: Rewarding, lab: Lab, pairs: _Pairs) -> _Beside:
    """What the other models say of pairs: each under its name in the recipe."""
    used = {key for row in pairs.preferences for key in (row.chosen_id, row.rejected_id)}
    wanted = [row for row in table(Response, pairs.responses) if row.response_id in used]
    asked = {row.speech_id for row in pairs.preferences}
    speeches = [row for row in pairs.speeches if row.speech_id in asked]
    out = _Beside([], [], [])
    for name, stage in recipe.baselines.items():
        scored = lab.do(stage, speeches, wanted)
        out.rewards.extend(replace(row, judge=name) for row in scored.ratings)
        out.failures.extend(scored.failures)
    test = [row for row in pairs.preferences if row.split == "test"]
    for name, ranker in recipe.rankers.items():
        ranked = lab.do(ranker, speeches, wanted, test)
        out.verdicts.extend(replace(row, judge=name) for row in ranked.verdicts)
        out.failures.extend(ranked.failures)
    return out
