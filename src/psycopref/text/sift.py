"""Which texts stay: no near duplicate, none that means the same, none that would join two sides of a split; all in one pass, in order."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

import polars as pl

from psycopref.text.families import Families
from psycopref.text.meanings import Meanings
from psycopref.text.near import Kept, Rare, Similar, rare, screened

T = TypeVar("T")


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


class Over(Protocol):
    """Goes through items and tells how far it is, under a name."""

    def __call__(self, items: Iterable[T], name: str, /) -> Iterable[T]: ...


def _untold(items: Iterable[T], _: str, /) -> Iterable[T]:
    return items


def sifted(
    texts: Sequence[str] | pl.Series, sides: Sequence[str], groups: Sequence[str], measure: Measure, meanings: Meanings | None, over: Over = _untold
) -> Sifted:
    """Texts in the order in which they are preferred; what goes names a text that stays, and is no ground for another to go."""
    found = screened(over(texts, "dedup: shingles"), min(measure.threshold, measure.cluster), measure.words, measure.permutations)
    kept = Kept(found, Similar(texts, measure.words), measure.threshold, measure.cluster)
    families = Families(kept, sides, groups)
    gone: dict[int, tuple[str, int]] = {}
    for position, own in over(_every(len(texts), rare(found, measure.threshold, measure.cluster)), "dedup"):
        if own is None and meanings is None and not groups[position]:
            continue
        why = _why(position, own, kept, families, meanings)
        if why is not None:
            gone[position] = why
    return Sifted(gone, families.first())


def _why(position: int, own: Rare | None, kept: Kept, families: Families, meanings: Meanings | None) -> tuple[str, int] | None:
    """Why a text goes, and the kept text it names; or None, and it is kept."""
    near = kept.first(own) if own is not None else -1
    same = meanings.first(position) if meanings is not None else -1
    met = families.meets(position, own) if near < 0 and same < 0 else ()
    astride = families.astride(position, met)
    reasons = (("near duplicate", near), ("same meaning", same), ("straddles", astride))
    why = next(((reason, other) for reason, other in reasons if other >= 0), None)
    if why is None:
        families.keep(position, met)
        if own is not None:
            kept.keep(own)
        if meanings is not None:
            meanings.keep(position)
    return why


def _every(count: int, screened: Iterator[tuple[int, Rare]]) -> Iterator[tuple[int, Rare | None]]:
    """All positions in order, with the prefixes of those that were screened."""
    following = next(screened, None)
    for position in range(count):
        if following is not None and following[0] == position:
            yield following
            following = next(screened, None)
        else:
            yield position, None
