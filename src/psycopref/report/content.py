"""A run's step folders to what its report shows: tables are opened, not read; so a finished run can
be reported again at any time.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import polars as pl

from psycopref.errors import StoreError
from psycopref.queries.columns import REWARD
from psycopref.recipes import Recipe
from psycopref.report.data import ReportData
from psycopref.report.frames import Chained, lazy
from psycopref.report.games import Game
from psycopref.report.metrics import matches
from psycopref.report.origins import lineage
from psycopref.report.sections import kinship
from psycopref.sources import licences
from psycopref.sources.licences import UNKNOWN
from psycopref.stages.calibrate import Bin
from psycopref.store import steps
from psycopref.store.ledger import Ledger
from psycopref.store.parquet import Table
from psycopref.tables import Dropped, Failure, Metric, Preference, Rating, Response, Speech, Verdict

Row = TypeVar("Row")


class Opened(NamedTuple):
    """The tables of a run's dataset."""

    read: Sequence[Speech]
    speeches: Sequence[Speech]
    dropped: Sequence[Dropped]
    responses: Sequence[Response]
    ratings: Sequence[Rating]
    preferences: Sequence[Preference]
    failures: Sequence[Failure]


class Run(NamedTuple):
    """What a report is made of: where the run's steps are, the steps themselves, its recipe as
    settings and as text, and its figures.
    """

    work: Path
    name: str
    taken: Sequence[Mapping[str, Any]]
    recipe: Recipe
    text: str
    metrics: Sequence[Metric]
    curves: Mapping[str, Any]


def opened(run: Run) -> Opened:
    """The dataset's tables: those of its stages, whichever these are. Later steps of `respond`,
    `rate` and `pair` are of training.
    """
    built = (
        run.recipe.dataset.respond is not None
        and run.recipe.dataset.rate is not None
        and run.recipe.dataset.pair is not None
    )
    names = _dataset(run, "pair" if built else "topics")
    people = [
        _table(run, step, "speeches", Speech) for step in names if "speeches" in _outputs(run, step)
    ]
    dropped = Chained(
        *(
            _table(run, step, "dropped", Dropped)
            for step in names
            if "dropped" in _outputs(run, step)
        )
    )
    failures = Chained(
        *(
            _table(run, step, "failures", Failure)
            for step in names
            if "failures" in _outputs(run, step)
        )
    )
    stage = {name.rpartition("-")[0]: name for name in reversed(names)}
    if not built:
        collected = stage["collect"]
        pairs = _in_splits(_table(run, collected, "preferences", Preference), people[-1])
        responses, ratings = (
            _table(run, collected, "responses", Response),
            _table(run, collected, "ratings", Rating),
        )
    else:
        pairs = _table(run, stage["pair"], "preferences", Preference)
        responses, ratings = (
            _table(run, stage["respond"], "responses", Response),
            _table(run, stage["rate"], "ratings", Rating),
        )
    return Opened(people[0], people[-1], dropped, responses, ratings, pairs, failures)


def _dataset(run: Run, last: str) -> list[str]:
    """The steps of the dataset half, in order: up to the first step of its last stage."""
    names = [str(entry["step"]) for entry in run.taken]
    end = next((at for at, entry in enumerate(run.taken) if entry["stage"] == last), None)
    if end is None:
        raise StoreError(
            f"{run.work / 'runs'}: the run {run.name!r} names no step of {last!r}; run its recipe"
            " again: what was finished is found"
        )
    return names[: end + 1]


def _outputs(run: Run, step: str) -> Mapping[str, Any]:
    return dict(steps.load_manifest(run.work / "steps" / step)["outputs"])


def _table(run: Run, step: str, name: str, row_type: type[Row]) -> Sequence[Row]:
    return steps.open_table(run.work / "steps" / step, name, row_type)


def _in_splits(pairs: Sequence[Preference], speeches: Sequence[Speech]) -> Sequence[Preference]:
    """A published dataset's own pairs whose speech was kept, in the split of their speech."""
    if not len(pairs):
        return pairs
    order = list(lazy(pairs).collect_schema())
    placed = (
        lazy(pairs)
        .drop("split")
        .join(lazy(speeches).select("speech_id", "split"), on="speech_id")
        .select(order)
    )
    return Table(Preference, placed.sort("preference_id").collect(engine="streaming"))


