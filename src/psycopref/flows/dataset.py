"""Client speeches to preference data: the order of the stages, and what each left out."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from psycopref.flows import base
from psycopref.flows.base import Dataset, Done
from psycopref.lab import Lab
from psycopref.stages.collect import Collected
from psycopref.stages.pair import PAIRS, Pair
from psycopref.stages.rate import Rate
from psycopref.stages.topics import Topicked
from psycopref.tables import (
    Dropped,
    Failure,
    Figure,
    Metric,
    Preference,
    Rating,
    Response,
    Speech,
    Split,
)

ALL = ("all",)
SPEECHES_READ = Figure("speeches.read", "count", ALL, "rows of all sources")
SPEECHES_KEPT = Figure("speeches.kept", "count", ALL, "speeches after every screen")
SPEECHES_DROPPED = Figure("speeches.dropped", "count", ALL, "speeches left out, each with a reason")
WITH_SPEECHES = Figure(
    "dropped.brought",
    "count",
    ("{table=responses|ratings|preferences}",),
    "what sources brought with speeches that were left out later, and that went with them; where"
    " there is any",
)
RESPONSES = Figure("responses", "count", ALL, "responses to them")
RATINGS = Figure("ratings", "count", ALL, "ratings of these")
FAILURES = Figure(
    "failures",
    "count",
    ("{part=all|run}",),
    "Failure rows of the dataset (`all`), of the whole run (`run`)",
)


class Recipe(base.Recipe):
    """flow = "dataset": build a preference dataset."""

    flow: Literal["dataset"]


def run(recipe: Recipe, lab: Lab) -> Done:
    """The dataset, and nothing beside it."""
    return built(recipe.dataset, lab)


def built(recipe: Dataset, lab: Lab) -> Done:
    """Do the dataset stages in order."""
    found = lab.do(recipe.collect)
    clean = lab.do(recipe.clean, found.speeches)
    unique = lab.do(recipe.dedup, clean.speeches)
    named = lab.do(recipe.topics, unique.speeches)
    dropped = [*found.dropped, *clean.dropped, *unique.dropped]
    if recipe.respond is None or recipe.rate is None or recipe.pair is None:
        return _published(named, _without(named, found), dropped)
    answered = lab.do(recipe.respond, named.speeches, found.responses)
    rated = lab.do(recipe.rate, named.speeches, answered.responses)
    paired = lab.do(
        _weighed(recipe.pair, recipe.rate), named.speeches, answered.responses, rated.ratings
    )
    failures = [*named.failures, *answered.failures, *rated.failures, *paired.failures]
    counts = _counts(
        found.speeches,
        found.dropped,
        named.speeches,
        dropped,
        answered.responses,
        rated.ratings,
        failures,
    )
    metrics = [
        *found.metrics,
        *named.metrics,
        *answered.metrics,
        *rated.metrics,
        *paired.metrics,
        *counts,
    ]
    return Done(
        named.speeches,
        answered.responses,
        rated.ratings,
        paired.preferences,
        paired.measure,
        dropped,
        failures,
        metrics,
    )


def _without(named: Topicked, found: Collected) -> Collected:
    """What the sources brought, without that of speeches which a later stage dropped: it goes with
    them, counted.
    """
    kept = {row.speech_id for row in named.speeches}
    responses = [row for row in found.responses if row.speech_id in kept]
    answered = {row.response_id for row in responses}
    ratings = [row for row in found.ratings if row.subject_id in answered]
    preferences = [row for row in found.preferences if row.speech_id in kept]
    lost = {
        "responses": len(found.responses) - len(responses),
        "ratings": len(found.ratings) - len(ratings),
        "preferences": len(found.preferences) - len(preferences),
    }
    if not any(lost.values()):
        return found
    counts = [
        row for table, count in lost.items() for row in WITH_SPEECHES.rows(count, table=table)
    ]
    return found._replace(
        responses=responses,
        ratings=ratings,
        preferences=preferences,
        metrics=[*found.metrics, *counts],
    )


def _weighed(pair: Pair, rate: Rate) -> Pair:
    """Where several judges rate and none is weighed, all of them are, alike: so one whose ratings
    all failed is not passed over.
    """
    if pair.judges or len(rate.everyone) == 1:
        return pair
    return pair.model_copy(update={"judges": {entry.name: 1.0 for entry in rate.everyone}})


def _published(named: Topicked, found: Collected, dropped: Sequence[Dropped]) -> Done:
    speeches, failures = named.speeches, named.failures
    split = {speech.speech_id: speech.split for speech in speeches}
    kept = [_with_split(row, split[row.speech_id]) for row in found.preferences]
    found_in = Counter(row.split for row in kept)
    counts = [
        row
        for name in ("train", "dev", "test", "gold")
        for row in PAIRS.rows(found_in[name], set=name)
    ]
    measure = [row for row in kept if row.split == "test"]
    more = _counts(
        found.speeches, found.dropped, speeches, dropped, found.responses, found.ratings, failures
    )
    metrics = [*found.metrics, *named.metrics, *counts, *more]
    return Done(speeches, found.responses, found.ratings, kept, measure, dropped, failures, metrics)


def _with_split(row: Preference, split: Split) -> Preference:
    return Preference(
        row.preference_id, row.speech_id, row.chosen_id, row.rejected_id, row.gap, split
    )


def _counts(
    found: Sequence[Speech],
    early: Sequence[Dropped],
    kept: Sequence[Speech],
    dropped: Sequence[Dropped],
    responses: Sequence[Response],
    ratings: Sequence[Rating],
    failures: Sequence[Failure],
) -> list[Metric]:
    return [
        *SPEECHES_READ.rows(len(found) + len(early)),
        *SPEECHES_KEPT.rows(len(kept)),
        *SPEECHES_DROPPED.rows(len(dropped)),
        *RESPONSES.rows(len(responses)),
        *RATINGS.rows(len(ratings)),
        *FAILURES.rows(len(failures), part="all"),
    ]
