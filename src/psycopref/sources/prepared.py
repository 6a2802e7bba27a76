"""Entries of a source as they are stored: every text repaired and masked."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from psycopref.sources.found import Found
from psycopref.tables import Turn
from psycopref.text.normal import repair
from psycopref.text.privacy import Masker


def prepared_rows(rows: Sequence[Found], masker: Masker | None) -> Iterator[Found]:
    """The entries with every text repaired and, where there is a masker, masked."""
    texts = [repair(text) for found in rows for text in _texts(found)]
    ready = iter(texts if masker is None else masker(texts))
    for found in rows:
        text, history = next(ready), tuple(Turn(turn.role, next(ready)) for turn in found.history)
        answers = tuple(
            replace(answer, text=next(ready), ratings=tuple((item, score, next(ready)) for item, score, _ in answer.ratings)) for answer in found.answers
        )
        yield replace(found, text=text, history=history, answers=answers)


def _texts(found: Found) -> Iterator[str]:
    """Every text of an entry, in the order in which they are put back."""
    yield found.text
    yield from (turn.text for turn in found.history)
    for answer in found.answers:
        yield answer.text
        yield from (rationale for _, _, rationale in answer.ratings)
