"""Runs of words: as strings, which decide, and as 64-bit hashes of many texts at once, which
find.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

LETTERS = 200_000  # characters hashed together: what fits a cache
_CODES = 0x110000
_BASE, _BACK = (
    0x9E3779B97F4A7C15,
    pow(0x9E3779B97F4A7C15, -1, 2**64),
)  # an odd number has an inverse modulo 2**64
_SHIFTS = (30, 27, 31)
_FACTORS = (
    0xBF58476D1CE4E5B9,
    0x94D049BB133111EB,
)  # the finaliser of splitmix64 (Steele, Lea and Flood, 2014)
_SIMPLE = re.compile(r"\w+")
# scripts written without spaces between words: Thai, Lao, Myanmar, Khmer, kana, bopomofo, Han
_OPEN = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x2FDF),
    (0x3005, 0x3007), (0x3021, 0x312F), (0x31A0, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0xFF66, 0xFF9F),
    (0x20000, 0x3FFFF),
)  # fmt: skip
_STYLE = (
    (0x20D0, 0x20FF),
    (0xFE00, 0xFE0F),
    (0xE0100, 0xE01EF),
)  # marks that style a symbol and are no part of a word


@lru_cache
def _kinds() -> npt.NDArray[np.uint8]:
    """For each code point 0 (between words), 1 (within a word) or 2 (a word by itself)."""
    kinds = np.zeros(_CODES, dtype=np.uint8)
    inside = (
        code
        for code in range(_CODES)
        if (letter := chr(code)).isalnum() or code == 95 or unicodedata.category(letter)[0] == "M"
    )
    kinds[np.fromiter(inside, dtype=np.int64)] = 1
    for first, last in _STYLE:
        kinds[first : last + 1] = 0
    for first, last in _OPEN:
        kinds[first : last + 1] *= 2
    return kinds


@lru_cache
def _word() -> re.Pattern[str]:
    """The regular expression of one word, made of the same table."""
    return re.compile(f"[{_ranges(2)}]|[{_ranges(1)}]+")


def _ranges(kind: int) -> str:
    at = np.flatnonzero(_kinds() == kind)
    ends = np.flatnonzero(np.diff(at) > 1)
    firsts, lasts = at[np.concatenate(([0], ends + 1))], at[np.concatenate((ends, [len(at) - 1]))]
    return "".join(
        f"{re.escape(chr(first))}-{re.escape(chr(last))}"
        for first, last in zip(firsts, lasts, strict=True)
    )


def plain(text: str) -> str:
    """Lower case; full-width and composed forms as their plain ones."""
    return (
        text.casefold()
        if text.isascii()
        else unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    )


def words(text: str) -> list[str]:
    """The words in lower case; of scripts that leave no space between words, each character."""
    text = plain(text)
    simple = (
        text.isascii() or max(text) < "\u0300"
    )  # below it there are neither marks nor scripts without spaces
    return _SIMPLE.findall(text) if simple else _word().findall(text)


def shingles(text: str, length: int) -> set[str]:
    """Every run of `length` words; a shorter text is one shingle."""
    said = words(text)
    return {
        " ".join(said[start : start + length]) for start in range(max(1, len(said) - length + 1))
    }


def jaccard(one: set[str], other: set[str]) -> float:
    """Shared over all, 0 to 1."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


class Hashed(NamedTuple):
    """The shingles of texts as numbers: those of text n are `tokens[offsets[n] : offsets[n + 1]]`,
    at least one each.
    """

    tokens: Hashes
    offsets: Places


def hashed(texts: Iterable[str], length: int) -> Hashed:
    """The hashes of the shingles of each text, the same in every process and on every machine."""
    found = [_hashed(part, length) for part in _parts(texts)]
    counts = [np.diff(part.offsets) for part in found]
    offsets = np.concatenate([np.zeros(1, np.int64), *counts]).cumsum()
    return Hashed(
        np.concatenate([np.zeros(0, np.uint64), *(part.tokens for part in found)]), offsets
    )


def _parts(texts: Iterable[str]) -> Iterator[list[str]]:
    part: list[str] = []
    letters = 0
    for text in texts:
        if part and letters + len(text) > LETTERS:
            yield part
            part, letters = [], 0
        part.append(plain(text))
        letters += len(text)
    if part:
        yield part


def _hashed(texts: Sequence[str], length: int) -> Hashed:
    own, firsts = _words(texts)
    counts = np.diff(firsts)
    runs = np.maximum(1, counts - length + 1)
    offsets = np.concatenate([np.zeros(1, np.int64), runs.cumsum()])
    starts = np.arange(offsets[-1]) + np.repeat(firsts[:-1] - offsets[:-1], runs)
    padded = np.concatenate([own, np.zeros(length, np.uint64)])
    tokens = np.zeros(len(starts), np.uint64)
    for step in range(length):
        tokens *= np.uint64(_BASE)
        tokens += padded[starts + step]
    few = np.flatnonzero(counts < length)
    tokens[offsets[few]] = _short(padded, firsts[few], counts[few], length)
    return Hashed(mixed(tokens), offsets)


def _short(padded: Hashes, firsts: Places, counts: Places, length: int) -> Hashes:
    """The one run of each text with fewer words than a run has: nothing stands in for the words
    that are not there.
    """
    out = np.zeros(len(firsts), np.uint64)
    for step in range(length):
        out *= np.uint64(_BASE)
        out += np.where(step < counts, padded[firsts + step], np.uint64(0))
    return out


def _words(texts: Sequence[str]) -> tuple[Hashes, Places]:
    """The hash of every word, and where each text's begin (one more at the end): a polynomial of
    its code points, mixed.
    """
    whole = "\n".join(texts)
    raw = (
        np.frombuffer(whole.encode("ascii"), np.uint8)
        if whole.isascii()
        else np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), np.uint32)
    )
    begins = np.concatenate(
        [np.zeros(1, np.int64), np.cumsum([len(text) + 1 for text in texts], dtype=np.int64)]
    )
    kinds, values = _kinds()[raw], _values()[raw]
    first = kinds > 0
    first[1:] &= (kinds[1:] == 2) | (kinds[:-1] != 1)
    starts = np.flatnonzero(first)
    powers, back = _powers(max(LETTERS, len(raw)).bit_length())
    values *= powers[
        : len(raw)
    ]  # what stands between words is 0, so a sum may run up to the next word
    sums = np.add.reduceat(values, starts) if len(starts) else np.zeros(0, np.uint64)
    return mixed(sums * back[starts]), np.searchsorted(starts, begins)


@lru_cache
def _values() -> Hashes:
    return np.where(
        _kinds() > 0, mixed(np.arange(_CODES, dtype=np.uint64) + np.uint64(1)), np.uint64(0)
    )


@lru_cache(maxsize=1)
def _powers(bits: int) -> tuple[Hashes, Hashes]:
    """The first 2**bits powers of the base, and of its inverse, modulo 2**64."""
    out = []
    for base in (_BASE, _BACK):
        powers = np.full(1 << bits, base, np.uint64)
        powers[0] = 1
        out.append(np.multiply.accumulate(powers, out=powers))
    return out[0], out[1]


def mixed(values: Hashes) -> Hashes:
    """Numbers to numbers one to one, each bit of the result depending on all bits; in place."""
    for shift, factor in zip(_SHIFTS, (*_FACTORS, 1), strict=True):
        values ^= values >> np.uint64(shift)
        values *= np.uint64(factor)
    return values
