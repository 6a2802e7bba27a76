"""Client speeches from a list of strings."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from psycopref.errors import SourceError
from psycopref.sources.found import Found
from psycopref.sources.merged import Merged
from psycopref.sources.prepared import prepared_rows
from psycopref.sources.sample import read
from psycopref.store.parquet import Table
from psycopref.tables import Speech
from psycopref.text.privacy.masker import Masker

SOURCE = "notebook"


def sample_texts(count: int | None = None) -> list[str]:
    """The first `count` (all 222 without one) of the client speeches that ship with the package.
    They were written for it; no real person speaks in them.
    """
    return [found.text for found in read(None, {})][:count]


class Given(NamedTuple):
    """Speeches without a split, and how many texts were left out, by reason."""

    speeches: Table[Speech]
    left_out: Counter[str]


def speeches_of(
    texts: Iterable[str], topics: Sequence[str], groups: Sequence[str], masked: bool
) -> Given:
    """Texts as speeches, as the stage `collect` makes them: repaired and, where `masked`, with
    personal details as placeholders.

    Left out are 'empty' texts, 'long' ones (over 100,000 characters) and a 'duplicate' (the same
    but for case, punctuation and white space; the first is of the groups of all). SourceError
    where a text is no string, or topics or groups are not as many as the texts.
    """
    strings = _strings(texts)
    for name, given in (("topics", topics), ("groups", groups)):
        if len(given) not in (0, len(strings)):
            raise SourceError(
                f"speeches: {len(given)} {name} for {len(strings)} texts; give one for each, or"
                " none"
            )
    merged = Merged()
    rows = [
        Found(str(at), text, topics[at] if topics else "", group=groups[at] if groups else "")
        for at, text in enumerate(strings)
    ]
    bearable = [row for row in rows if merged.bearable(SOURCE, row)]
    for row in prepared_rows(bearable, Masker() if masked else None):
        merged.take(SOURCE, row)
    return Given(merged.speeches(), Counter(row.reason for row in merged.dropped))


def _strings(texts: Iterable[str]) -> list[str]:
    """The texts, every one a string; SourceError says where one is not, and never what it holds."""
    if isinstance(texts, str):
        raise SourceError("speeches: one string was given; give a list of strings, one a speech")
    strings = list(texts)
    for at, text in enumerate(strings):
        if not isinstance(text, str):  # a gap of a data frame, say: NaN is a float
            raise SourceError(
                f"speeches: text {at} (from 0) is a {type(text).__name__}, not a string; leave it"
                " out"
            )
    return strings
