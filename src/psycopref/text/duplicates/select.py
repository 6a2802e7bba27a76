"""Which texts stay: no near duplicate, none that means the same, none that would join two sides of
a split; all in one pass, in order.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

import polars as pl

from psycopref.text.duplicates.families import Families
from psycopref.text.duplicates.meanings import Meanings
from psycopref.text.duplicates.near import Kept, Rare, Similar, rare, screened

T = TypeVar("T")


class Sifted(NamedTuple):
    """For each text that goes (why, the kept text that it names); for each kept one that is not
    alone the first of its family.
    """

    gone: dict[int, tuple[str, int]]
    first: dict[int, int]


class Measure(NamedTuple):
    """Exact Jaccard similarities over runs of `words` words: from `threshold` on a text repeats
    another, from `cluster` on it stands on its side.
    """

    threshold: float
    cluster: float
    words: int
    permutations: int


class Over(Protocol):
    """Goes through items and tells how far it is, under a name."""

    def __call__(self, items: Iterable[T], name: str, /) -> Iterable[T]: ...


def _untold(items: Iterable[T], _: str, /) -> Iterable[T]:
    return items


def sifted(
    texts: Sequence[str] | pl.Series,
    sides: Sequence[str],
    groups: Sequence[Sequence[tuple[str, bool]]],
    measure: Measure,
    meanings: Callable[[], Meanings] | None = None,
    over: Over = _untold,
) -> Sifted:
    """Texts in the order in which they are preferred; what goes names a text that stays, and is no
    ground for another to go.

    `groups` are ids, each with whether it is lent: only a newcomer's exact repeat has it. The
    groups of a text that repeats another are those of the other, too: where such a group stands on
    another side already, all is looked through again with that known. Of texts that have a side the
    one that comes later goes then; a newcomer's group takes none of them with it: what has that
    group and no side goes.
    """
    found = screened(
        over(texts, "dedup: shingles"),
        min(measure.threshold, measure.cluster),
        measure.words,
        measure.permutations,
    )
    similar = Similar(texts, measure.words)
    members = [tuple(one for one, is_lent in own if not is_lent) for own in groups]
    lent = [tuple(one for one, is_lent in own if is_lent) for own in groups]
    barred: dict[str, int] = {}
    while True:
        families = Families(Kept(found, similar, measure.threshold, measure.cluster), sides)
        one = _Pass(
            families, sides, members, lent, barred, meanings() if meanings is not None else None
        )
        for position, own in over(
            _every(len(members), rare(found, measure.threshold, measure.cluster)), "dedup"
        ):
            one.take(position, own)
        if not one.torn:
            return Sifted(one.gone, families.first())
        for repeated, group, newcomer in one.torn:
            if newcomer:
                barred.setdefault(group, repeated)
            else:
                members[repeated] += (group,)


class _Pass:
    """One look through all texts: what goes, and which groups could not be joined (kept text,
    group, whether a text without a side brought it).
    """

    def __init__(
        self,
        families: Families,
        sides: Sequence[str],
        members: Sequence[tuple[str, ...]],
        lent: Sequence[tuple[str, ...]],
        barred: Mapping[str, int],
        alike: Meanings | None,
    ) -> None:
        self._families, self._sides, self._members, self._lent, self._barred, self._alike = (
            families,
            sides,
            members,
            lent,
            barred,
            alike,
        )
        self._at: dict[str, int] = {}  # a kept text of each group; all of them are of one family
        self.gone: dict[int, tuple[str, int]] = {}
        self.torn: dict[tuple[int, str, bool], None] = {}

    def take(self, position: int, own: Rare | None) -> None:
        """Keep a text or say why it goes."""
        groups, families, alike = self._members[position], self._families, self._alike
        if own is None and alike is None and not groups and not self._lent[position]:
            return
        near = families.kept.first(own) if own is not None else -1
        same = alike.first(position) if alike is not None else -1
        stays = near < 0 and same < 0
        met = (
            [
                *families.meets(position, own),
                *(self._at[group] for group in groups if group in self._at),
            ]
            if stays
            else []
        )
        bridge = self._bridge(groups) if stays and not self._sides[position] else -1
        astride = bridge if bridge >= 0 else families.astride(position, met)
        why = next(
            (
                (reason, other)
                for reason, other in (
                    ("near duplicate", near),
                    ("same meaning", same),
                    ("straddles", astride),
                )
                if other >= 0
            ),
            None,
        )
        if why is not None:
            self.gone[position] = why
            if not stays:
                newcomer = not self._sides[position]
                self._link(groups, why[1], newcomer)
                self._link(self._lent[position], why[1], True)
            return
        families.keep(position, met)
        self._at.update((group, position) for group in groups if group not in self._at)
        self._link(self._lent[position], position, True)
        if own is not None:
            families.kept.keep(own)
        if alike is not None:
            alike.keep(position)

    def _bridge(self, groups: Sequence[str]) -> int:
        """A kept text that a barred group stands with, or -1."""
        named = next((self._barred[group] for group in groups if group in self._barred), -1)
        while named in self.gone:
            named = self.gone[named][1]
        return named

    def _link(self, groups: Sequence[str], repeated: int, newcomer: bool) -> None:
        """Join the groups of a text that goes to the kept text that it repeats."""
        for group in groups:
            if newcomer and group in self._barred:
                continue
            there = self._at.setdefault(group, repeated)
            if self._families.astride(repeated, [repeated, there]) >= 0:
                self.torn[repeated, group, newcomer] = None
            elif there != repeated:
                self._families.keep(repeated, [there])


def _every(count: int, screened: Iterator[tuple[int, Rare]]) -> Iterator[tuple[int, Rare | None]]:
    """All positions in order, with the prefixes of those that were screened."""
    following = next(screened, None)
    for position in range(count):
        if following is not None and following[0] == position:
            yield following
            following = next(screened, None)
        else:
            yield position, None
