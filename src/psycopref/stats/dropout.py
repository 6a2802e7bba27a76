"""Drop-out: which share of what was asked for was lost, by outcome and group; refusals are seldom
spread at random.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl

from psycopref.stats.intervals import Ints, effective_count, wilson
from psycopref.tables import Metric, metric


def dropout(
    name: str, rows: pl.DataFrame, outcomes: Iterable[str], groups: Mapping[str, str]
) -> list[Metric]:
    """Shares lost over all and within groups, as metrics `name` and, where there are any,
    `name.<outcome>`.

    `rows` has `cluster`, `asked` (calls or ratings asked for) and a column of losses for each
    outcome; `groups` maps the head of a slice to a column ({"topic": "coarse"} gives
    `topic:<value>`). Intervals are Wilson's with the number of observations that rows clustered by
    speech are worth.
    """
    outcomes, out = sorted(outcomes), []
    for place, part in [("all", rows), *_parts(rows, groups)]:
        asked = int(part["asked"].sum())
        if not asked:
            continue
        lost = {outcome: int(part[outcome].sum()) for outcome in outcomes}
        together = part.select(pl.sum_horizontal(pl.lit(0), *outcomes)).to_series()
        where = np.unique(part["cluster"].to_numpy(), return_inverse=True)[1]
        out.append(lost_share(name, place, together, part, where))
        out += [
            lost_share(f"{name}.{outcome}", place, part[outcome], part, where)
            for outcome, count in lost.items()
            if count
        ]
    return out


def lost_share(
    name: str, place: str, losses: pl.Series, part: pl.DataFrame, where: Ints | None = None
) -> Metric:
    """The share of what the rows of `part` (`asked`, `cluster`) asked for that was lost; `losses`
    counts it row by row, `where` numbers the clusters.
    """
    code = np.unique(part["cluster"].to_numpy(), return_inverse=True)[1] if where is None else where
    asked, lost = int(part["asked"].sum()), int(losses.sum())
    worth = effective_count((losses / part["asked"]).to_numpy(), code)
    low, high = (
        round(end, 9) for end in wilson(lost / asked, worth)
    )  # last digits of sums differ between machines
    return metric(name, place, lost / asked, low, high, asked)


def _parts(rows: pl.DataFrame, groups: Mapping[str, str]) -> Iterable[tuple[str, pl.DataFrame]]:
    for head, column in groups.items():
        for (value,), part in sorted(rows.partition_by(column, as_dict=True).items()):
            if value:
                yield f"{head}:{value}", part
