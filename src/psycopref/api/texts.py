"""Client speeches from a list of strings."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from psycopref.errors import SourceError
from psycopref.sources.found import Found
from psycopref.sources.prepared import prepared_rows
from psycopref.sources.sample import read
from psycopref.stages.collect import LONGEST, speech_id
from psycopref.tables import Speech, content_id
from psycopref.text.normal import folded
from psycopref.text.privacy.masker import Masker

SOURCE = "notebook"


def sample_texts(count: int | None = None) -> list[str]:
    """The first `count` (all 222 without one) of the client speeches that ship with the package.
    They were written for it; no real person speaks in them.
    """
    return [found.text for found in read(None, {})][:count]


class Read(NamedTuple):
    """Speeches without a split, and how many texts were left out, by reason."""

    speeches: list[Speech]
    left_out: Counter[str]


def speeches_of(
    texts: Iterable[str], topics: Sequence[str], groups: Sequence[str], masked: bool
) -> Read:
    """Texts as speeches: repaired and, where `masked`, with personal details as placeholders.

    Left out are 'empty' texts, 'long' ones (over 100,000 characters, not masked) and 'repeated'
    ones (the same but for case, punctuation and white space; the first is of the groups of all).
    SourceError where a text is no string, or topics or groups are not as many as the texts.
    """
    strings = _strings(texts)
    for name, given in (("topics", topics), ("groups", groups)):
        if len(given) not in (0, len(strings)):
            raise SourceError(
                f"speeches: {len(given)} {name} for {len(strings)} texts; give one for each, or"
                " none"
            )
    found = [
        Found(str(at), text, topics[at] if topics else "", group=groups[at] if groups else "")
        for at, text in enumerate(strings)
        if len(text) <= LONGEST
    ]
    left = Counter(long=len(strings) - len(found))
    by_sound: dict[str, Speech] = {}
    for row in prepared_rows(found, Masker() if masked else None):
        sound = folded(row.text)
        own = content_id("group", SOURCE, row.group) if row.group else ""
        first = by_sound.get(sound)
        if not sound:
            left["empty"] += 1
        elif first is None:
            key = speech_id(row.text)
            by_sound[sound] = Speech(key, SOURCE, row.text, topic=row.topic, group=own)
        else:
            left["repeated"] += 1
            groups_of_all = dict.fromkeys([*first.group.split(), *own.split()])
            by_sound[sound] = replace(first, group=" ".join(groups_of_all))
    return Read(list(by_sound.values()), +left)


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
