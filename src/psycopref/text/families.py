"""Texts that belong on one side of a split: near duplicates of each other, and what the source says belongs together."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from psycopref.text.near import Rare, Similar


class _Union:
    """Which texts are joined, and on which side each family stands ('' for none yet)."""

    def __init__(self, sides: Sequence[str]) -> None:
        self._parent: dict[int, int] = {}
        self._size: defaultdict[int, int] = defaultdict(lambda: 1)
        self._side: dict[int, str] = {}
        self._given = sides

    def root(self, position: int) -> int:
        parent = self._parent
        while (above := parent.setdefault(position, position)) != position:
            parent[position] = parent[above]
            position = above
        return position

    def side(self, root: int) -> str:
        return self._side.get(root, self._given[root])

    def join(self, one: int, other: int) -> None:
        large, small = sorted((self.root(one), self.root(other)), key=lambda root: (-self._size[root], root))
        if large != small:
            side = self.side(large) or self.side(small)
            self._parent[small] = large
            self._size[large] += self._size[small]
            self._side[large] = side

    def members(self) -> dict[int, list[int]]:
        found: defaultdict[int, list[int]] = defaultdict(list)
        for position in sorted(self._parent):
            found[self.root(position)].append(position)
        return found


class _Postings:
    """Texts by shingle and family, so that a text is compared with one similar member of each family and with no more."""

    def __init__(self, union: _Union) -> None:
        self._union = union
        self._lists: defaultdict[int, dict[int, list[int]]] = defaultdict(dict)

    def add(self, token: int, position: int) -> None:
        self._lists[token].setdefault(self._union.root(position), []).append(position)

    def families(self, token: int) -> Iterator[tuple[int, list[int]]]:
        """(root, members that have the shingle) of each family."""
        lists = self._lists.get(token, {})
        for root in [root for root in lists if self._union.root(root) != root]:
            lists.setdefault(self._union.root(root), []).extend(lists.pop(root))
        yield from lists.items()


class Families:
    """Joins every two kept texts of Jaccard similarity `threshold` or more, and those of one group ('' for none).

    Families grow along chains, so that no pair straddles; none has texts of two sides ('' for no side). `number` is that of the threshold
    among those of `rare`.
    """

    def __init__(self, similar: Similar, threshold: float, sides: Sequence[str], groups: Sequence[str], number: int = 0) -> None:
        self._similar, self._threshold, self._number = similar, threshold, number
        self._sides, self._groups = sides, groups
        self._union = _Union(sides)
        self._short, self._long = _Postings(self._union), _Postings(self._union)
        self._of_group: dict[str, int] = {}

    def meets(self, position: int, own: Rare | None) -> list[int]:
        """Of each family that a text would join a member that it is like or of one group with."""
        group = self._of_group.get(self._groups[position])
        met = {} if group is None else {self._union.root(group): group}
        tried: set[int] = set()
        long, short = own.cuts[self._number] if own is not None else (0, 0)
        for place, token in enumerate(own.tokens[:long] if own is not None else ()):
            for postings in (self._short, self._long) if place < short else (self._short,):
                for root, members in postings.families(token):
                    found = None if root in met else self._like(position, members, tried)
                    if found is not None:
                        met[root] = found
        return sorted(met.values())

    def _like(self, position: int, members: Sequence[int], tried: set[int]) -> int | None:
        for member in members:
            if member not in tried and self._similar(position, member) >= self._threshold:
                return member
            tried.add(member)
        return None

    def astride(self, position: int, met: Sequence[int]) -> int:
        """-1, or where a text would join two sides: the first it meets on a side that is not its own; without one of its own, the first on any."""
        own = self._sides[position]
        placed = [other for other in met if self._union.side(self._union.root(other))]
        on = {self._union.side(self._union.root(other)) for other in placed} | ({own} if own else set())
        return next(other for other in placed if self._union.side(self._union.root(other)) != own) if len(on) > 1 else -1

    def keep(self, position: int, own: Rare | None, met: Sequence[int]) -> None:
        """Keep a text and join the families it meets."""
        for other in met:
            self._union.join(position, other)
        if self._groups[position]:
            self._of_group.setdefault(self._groups[position], position)
        if own is not None:
            long, short = own.cuts[self._number]
            for token in own.tokens[:long]:
                self._long.add(token, position)
            for token in own.tokens[:short]:
                self._short.add(token, position)

    def first(self) -> dict[int, int]:
        """For each text that is not alone the first of its family."""
        return {position: members[0] for members in self._union.members().values() if len(members) > 1 for position in members}
