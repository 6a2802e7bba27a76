"""Drop-out: which share of what was asked for was lost, by outcome and group; refusals are seldom
spread at random.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from psycopref.stats.intervals import Interval, Ints, effective_count, wilson


class Lost(NamedTuple):
    """A share that was lost: to which `outcome` ('' for all together), and of which group
    ({'topic': ...}; {} for all rows).
    """

    outcome: str
    where: Mapping[str, str]
    share: Interval


def dropout(
    rows: pl.DataFrame, outcomes: Iterable[str], groups: Mapping[str, str]
) -> Iterator[Lost]:
    """Shares lost over all and within groups, together and, where there are any, by outcome.

    `rows` has `cluster`, `asked` (calls or ratings asked for) and a column of losses for each
    outcome; `groups` maps a kind of group to a column ({"topic": "coarse"} gives {"topic":
    <value>}). Intervals are Wilson's with the number of observations that rows clustered by speech
    are worth.
    """
    outcomes = sorted(outcomes)
    for where, part in [({}, rows), *_parts(rows, groups)]:
        if not int(part["asked"].sum()):
            continue
        together = part.select(pl.sum_horizontal(pl.lit(0), *outcomes)).to_series()
        code = _clusters(part)
        yield Lost("", where, lost_share(together, part, code))
        for outcome in outcomes:
            if int(part[outcome].sum()):
                yield Lost(outcome, where, lost_share(part[outcome], part, code))


def lost_share(losses: pl.Series, part: pl.DataFrame, clusters: Ints | None = None) -> Interval:
    """The share of what the rows of `part` (`asked`, `cluster`) asked for that was lost; `losses`
    counts it row by row, `clusters` numbers the clusters.
    """
    code = _clusters(part) if clusters is None else clusters
    asked, lost = int(part["asked"].sum()), int(losses.sum())
    worth = effective_count((losses / part["asked"]).to_numpy(), code)
    # Last digits of sums differ between machines.
    low, high = (round(end, 9) for end in wilson(lost / asked, worth))
    return Interval(lost / asked, low, high, asked)


def _clusters(part: pl.DataFrame) -> Ints:
    return np.unique(part["cluster"].to_numpy(), return_inverse=True)[1]


def _parts(
    rows: pl.DataFrame, groups: Mapping[str, str]
) -> Iterator[tuple[dict[str, str], pl.DataFrame]]:
    for kind, column in groups.items():
        for (value,), part in sorted(rows.partition_by(column, as_dict=True).items()):
            if value:
                yield {kind: str(value)}, part
