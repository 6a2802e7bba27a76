"""Texts that belong on one side of a split: near duplicates of each other, and what the source says
belongs together.
"""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from psycopref.text.duplicates.near import Kept, Rare
from psycopref.text.duplicates.shingling import Places


class _Families:
    """Which texts are joined, by the number of each one's family, and on which side each family
    stands ('' for none yet).
    """

    def __init__(self, sides: Sequence[str]) -> None:
        self.of = np.arange(len(sides))
        self._members: dict[int, list[int]] = {}
        self._side: dict[int, str] = {}
        self._given = sides

    def one(self, position: int) -> int:
        return int(self.of[position])

    def side(self, family: int) -> str:
        return self._side.get(family, self._given[family])

    def outside(self, places: Places, families: Collection[int]) -> npt.NDArray[np.bool_]:
        """Which of the positions are of none of these families."""
        of = self.of[places]
        out = np.ones(len(of), bool)
        for family in families:
            out &= of != family
        return out

    def join(self, one: int, other: int) -> None:
        """The smaller gets the number of the larger, so that a text changes its number few
        times.
        """
        large, small = sorted(
            (self.one(one), self.one(other)),
            key=lambda family: (-len(self._members.get(family, "1")), family),
        )
        if large != small:
            moved = self._members.pop(small, [small])
            self._side[large] = self.side(large) or self.side(small)
            self._members.setdefault(large, [large]).extend(moved)
            self.of[moved] = large

    def first(self) -> dict[int, int]:
        firsts = {family: min(members) for family, members in self._members.items()}
        return {
            position: firsts[family]
            for family, members in self._members.items()
            for position in members
        }


class Families:
    """Joins every two kept texts of Jaccard similarity of the last threshold of `kept` or more, and
    whatever else it is told to.

    Families grow along chains, so that no pair straddles; none has texts of two sides ('' for no
    side). A text is compared with the members of a family until it is like one.
    """

    def __init__(self, kept: Kept, sides: Sequence[str]) -> None:
        self.kept, self._sides = kept, sides
        self._families = _Families(sides)

    def meets(self, position: int, own: Rare | None) -> list[int]:
        """Of each family that a text would join a member that it is like."""
        met: dict[int, int] = {}
        if own is not None:
            for other in self.kept.alike(
                own, -1, lambda places: self._families.outside(places, met)
            ):
                met[self._families.one(other)] = other
        return sorted(met.values())

    def astride(self, position: int, met: Sequence[int]) -> int:
        """-1, or where a text would join two sides: the first it meets on a side that is not its
        own; without one of its own, the first on any.
        """
        own = self._sides[position]
        placed = [other for other in met if self._families.side(self._families.one(other))]
        on = {self._families.side(self._families.one(other)) for other in placed} | (
            {own} if own else set()
        )
        return (
            next(other for other in placed if self._families.side(self._families.one(other)) != own)
            if len(on) > 1
            else -1
        )

    def keep(self, position: int, met: Sequence[int]) -> None:
        """Keep a text and join the families it meets."""
        for other in met:
            self._families.join(position, other)

    def first(self) -> dict[int, int]:
        """For each text that is not alone the first of its family."""
        return self._families.first()
