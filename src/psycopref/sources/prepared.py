"""Entries of a source as they are stored: every text repaired and masked."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from psycopref.errors import SourceError
from psycopref.sources.found import Found
from psycopref.tables import Turn
from psycopref.text.normal import repair
from psycopref.text.privacy import Masker, mask

_LONGEST_TOPIC = 80  # characters; the longest name of the shipped list has 42


def prepared_rows(
    rows: Sequence[Found], masker: Masker | None, source: str = ""
) -> Iterator[Found]:
    """The entries with every text repaired and, where there is a masker, masked; SourceError where
    a topic is too long to be one.

    A column that is called `topic` may hold what a client said, and is stored before a list of
    topics is looked at.
    """
    texts = [repair(text) for found in rows for text in _texts(found)]
    ready = iter(texts if masker is None else masker(texts))
    for found in rows:
        text, history = next(ready), tuple(Turn(turn.role, next(ready)) for turn in found.history)
        answers = tuple(
            replace(
                answer,
                text=next(ready),
                ratings=tuple((item, score, next(ready)) for item, score, _ in answer.ratings),
            )
            for answer in found.answers
        )
        yield replace(
            found,
            text=text,
            history=history,
            answers=answers,
            topic=_topic(found, masker is not None, source),
        )


def _topic(found: Found, masked: bool, source: str) -> str:
    if len(found.topic) > _LONGEST_TOPIC:
        place = found.place or found.origin
        where = (
            f"source {source!r}: {place}: its topic has {len(found.topic)} characters; a topic's"
            f" name has {_LONGEST_TOPIC} at most"
        )
        raise SourceError(
            f'{where}: map `topic` to another column, or to none: columns = {{ topic = "" }}'
        )
    return _masked(found.topic) if masked and found.topic else found.topic


@lru_cache(maxsize=1024)
def _masked(topic: str) -> str:
    return mask(repair(topic))


def _texts(found: Found) -> Iterator[str]:
    """Every text of an entry, in the order in which they are put back."""
    yield found.text
    yield from (turn.text for turn in found.history)
    for answer in found.answers:
        yield answer.text
        yield from (rationale for _, _, rationale in answer.ratings)
