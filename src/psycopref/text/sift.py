"""Which texts stay: no near duplicate, none that means the same, none that would join two sides of a split; all in one pass, in order."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import polars as pl

from psycopref.text.families import Families
from psycopref.text.meanings import Meanings
from psycopref.text.near import Kept, Rare, Similar, rare, screened


class Sifted(NamedTuple):
    """For each text that goes (why, the kept text that it names); for each kept one that is not alone the first of its family."""

    gone: dict[int, tuple[str, int]]
    first: dict[int, int]


class Measure(NamedTuple):
    """Exact Jaccard similarities over runs of `words` words: from `threshold` on a text repeats another, from `cluster` on it stands on its side."""

    threshold: float
    cluster: float
    words: int
    permutations: int


def sifted(
    texts: Sequence[str] | pl.Series, sides: Sequence[str], groups: Sequence[str], measure: Measure, meanings: Callable[[], Meanings] | None = None
) -> Sifted:
    """Texts in the order in which they are preferred; what goes names a text that stays, and is no ground for another to go.

    `groups` are ids with spaces between them. The groups of a text that repeats another are those of the other, too: where such a group stands on
    another side already, all is looked through again with that known, so that what would link the two sides goes.
    """
    similar = Similar(texts, measure.words)
    found = screened(texts, min(measure.threshold, measure.cluster), measure.words, measure.permutations)
    members = [tuple(group.split()) for group in groups]
    while True:
        gone: dict[int, tuple[str, int]] = {}
        families = Families(similar, measure.cluster, sides, [""] * len(members), 1)
        torn = _pass(_every(len(members), rare(found, measure.threshold, measure.cluster)), Kept(similar, measure.threshold), families, members, gone, meanings)
        if not torn:
            return Sifted(gone, families.first())
        for position, group in torn:
            members[position] += (group,)


def _pass(
    entries: Iterator[tuple[int, Rare | None]],
    kept: Kept,
    families: Families,
    members: Sequence[tuple[str, ...]],
    gone: dict[int, tuple[str, int]],
    meanings: Callable[[], Meanings] | None,
) -> dict[tuple[int, str], None]:
    """Fill `gone` and the families; gives the (kept text, group) that could not be joined since they stand on two sides."""
    alike = meanings() if meanings is not None else None
    at: dict[str, int] = {}  # a kept text of each group; all of them are of one family
    torn: dict[tuple[int, str], None] = {}
    for position, own in entries:
        if own is None and alike is None and not members[position]:
            continue
        near = kept.first(position, own) if own is not None else -1
        same = alike.first(position) if alike is not None else -1
        stays = near < 0 and same < 0
        met = [*families.meets(position, own), *(at[group] for group in members[position] if group in at)] if stays else []
        reasons = (("near duplicate", near), ("same meaning", same), ("straddles", families.astride(position, met)))
        why = next(((reason, other) for reason, other in reasons if other >= 0), None)
        if why is not None:
            gone[position] = why
            if not stays:
                torn.update(dict.fromkeys(_link(families, at, why[1], members[position])))
            continue
        families.keep(position, own, met)
        at.update((group, position) for group in members[position] if group not in at)
        if own is not None:
            kept.keep(position, own)
        if alike is not None:
            alike.keep(position)
    return torn


def _link(families: Families, at: dict[str, int], kept: int, groups: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Join the groups of a text that goes to the text that it repeats; gives those that stand on another side."""
    for group in groups:
        there = at.setdefault(group, kept)
        if families.astride(kept, [kept, there]) >= 0:
            yield kept, group
        elif there != kept:
            families.keep(kept, None, [there])


def _every(count: int, screened: Iterator[tuple[int, Rare]]) -> Iterator[tuple[int, Rare | None]]:
    """All positions in order, with the prefixes of those that were screened."""
    following = next(screened, None)
    for position in range(count):
        if following is not None and following[0] == position:
            yield following
            following = next(screened, None)
        else:
            yield position, None
