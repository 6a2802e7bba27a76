"""Near duplicates: MinHash-LSH says which texts may have one, an exact join of their rarest shingles finds it, exact Jaccard similarity decides.

The join is that of Chaudhuri et al. (2006) and Bayardo et al. (2007): with the shingles of all texts in one order, the rarest first, two
sets of Jaccard similarity t have a shingle in common among the first |x| - ceil(t |x|) + 1 of the larger set and the first
|y| - ceil(2t / (1 + t) |y|) + 1 of the smaller one. So texts that share a long boilerplate meet only where they share more than that.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from rensa import RMinHash, RMinHashLSH

from psycopref.text.shingling import Hashed, Hashes, Places, hashed, jaccard, shingles

_SEED = 2502
_SLOTS = (16, 25)  # least and most bits of the table that counts how many texts have a shingle
_JOINED = 4000  # texts whose shingles are sorted together
_SETS = 4096  # sets of shingles kept at hand
_SLACK = 1e-9  # rounding must not shorten a prefix


def bands(threshold: float, permutations: int, miss: float = 1e-3) -> int:
    """The fewest bands that divide `permutations` and miss a pair at the threshold with probability at most `miss`."""
    fitting = [count for count in range(1, permutations + 1) if permutations % count == 0]
    return next((count for count in fitting if (1 - threshold ** (permutations / count)) ** count <= miss), permutations)


class Screened(NamedTuple):
    """The texts that share a band of their MinHash signatures with another: their positions, and the hashes of their shingles."""

    positions: Places
    shingles: Hashed


def screened(texts: Iterable[str], threshold: float, words: int = 3, permutations: int = 128) -> Screened:
    """The texts that may have another of Jaccard similarity `threshold` or more: MinHash-LSH over runs of `words` words (rensa).

    About 1.2 KB a text while it runs; what it gives holds the shingles of the found texts alone.
    """
    tokens, offsets = hashed(texts, words)
    if len(offsets) == 1:
        return Screened(np.zeros(0, np.int64), Hashed(tokens, offsets))
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(tokens, offsets.astype(np.uint64), permutations, _SEED)
    flags = RMinHashLSH(threshold, permutations, bands(threshold, permutations)).query_duplicate_flags_matrix_one_shot(matrix)
    positions = np.flatnonzero(np.array(flags, dtype=bool))
    lengths = np.diff(offsets)[positions]
    ends = np.concatenate([np.zeros(1, np.int64), lengths.cumsum()])
    chosen = np.repeat(offsets[positions] - ends[:-1], lengths) + np.arange(ends[-1])
    return Screened(positions, Hashed(tokens[chosen], ends))


class Rare(NamedTuple):
    """The first shingles of a text, the rarest first, without those that no other text has; how many of them are its longer and shorter prefix."""

    tokens: list[int]
    cuts: tuple[tuple[int, int], ...]
    size: int


def rare(found: Screened, *thresholds: float) -> Iterator[tuple[int, Rare]]:
    """(position, its prefixes at each of the thresholds) of every screened text, in order of position."""
    counts = _Counts(found.shingles.tokens)
    for first in range(0, len(found.positions), _JOINED):
        last = min(first + _JOINED, len(found.positions))
        yield from zip(found.positions[first:last].tolist(), _prefixes(_of(found.shingles, first, last), counts, thresholds), strict=True)


def _of(part: Hashed, first: int, last: int) -> Hashed:
    offsets = part.offsets[first : last + 1]
    return Hashed(part.tokens[offsets[0] : offsets[-1]], offsets - offsets[0])


class _Counts:
    """About how many texts have a shingle: how many fall on its slot, never too few (a shingle twice in one text counts twice)."""

    def __init__(self, tokens: Hashes) -> None:
        bits = min(max(len(tokens).bit_length() + 1, _SLOTS[0]), _SLOTS[1])
        self._shift = np.uint64(64 - bits)
        self._slots = np.bincount((tokens >> self._shift).astype(np.int64), minlength=1 << bits).astype(np.int32)

    def of(self, tokens: Hashes) -> npt.NDArray[np.int32]:
        out: npt.NDArray[np.int32] = self._slots[tokens >> self._shift]
        return out


def _prefixes(part: Hashed, counts: _Counts, thresholds: Sequence[float]) -> list[Rare]:
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
    cuts = np.stack([np.bincount(texts[place < _lengths(sizes, share)[texts]], minlength=len(sizes)) for share in shares], axis=1)
    lists = np.split(tokens, np.cumsum(np.bincount(texts, minlength=len(sizes)))[:-1])
    return [Rare(own.tolist(), tuple(zip(cut[::2], cut[1::2], strict=True)), size) for own, cut, size in zip(lists, cuts.tolist(), sizes.tolist(), strict=True)]


def _lengths(sizes: Places, share: float) -> Places:
    out: Places = sizes - np.ceil(share * sizes - _SLACK).astype(np.int64) + 1
    return out


class Similar:
    """The exact Jaccard similarity of texts by their positions; the sets of some are kept at hand."""

    def __init__(self, texts: Sequence[str] | pl.Series, words: int) -> None:
        self._set = lru_cache(maxsize=_SETS)(lambda position: shingles(texts[position], words))

    def __call__(self, one: int, other: int) -> float:
        return jaccard(self._set(one), self._set(other))


class Kept:
    """The texts kept so far by the shingles of their prefixes at one threshold, the one of that number among those of `rare`."""

    def __init__(self, similar: Similar, threshold: float, number: int = 0) -> None:
        self._similar, self._threshold, self._number = similar, threshold, number
        self._short: defaultdict[int, list[int]] = defaultdict(list)
        self._long: defaultdict[int, list[int]] = defaultdict(list)
        self._sizes: dict[int, int] = {}

    def first(self, position: int, own: Rare) -> int:
        """The first kept text whose exact similarity is at least the threshold, or -1."""
        long, short = own.cuts[self._number]
        met = {kept for token in own.tokens[:long] for kept in self._short.get(token, ())}
        met.update(kept for token in own.tokens[:short] for kept in self._long.get(token, ()))
        low, high = self._threshold * own.size - _SLACK, own.size / self._threshold + _SLACK
        fitting = sorted(kept for kept in met if low <= self._sizes[kept] <= high)
        return next((kept for kept in fitting if self._similar(position, kept) >= self._threshold), -1)

    def keep(self, position: int, own: Rare) -> None:
        """Keep a text, to be met by those that come after it."""
        self._sizes[position] = own.size
        long, short = own.cuts[self._number]
        for token in own.tokens[:long]:
            self._long[token].append(position)
        for token in own.tokens[:short]:
            self._short[token].append(position)


def repeats(texts: Sequence[str], threshold: float, words: int = 3, permutations: int = 128) -> list[int]:
    """For each text the position of the kept text it repeats, or -1 where it is kept itself.

    In order: a text goes if its exact Jaccard similarity with a kept one is at least `threshold`, and names the first
    such; a text that went is no ground for another to go, so nothing goes along a chain.
    """
    kept, near = Kept(Similar(texts, words), threshold), [-1] * len(texts)
    for position, own in rare(screened(texts, threshold, words, permutations), threshold):
        near[position] = kept.first(position, own)
        if near[position] < 0:
            kept.keep(position, own)
    return near
