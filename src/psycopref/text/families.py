"""Texts that belong on one side of a split: near duplicates of each other, and what the source says belongs together."""

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from psycopref.text.near import Rare, Screened, Similar, rare


class Families(NamedTuple):
    """For each text that is not alone the first of its family, for each that would join two sides the text on the other side."""

    first: Mapping[int, int]
    astride: Mapping[int, int]


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


def families(found: Screened, similar: Similar, threshold: float, groups: Sequence[str], sides: Sequence[str], left_out: Container[int]) -> Families:
    """Join every two texts of Jaccard similarity `threshold` or more, and those of one group ('' for none), without those `left_out`.

    In order. A text whose joining would bring two sides ('' for none) together is left out and names the first text on a side that is
    not its own; where it has none of its own, the first of those it would join. Families grow along chains, so that no pair straddles.
    """
    union = _Union(sides)
    short, long = _Postings(union), _Postings(union)
    of_group: dict[str, int] = {}
    astride: dict[int, int] = {}
    prefixes = ((position, own) for position, own in rare(found, threshold) if position not in left_out)
    for position, own in _every(prefixes, groups, left_out):
        met = {union.root(other): other for other in [of_group[groups[position]]]} if groups[position] in of_group else {}
        if own is not None:
            _meet(position, own, short, long, similar, threshold, met)
        stand = {union.side(root) for root in met} | {sides[position]}
        if len(stand - {""}) > 1:
            astride[position] = min(other for root, other in met.items() if union.side(root) not in ("", sides[position]))
            continue
        for other in met.values():
            union.join(position, other)
        if groups[position]:
            of_group.setdefault(groups[position], position)
        for place, token in enumerate(own.tokens if own is not None else ()):
            long.add(token, position)
            if own is not None and place < own.short:
                short.add(token, position)
    first = {position: members[0] for members in union.members().values() if len(members) > 1 for position in members}
    return Families(first, astride)


def _every(prefixes: Iterator[tuple[int, Rare]], groups: Sequence[str], left_out: Container[int]) -> Iterator[tuple[int, Rare | None]]:
    """The screened texts with their prefixes and those that have nothing but a group, in order of position."""
    following = next(prefixes, None)
    for position, group in enumerate(groups):
        if following is not None and following[0] == position:
            yield following
            following = next(prefixes, None)
        elif group and position not in left_out:
            yield position, None


def _meet(position: int, own: Rare, short: _Postings, long: _Postings, similar: Similar, threshold: float, met: dict[int, int]) -> None:
    """Add to `met` (root to member) a similar member of each family that has one."""
    tried: set[int] = set()
    for place, token in enumerate(own.tokens):
        for postings in (short, long) if place < own.short else (short,):
            for root, members in postings.families(token):
                if root in met:
                    continue
                for member in members:
                    if member not in tried and similar(position, member) >= threshold:
                        met[root] = member
                        break
                    tried.add(member)
