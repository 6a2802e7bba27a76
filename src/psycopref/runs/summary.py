"""A finished run in a few lines: what was made, the figures that say most, what needs attention."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from psycopref.errors import StoreError
from psycopref.flows.figures import kind_of
from psycopref.runs.headline import Shown, headlines
from psycopref.store import run_folder, steps
from psycopref.tables import Metric

GUARDS = {
    "over_optimised": "the reward rose and the gold reward fell",
    "length": "answers are much longer or shorter than the start's",
    "unfinished": "many answers did not come to an end",
    "kl": "far from the start",
    "ties": "most speeches gave no pair",
    "diversity": "samples are much less varied",
}  # what a tripped guard means; flows/rounds.py has the bounds


class Summary(NamedTuple):
    """A finished run for people. `made` is what is there by name (speeches, responses, ...),
    `steps` how many steps it has and `new` how many of them it made itself, `calls` how many it
    made, `seconds` how long it took. `attention` are sentences, the gravest first; none quotes a
    client.
    """

    run: str
    recipe: str
    steps: int
    new: int
    calls: int
    seconds: float
    made: dict[str, int]
    figures: list[Shown]
    attention: list[str]
    report: Path


def summary(place: Path) -> Summary:
    """The summary of a finished run; StoreError where its files are damaged."""
    taken = run_folder.taken(place)
    metrics = run_folder.kept_metrics(place, kind_of)
    counts = {(row.name, row.slice): int(row.value) for row in metrics if row.low is None}
    seconds = [row.value for row in metrics if (row.name, row.slice) == ("seconds", "run")]
    return Summary(
        place.name,
        str(run_folder.last(place).get("recipe", "")),
        len(taken),
        sum(not entry.get("found") for entry in taken),
        counts.get(("calls.made", "run"), 0),
        seconds[0] if seconds else 0.0,
        _made(taken, metrics),
        headlines(metrics),
        list(attention(place, taken, metrics)),
        place / "report.html",
    )


def _made(taken: Sequence[Mapping[str, Any]], metrics: Sequence[Metric]) -> dict[str, int]:
    """What the run's dataset holds and how many models it trained, where there is any."""
    value = {row.name: int(row.value) for row in metrics if row.slice == "all"}
    pairs = [int(row.value) for row in metrics if row.name == "pairs" and row.slice in _SPLITS]
    counts = {
        "speeches": value.get("speeches.kept", 0),
        "responses": value.get("responses", 0),
        "ratings": value.get("ratings", 0),
        "pairs": sum(pairs),
    }
    for stage, name in (("reward", "reward models"), ("policy", "policies")):
        counts[name] = len({entry["step"] for entry in taken if entry["stage"] == stage})
    return {name: count for name, count in counts.items() if count}


_SPLITS = ("train", "dev", "test", "gold")


def attention(
    place: Path, taken: Sequence[Mapping[str, Any]], metrics: Sequence[Metric]
) -> Iterator[str]:
    """What a reader of the figures must know: no pairs, guards, what was lost or left out."""
    pairs = [row.value for row in metrics if row.name == "pairs" and row.slice in _SPLITS]
    if not sum(pairs):
        yield "no preference pairs: look at the ratings and at `gap` in [dataset.pair]"
    yield from _guards(metrics)
    yield from _too_long(place.parent.parent, taken)
    yield from _lost(taken, metrics)
    yield from _unmatched(metrics)
    dropped = _by_stage(taken, "dropped")
    if dropped.total():
        yield f"{dropped.total():,} speeches were left out ({_listed(dropped)})"
    bare = sum(row.name.endswith(".without_interval") for row in metrics)
    if bare:
        yield f"{bare} figures have no interval, so their values are not shown"


def _guards(metrics: Sequence[Metric]) -> Iterator[str]:
    tripped: dict[str, list[str]] = {}
    for row in metrics:
        kind = row.name.removeprefix("guard.")
        if row.name == "guard.null_opponents":
            if row.value:
                yield (
                    f"{row.value:.0f} of {row.count} null opponents beat the opponent: the judge"
                    " means little"
                )
        elif kind != row.name and row.value:
            tripped.setdefault(row.slice, []).append(GUARDS.get(kind, kind))
    for slice_, reasons in tripped.items():
        yield f"{slice_.replace(':', ' ')}: {'; '.join(reasons)}"


def _lost(taken: Sequence[Mapping[str, Any]], metrics: Sequence[Metric]) -> Iterator[str]:
    """Failures in all, by stage; and shares of answers or ratings that were lost, where large."""
    total = next(
        (int(row.value) for row in metrics if (row.name, row.slice) == ("failures", "run")), 0
    )
    if total:
        by_stage = _by_stage(taken, "failures")
        yield f"{total:,} answers or ratings came to nothing ({_listed(by_stage)})"
    for name, says in (("respond.lost", "answers"), ("rate.lost", "ratings")):
        for row in metrics:
            if row.name == name and row.slice.startswith(("model:", "judge:")) and row.value > 0.2:
                yield f"{row.value:.0%} of the {says} of {row.slice.partition(':')[2]} were lost"


def _unmatched(metrics: Sequence[Metric]) -> Iterator[str]:
    alone = [
        f"{row.value:,.0f} of {row.name.removesuffix('.unmatched')} {row.slice.rpartition(':')[2]}"
        for row in metrics
        if row.name.endswith(".unmatched") and row.value
    ]
    if alone:
        yield f"test prompts that only one side answered do not count: {', '.join(alone)}"
    for row in metrics:
        if row.name == "reward.unscored" and row.value:
            yield f"{row.slice}: {row.value:,.0f} of {row.count:,} pairs were not scored"


def _too_long(work: Path, taken: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Examples that training left out as longer than `max_length`: the step's curve says so."""
    left: Counter[str] = Counter()
    trained = {str(e["step"]): str(e["stage"]) for e in taken if "curve" in e.get("rows", {})}
    for step, stage in trained.items():
        try:
            curve = steps.frame(work / "steps" / step, "curve")
        except StoreError as error:  # the run stands, its step does not
            yield str(error)
            continue
        left[stage] += int(curve.filter(pl.col("name") == "too_long")["value"].sum())
    if left.total():
        yield (
            f"{left.total():,} examples are longer than max_length, so not trained on"
            f" ({_listed(+left)})"
        )


def _by_stage(taken: Sequence[Mapping[str, Any]], table: str) -> Counter[str]:
    """Rows of a table by stage, each step once."""
    once = {entry["step"]: entry for entry in taken}
    counts: Counter[str] = Counter()
    for entry in once.values():
        counts[str(entry["stage"])] += int(entry.get("rows", {}).get(table, 0))
    return +counts


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())
