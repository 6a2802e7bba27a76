"""Near duplicates: MinHash-LSH says which texts may have one, an exact join of their rarest
shingles finds it, exact Jaccard similarity decides.

The join is that of Chaudhuri et al. (2006) and Bayardo et al. (2007): with the shingles of all
texts in one order, the rarest first, two sets of Jaccard similarity t have a shingle in common
among the first |x| - ceil(t |x|) + 1 of the larger set and the first |y| - ceil(2t / (1 + t) |y|) +
1 of the smaller one. So texts that share a long boilerplate meet only where they share more than
that.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, count
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from rensa import RMinHash, RMinHashLSH

from psycopref.text.duplicates.shingling import Hashed, Hashes, Places, hashed, jaccard, shingles
from psycopref.text.duplicates.sketches import SLACK, Sketches

_SEED = 2502
_SLOTS = (16, 25)  # least and most bits of the table that counts how many texts have a shingle
_JOINED = 4000  # texts whose shingles are sorted together
# characters of the texts whose sets of shingles are kept at hand, about 25 bytes each
_AT_HAND = 4_000_000
_FEW = 32  # texts that are compared at once, without a look at their sketches
_SOME = 64  # texts whose short shingles are counted together, at first
_LOOKED_UP = (
    1 / 8
    # share of the texts so far from which on a look at all is cheaper than at those found by their
    # shingles
)
_NONE = np.zeros(0, np.int64)


def bands(threshold: float, permutations: int, miss: float = 1e-3) -> int:
    """The fewest bands that divide `permutations` and miss a pair at the threshold with probability
    at most `miss`.
    """
    fitting = [count for count in range(1, permutations + 1) if permutations % count == 0]
    return next(
        (count for count in fitting if (1 - threshold ** (permutations / count)) ** count <= miss),
        permutations,
    )


class Screened(NamedTuple):
    """The texts that share a band of their MinHash signatures with another: their positions, and
    the hashes of their shingles.
    """

    positions: Places
    shingles: Hashed


def screened(
    texts: Iterable[str], threshold: float, words: int = 3, permutations: int = 128
) -> Screened:
    """The texts that may have another of Jaccard similarity `threshold` or more: MinHash-LSH over
    runs of `words` words (rensa).

    About 1.2 KB a text while it runs; what it gives holds the shingles of the found texts alone.
    """
    tokens, offsets = hashed(texts, words)
    if len(offsets) == 1:
        return Screened(np.zeros(0, np.int64), Hashed(tokens, offsets))
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        tokens, offsets.astype(np.uint64), permutations, _SEED
    )
    flags = RMinHashLSH(
        threshold, permutations, bands(threshold, permutations)
    ).query_duplicate_flags_matrix_one_shot(matrix)
    positions = np.flatnonzero(np.array(flags, dtype=bool))
    lengths = np.diff(offsets)[positions]
    ends = np.concatenate([np.zeros(1, np.int64), lengths.cumsum()])
    chosen = np.repeat(offsets[positions] - ends[:-1], lengths) + np.arange(ends[-1])
    return Screened(positions, Hashed(tokens[chosen], ends))


class Rare(NamedTuple):
    """The first shingles of a text, the rarest first, without those that no other text has; how
    many of them are its longer and shorter prefix.

    `row` is its place among the screened texts, `size` how many shingles it has.
    """

    row: int
    tokens: list[int]
    cuts: tuple[tuple[int, int], ...]
    size: int


def rare(found: Screened, *thresholds: float) -> Iterator[tuple[int, Rare]]:
    """(position, its prefixes at each of the thresholds) of every screened text, in order of
    position.
    """
    counts = _Counts(found.shingles.tokens)
    for first in range(0, len(found.positions), _JOINED):
        last = min(first + _JOINED, len(found.positions))
        yield from zip(
            found.positions[first:last].tolist(),
            _prefixes(_of(found.shingles, first, last), counts, thresholds, first),
            strict=True,
        )


def _of(part: Hashed, first: int, last: int) -> Hashed:
    offsets = part.offsets[first : last + 1]
    return Hashed(part.tokens[offsets[0] : offsets[-1]], offsets - offsets[0])


class _Counts:
    """About how many texts have a shingle: how many fall on its slot, never too few (a shingle
    twice in one text counts twice).
    """

    def __init__(self, tokens: Hashes) -> None:
        bits = min(max(len(tokens).bit_length() + 1, _SLOTS[0]), _SLOTS[1])
        self._shift = np.uint64(64 - bits)
        self._slots = np.bincount(
            (tokens >> self._shift).astype(np.int64), minlength=1 << bits
        ).astype(np.int32)

    def of(self, tokens: Hashes) -> npt.NDArray[np.int32]:
        out: npt.NDArray[np.int32] = self._slots[tokens >> self._shift]
        return out


def _prefixes(part: Hashed, counts: _Counts, thresholds: Sequence[float], row: int) -> list[Rare]:
    texts = np.repeat(np.arange(len(part.offsets) - 1), np.diff(part.offsets))
    often = counts.of(part.tokens)
    order = np.lexsort((part.tokens, (texts << 32) + often))
    tokens, texts, often = part.tokens[order], texts[order], often[order]
    once = np.ones(len(tokens), bool)
    once[1:] = (tokens[1:] != tokens[:-1]) | (texts[1:] != texts[:-1])
    tokens, texts, often = tokens[once], texts[once], often[once]
    sizes = np.bincount(texts, minlength=len(part.offsets) - 1)
    place = np.arange(len(tokens)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    shared = (place < _lengths(sizes, min(thresholds))[texts]) & (often > 1)
    tokens, texts, place = tokens[shared], texts[shared], place[shared]
    shares = [share for one in thresholds for share in (one, 2 * one / (1 + one))]
    cuts = np.stack(
        [
            np.bincount(texts[place < _lengths(sizes, share)[texts]], minlength=len(sizes))
            for share in shares
        ],
        axis=1,
    )
    lists = np.split(tokens, np.cumsum(np.bincount(texts, minlength=len(sizes)))[:-1])
    each = zip(count(row), lists, cuts.tolist(), sizes.tolist())
    return [
        Rare(at, own.tolist(), tuple(zip(cut[::2], cut[1::2], strict=True)), size)
        for at, own, cut, size in each
    ]


def _lengths(sizes: Places, share: float) -> Places:
    out: Places = sizes - np.ceil(share * sizes - SLACK).astype(np.int64) + 1
    return out


class Similar:
    """The exact Jaccard similarity of texts by their positions; the sets of those asked for last
    are kept at hand.
    """

    def __init__(self, texts: Sequence[str] | pl.Series, words: int) -> None:
        self._texts, self._words = texts, words
        self._sets: OrderedDict[int, tuple[set[str], int]] = OrderedDict()
        self._letters = 0

    def __call__(self, one: int, other: int) -> float:
        return jaccard(self._set(one), self._set(other))

    def _set(self, position: int) -> set[str]:
        if position in self._sets:
            self._sets.move_to_end(position)
            return self._sets[position][0]
        text = self._texts[position]
        found, letters = shingles(text, self._words), len(text) + 1
        self._sets[position] = found, letters
        self._letters += letters
        while self._letters > _AT_HAND and len(self._sets) > 1:
            self._letters -= self._sets.popitem(last=False)[1][1]
        return found


class Kept:
    """The texts kept so far, by the shingles of their prefixes at each threshold.

    A text is looked up by the shingles of its prefix. Where so many texts share one of them that
    looking at every kept text is cheaper, that is done: `Sketches` says of thousands at once which
    cannot reach the threshold, at some nanoseconds each.
    """

    def __init__(self, found: Screened, similar: Similar, *thresholds: float) -> None:
        self._positions, self._similar, self._thresholds = found.positions, similar, thresholds
        self._sketches = Sketches(found.shingles)
        self._short: list[defaultdict[int, list[int]]] = [defaultdict(list) for _ in thresholds]
        self._long: list[defaultdict[int, list[int]]] = [defaultdict(list) for _ in thresholds]
        self._sizes: dict[int, int] = {}
        self._is_kept = np.zeros(len(found.positions), bool)
        self._apart: tuple[int, npt.NDArray[np.uint16]] = (-1, np.zeros(0, np.uint16))

    def first(self, own: Rare, number: int = 0) -> int:
        """The first kept text whose exact similarity is at least the threshold of that number, or
        -1.
        """
        lists = self._having(own, number)
        if sum(map(len, lists)) > _FEW:
            return next(self.alike(own, number), -1)
        threshold = self._thresholds[number]
        row = next(
            (
                row
                for row in self._fitting(lists, own, threshold)
                if self._similarity(own.row, row) >= threshold
            ),
            -1,
        )
        return int(self._positions[row]) if row >= 0 else -1

    def alike(
        self, own: Rare, number: int, fresh: Callable[[Places], npt.NDArray[np.bool_]] | None = None
    ) -> Iterator[int]:
        """The kept texts whose exact similarity is at least the threshold of that number, in order;
        only those `fresh` when it is their turn.

        With `fresh` the first kept texts that have its shingles come before all others: they often
        make most others stale.
        """
        if fresh is not None:
            yield from self._among(own, number, self._heads(own, number), fresh)
        yield from self._among(own, number, self._candidates(own, number, fresh), fresh)

    def _among(
        self,
        own: Rare,
        number: int,
        rows: Places,
        fresh: Callable[[Places], npt.NDArray[np.bool_]] | None,
    ) -> Iterator[int]:
        threshold, some = self._thresholds[number], _SOME
        while len(rows):
            rows = rows if fresh is None else rows[fresh(self._positions[rows])]
            shared = (
                self._sketches.sharing(own.row, rows[:some], threshold)
                if len(rows) > _FEW
                else rows[:some]
            )
            hit = next(
                (row for row in shared.tolist() if self._similarity(own.row, row) >= threshold), -1
            )
            if hit >= 0:
                yield int(self._positions[hit])
                rows = rows[rows > hit]
            else:
                rows, some = rows[some:], 4 * some

    def _similarity(self, one: int, other: int) -> float:
        return self._similar(int(self._positions[one]), int(self._positions[other]))

    def _having(self, own: Rare, number: int) -> list[list[int]]:
        """The kept rows with each of its shingles."""
        long, short = own.cuts[number]
        lists = [rows for token in own.tokens[:long] if (rows := self._short[number].get(token))]
        return lists + [
            rows for token in own.tokens[:short] if (rows := self._long[number].get(token))
        ]

    def _heads(self, own: Rare, number: int) -> Places:
        """Of each long list its first row; none where what is found can be compared at once."""
        threshold, lists = self._thresholds[number], self._having(own, number)
        if sum(map(len, lists)) <= _FEW:
            return _NONE
        heads = np.array(sorted({rows[0] for rows in lists}), np.int64)
        return self._sketches.sharing(own.row, self._near(own.row, heads, threshold), threshold)

    def _near(self, row: int, rows: Places, threshold: float) -> Places:
        return self._sketches.within(row, rows, self._sketches.apart(row, rows), threshold)

    def _fitting(self, lists: Sequence[list[int]], own: Rare, threshold: float) -> list[int]:
        low, high = threshold * own.size - SLACK, own.size / threshold + SLACK
        return sorted(row for row in set().union(*lists) if low <= self._sizes[row] <= high)

    def _candidates(
        self, own: Rare, number: int, fresh: Callable[[Places], npt.NDArray[np.bool_]] | None
    ) -> Places:
        """The kept rows that may reach the threshold, in order."""
        threshold, lists = self._thresholds[number], self._having(own, number)
        entries = sum(map(len, lists))
        if entries <= _FEW:
            return np.array(self._fitting(lists, own, threshold), np.int64)
        if entries < own.row * _LOOKED_UP:
            met = np.fromiter(chain.from_iterable(lists), np.int64, entries)
            return np.unique(self._near(own.row, met, threshold))
        met = np.flatnonzero(self._is_kept[: own.row])
        met = met if fresh is None else met[fresh(self._positions[met])]
        if len(met) < own.row * _LOOKED_UP:
            return self._near(own.row, met, threshold)
        return self._sketches.within(own.row, met, self._all_apart(own.row)[met], threshold)

    def _all_apart(self, row: int) -> npt.NDArray[np.uint16]:
        """How far every row before this one is from it; the same for all thresholds."""
        if self._apart[0] != row:
            self._apart = row, self._sketches.apart(row, slice(0, row))
        return self._apart[1]

    def keep(self, own: Rare) -> None:
        """Keep a text, to be met by those that come after it."""
        self._sizes[own.row] = own.size
        self._is_kept[own.row] = True
        for (long, short), longs, shorts in zip(own.cuts, self._long, self._short, strict=True):
            for token in own.tokens[:long]:
                longs[token].append(own.row)
            for token in own.tokens[:short]:
                shorts[token].append(own.row)


def repeats(
    texts: Sequence[str], threshold: float, words: int = 3, permutations: int = 128
) -> list[int]:
    """For each text the position of the kept text it repeats, or -1 where it is kept itself.

    In order: a text goes if its exact Jaccard similarity with a kept one is at least `threshold`,
    and names the first such; a text that went is no ground for another to go, so nothing goes along
    a chain.
    """
    found = screened(texts, threshold, words, permutations)
    kept, near = Kept(found, Similar(texts, words), threshold), [-1] * len(texts)
    for position, own in rare(found, threshold):
        near[position] = kept.first(own)
        if near[position] < 0:
            kept.keep(own)
    return near
