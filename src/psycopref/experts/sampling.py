"""Which pairs and replies experts see, which response stands first for whom, and what is shown a
second time.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np
import polars as pl

from psycopref.queries.columns import coarse_column

BANDS = (1.0, 2.0, 3.0)  # points of gap at which a new stratum begins
BLOCK = 4
# rows between a pair and its repetition, where the sheet is long enough (research on memory of
# items, not the paper)
APART = 30


def lot(*parts: str | int) -> str:
    """A number drawn by content: the same parts always give the same hex digits."""
    return sha256(":".join(map(str, parts)).encode()).hexdigest()


def drawn(pairs: pl.DataFrame, size: int, seed: int, groups: Mapping[str, str]) -> pl.DataFrame:
    """A sample of pairs (columns preference_id, topic, gap), in proportion over coarse topic x gap
    band; within a stratum by a hash. `groups` as for `coarse_column`.
    """
    if pairs.height <= size:
        return pairs
    band = pl.Series(np.searchsorted(BANDS, pairs["gap"].to_numpy(), side="right"))
    return _stratified(
        pairs.with_columns(stratum=pl.format("{}|{}", coarse_column(groups), band)),
        "preference_id",
        size,
        seed,
    ).select(pairs.columns)


def drawn_replies(
    replies: pl.DataFrame, size: int, seed: int, groups: Mapping[str, str]
) -> pl.DataFrame:
    """A sample of replies (columns response_id, topic, model), in proportion over coarse topic x
    responder. `groups` as for `coarse_column`.
    """
    if replies.height <= size:
        return replies
    stratum = pl.format("{}|{}", coarse_column(groups), pl.col("model"))
    marked = replies.with_columns(stratum=stratum)
    return _stratified(marked, "response_id", size, seed).select(replies.columns)


def _stratified(marked: pl.DataFrame, key: str, size: int, seed: int) -> pl.DataFrame:
    mixed = marked.with_columns(lot=pl.Series([lot(seed, one) for one in marked[key]])).sort("lot")
    quota = shares(dict(mixed.group_by("stratum").len().iter_rows()), size)
    place = mixed.with_columns(
        place=pl.col("lot").cum_count().over("stratum"),
        quota=pl.col("stratum").replace_strict(quota, return_dtype=pl.Int64),
    )
    return place.filter(pl.col("place") <= pl.col("quota"))


def shares(counts: dict[str, int], size: int) -> dict[str, int]:
    """How many of `size` each stratum gets in proportion to its count (largest remainder; equal
    remainders by name).
    """
    total = sum(counts.values())
    whole = {name: size * count // total for name, count in counts.items()}
    order = sorted(counts, key=lambda name: (-(size * counts[name] % total), name))
    for name in order[: size - sum(whole.values())]:
        whole[name] += 1
    return whole


def blocks(pairs: Sequence[str], seed: int) -> list[list[str]]:
    """The pairs in a drawn order, four by four: sides are balanced within each block."""
    order = sorted(pairs, key=lambda one: lot(seed, "order", one))
    return [order[start : start + BLOCK] for start in range(0, len(order), BLOCK)]


def sides(block: Sequence[str], seat: int, seed: int) -> dict[str, bool]:
    """Whether the chosen response stands first, for each pair of a block on the sheet of a seat (1,
    2, ...).

    Seat 1 has it first in half of a full block. Every even seat turns one pair of each side round,
    so that two neighbours at the table see half of the pairs with opposite sides and each sheet
    stays balanced; odd seats are as the first one.
    """
    mixed = sorted(block, key=lambda one: lot(seed, "side", one))
    tipped = (
        int(lot(seed, "odd", *mixed), 16) % 2
    )  # which side has one more in a block that is not full
    first = {one: at % 2 == tipped for at, one in enumerate(mixed)}
    if seat % 2 == 0:
        turned = [
            next((one for one in mixed if first[one] is side), None) for side in (True, False)
        ]
        if None not in turned:
            first |= {one: not first[one] for one in turned if one is not None}
    return first


def arranged(pairs: Sequence[str], seat: int, seed: int) -> list[tuple[str, bool]]:
    """A seat's pairs in its own order, each with whether the chosen response stands first; blocks
    stay whole.
    """
    order = sorted(blocks(pairs, seed), key=lambda block: lot(seed, "seat", seat, block[0]))
    rows = []
    for block in order:
        first = sides(block, seat, seed)
        rows += [
            (one, first[one]) for one in sorted(block, key=lambda one: lot(seed, "seat", seat, one))
        ]
    return rows


def repeated(
    rows: Sequence[tuple[str, bool]], share: float, seat: int, seed: int
) -> list[tuple[str, bool]]:
    """That share of a seat's pairs once more with the sides swapped, for the end of the sheet; of
    pairs shown at least thirty rows before.
    """
    count = round(share * len(rows))
    early = rows[: max(count, len(rows) - APART)]
    return [
        (one, not first)
        for one, first in sorted(early, key=lambda row: lot(seed, "again", seat, row[0]))[:count]
    ]