def content(run: Run, ledger: Ledger, texts: bool = False) -> ReportData:
    """Everything a report shows but its drawings; with `texts` the case studies show clients' words
    whatever the licence of their source.
    """
    data = opened(run)
    calibrated = [str(entry["step"]) for entry in run.taken if entry["stage"] == "calibrate"]
    judge = run.recipe.judge()
    pool = run.recipe.dataset.respond.pool.models if run.recipe.dataset.respond else ()
    return ReportData(
        title=run.name,
        **data._asdict(),
        metrics=run.metrics,
        bins=_table(run, calibrated[0], "bins", Bin) if calibrated else (),
        curves=run.curves,
        steps=run.taken,
        calls=ledger.summary(),
        lineage=lineage(
            run.work,
            [str(entry["step"]) for entry in run.taken if entry["stage"] != "report"],
            ledger,
        ),
        recipe=run.text,
        titles=run.recipe.titles(),
        verdicts=games(run),
        private=() if texts else unlicensed(run.recipe),
        judge=judge.name if judge else "",
        notes=notes(run.recipe),
        sources=[source.called for source in run.recipe.dataset.collect.sources],
        listed={
            group.name: [topic.name for topic in group.topics]
            for group in run.recipe.dataset.topics.topics.coarse
        },
        items=items(run.recipe),
        responders={entry.name: (entry.organisation, entry.size) for entry in pool},
    )


def games(run: Run) -> list[Game]:
    """The comparisons of a run, each arm once, with the answers that met: those tables of the run
    whose digests the step was given.
    """
    manifests = {
        str(entry["step"]): steps.load_manifest(run.work / "steps" / str(entry["step"]))
        for entry in run.taken
    }
    held = {
        out["digest"]: (step, name)
        for step, one in manifests.items()
        for name, out in one["outputs"].items()
        if out["row"] == "Response"
    }
    named = matches(run.metrics)
    played: dict[tuple[str, str], Game] = {}
    for step, manifest in manifests.items():
        answers = [held[digest] for digest in manifest["inputs"] if digest in held]
        name, arm = (
            str(manifest["settings"].get("name", "")),
            str(manifest["settings"].get("arm", "")),
        )
        if (
            manifest["stage"] == "evaluate"
            and len(answers) >= 2
            and (name, arm) not in played
            and name in named
        ):
            ours, theirs = (_table(run, *one, Response) for one in answers[:2])
            played[name, arm] = Game(
                name,
                arm,
                run.recipe.sides(name),
                _table(run, step, "verdicts", Verdict),
                ours,
                theirs,
                2 if manifest["settings"].get("judge") else 1,
            )
    return list(played.values())


def margins(run: Run) -> dict[str, pl.DataFrame]:
    """By set of test pairs (speech_id, chosen_id, rejected_id, margin), the reward of the chosen
    less that of the rejected; empty without a reward model.
    """
    measured = next(
        (str(entry["step"]) for entry in run.taken if entry["stage"] == "calibrate"), ""
    )
    if not measured:
        return {}
    given = steps.load_manifest(run.work / "steps" / measured)["inputs"]
    scores = next(
        str(e["step"])
        for e in run.taken
        if e["stage"] == "score" and _outputs(run, str(e["step"]))["ratings"]["digest"] in given
    )
    rewards = (
        lazy(_table(run, scores, "ratings", Rating))
        .filter(pl.col("item") == REWARD)
        .select("subject_id", "score")
    )
    tests = {"test": lazy(opened(run).preferences).filter(pl.col("split") == "test")}
    pairs = next((str(entry["step"]) for entry in run.taken if entry["stage"] == "pair"), "")
    if run.recipe.dataset.pair is not None and len(
        wide := _table(run, pairs, "measure", Preference)
    ):
        tests["test_all"] = lazy(wide)
    return {name: _margins(rows, rewards) for name, rows in tests.items()}


def _margins(pairs: pl.LazyFrame, rewards: pl.LazyFrame) -> pl.DataFrame:
    sides = pairs.select("speech_id", "chosen_id", "rejected_id").join(
        rewards.rename({"score": "chosen"}), left_on="chosen_id", right_on="subject_id"
    )
    both = sides.join(
        rewards.rename({"score": "rejected"}), left_on="rejected_id", right_on="subject_id"
    )
    return both.select(
        "speech_id", "chosen_id", "rejected_id", margin=pl.col("chosen") - pl.col("rejected")
    ).collect(engine="streaming")


def items(recipe: Recipe) -> list[str]:
    """The items of the run's instrument in order: what its judge rates on, else what its experts
    are asked, else what its answers are compared on.
    """
    rate, validate = recipe.dataset.rate, recipe.validate_
    named = (
        rate.instrument if rate else None,
        validate.instrument if validate else None,
        recipe.instrument(),
    )
    instrument = next((one for one in named if one is not None), None)
    return [item.name for item in instrument.items] if instrument else []


def unlicensed(recipe: Recipe) -> set[str]:
    """The sources whose licence is neither known nor said in the recipe: their texts stay out of a
    report.
    """
    settings = [source.model_dump() for source in recipe.dataset.collect.sources]
    return {name for name, licence in licences(settings).items() if licence == UNKNOWN}


def notes(recipe: Recipe) -> list[str]:
    """What the report's head says of judges that rate their own kin."""
    respond, rate = recipe.dataset.respond, recipe.dataset.rate
    last = recipe.judge()
    entries = [*(rate.everyone if rate else ()), *([last] if last else [])]
    return kinship.notes(
        {entry.name: entry.organisation for entry in entries},
        recipe.bases(),
        {entry.name: entry.organisation for entry in (respond.pool.models if respond else ())},
    )
