"""Two runs side by side: which settings differ, every figure of both, and paired intervals where
both answered for the same speeches or pairs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from psycopref.report.games import Game
from psycopref.report.page import css, environment
from psycopref.stats.calibration import correct
from psycopref.stats.intervals import Interval, paired_difference
from psycopref.store.inert import inert
from psycopref.store.keys import digest_text
from psycopref.tables import Metric

LONG = 60  # letters of a setting that are shown; of a longer one its digest
TIMES = ("seconds", "calls.made")


@dataclass(frozen=True)
class Side:
    """One run: its name, recipe as plain values, figures, comparisons, and by set of test pairs
    (speech_id, chosen_id, rejected_id, margin).
    """

    name: str
    recipe: Mapping[str, Any]
    metrics: Sequence[Metric]
    games: Sequence[Game]
    margins: Mapping[str, pl.DataFrame]


class Paired(NamedTuple):
    """A difference, second run less first, on what both have in common; or why there is none."""

    what: str
    found: Interval | None
    values: tuple[float, float]
    why: str


def settings(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The settings that differ, by name, as each recipe has them ('' where it has none)."""
    flat = [dict(_flat(one)) for one in (first, second)]
    names = [*flat[0], *(name for name in flat[1] if name not in flat[0])]
    pairs = [(name, flat[0].get(name, ""), flat[1].get(name, "")) for name in names]
    return [
        (name, *map(_short, (one, other)))  # type: ignore[misc]
        for name, one, other in pairs
        if one != other
    ]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """A recipe's values by dotted name; entries of a list by their own name where they have one."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for at, inner in enumerate(value):
            yield from _flat(inner, f"{name}[{inner.get('label') or inner.get('name') or at}]")
    else:
        yield name, str(value)


def _short(value: str) -> str:
    return (
        value
        if len(value) <= LONG
        else f"{value[: LONG // 2].rstrip()} … ({len(value):,} letters, {digest_text(value)[:12]})"
    )


def figures(first: Sequence[Metric], second: Sequence[Metric]) -> list[dict[str, Any]]:
    """Every figure of either run by name and slice, in order, with the plain difference where both
    have it; times are left out.
    """
    sides = [
        {(row.name, row.slice): row for row in rows if row.name not in TIMES}
        for rows in (first, second)
    ]
    keys = [*sides[0], *(key for key in sides[1] if key not in sides[0])]
    return [
        {"name": key[0], "slice": key[1], "first": sides[0].get(key), "second": sides[1].get(key)}
        for key in keys
    ]


def paired(first: Side, second: Side, draws: int = 2000, seed: int = 0) -> list[Paired]:
    """Paired differences: win rates by speech against the same answers, reward models' accuracy by
    speech on the same pairs.
    """
    made = [
        _game(one, other, draws, seed)
        for one in first.games
        for other in second.games
        if one.name == other.name and one.arm == other.arm
    ]
    for place, rows in first.margins.items():
        if place in second.margins:
            made.append(_accuracy(place, rows, second.margins[place], draws, seed))
    return made


def _game(one: Game, other: Game, draws: int, seed: int) -> Paired:
    what = f"{one.name}, {one.arm}"
    judges = [_judges(game) for game in (one, other)]
    if judges[0] != judges[1]:
        return Paired(
            what,
            None,
            _none(),
            f"not paired: judged by {', '.join(judges[0]) or 'nobody'} and by"
            f" {', '.join(judges[1]) or 'nobody'}",
        )
    both = (
        one.scores()
        .join(
            other.scores().select("speech_id", "theirs", second="score"), on=["speech_id", "theirs"]
        )
        .sort("speech_id")
    )
    if not both.height:
        return Paired(
            what, None, _none(), "not paired: no speech on which both met the same answer"
        )
    return _difference(what, both, "score", draws, seed)


def _judges(game: Game) -> list[str]:
    return sorted({row.judge for row in game.verdicts})


def _accuracy(place: str, one: pl.DataFrame, other: pl.DataFrame, draws: int, seed: int) -> Paired:
    what = f"reward.accuracy, {place}"
    both = one.join(
        other.select("chosen_id", "rejected_id", other="margin"), on=["chosen_id", "rejected_id"]
    ).sort("chosen_id", "rejected_id")
    if not both.height:
        return Paired(what, None, _none(), "not paired: no test pair in common")
    right = both.with_columns(
        score=pl.Series(correct(both["margin"].to_numpy())),
        second=pl.Series(correct(both["other"].to_numpy())),
    )
    return _difference(what, right, "score", draws, seed)


def _difference(what: str, both: pl.DataFrame, first: str, draws: int, seed: int) -> Paired:
    one, other = both[first].to_numpy(), both["second"].to_numpy()
    found = paired_difference(other, one, both["speech_id"].to_list(), draws, seed, (-1.0, 1.0))
    return Paired(what, found, (float(one.mean()), float(other.mean())), "")


def _none() -> tuple[float, float]:
    return float("nan"), float("nan")


def render(first: Side, second: Side) -> str:
    """Both runs on one page, as HTML; `report.markdown.twin` makes text of it."""
    rows = figures(first.metrics, second.metrics)
    differ = [row for row in rows if _value(row["first"]) != _value(row["second"])]
    return inert(
        environment()
        .get_template("compare.html")
        .render(
            names=(first.name, second.name),
            settings=settings(first.recipe, second.recipe),
            paired=paired(first, second),
            rows=differ,
            same=len(rows) - len(differ),
            css=css(),
        )
    )


def _value(row: Metric | None) -> float | None:
    return None if row is None else row.value
