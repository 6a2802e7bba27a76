"""Shares that were lost, as rows of the two figures that a stage declares for them."""

from collections.abc import Iterable

from psycopref.stats.dropout import Lost
from psycopref.tables import Figure, Metric

GROUPS = ("all", "topic:{topic}", "model:{model}")


def lost_rows(found: Iterable[Lost], together: Figure, by_outcome: Figure) -> list[Metric]:
    """The rows of drop-out: `together` for all outcomes, `by_outcome` (with the field `outcome` in
    its name) for each.
    """
    made: list[Metric] = []
    for outcome, where, share in found:
        figure = by_outcome if outcome else together
        made += figure.rows(share, outcome=outcome, **where)
    return made
