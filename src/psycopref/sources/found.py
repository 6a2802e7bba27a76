"""What a source hands over, row by row: a speech as it stood there, with the answers and pairs that
came with it.
"""

from dataclasses import dataclass

from psycopref.tables import Split, Turn


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that came with a speech; `ratings` are (item, score, rationale)."""

    model: str
    text: str
    ratings: tuple[tuple[str, float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """One row of a source, unrepaired and unmasked: never stored, never logged.

    `origin` is its address within the source, `pairs` are (chosen, rejected) positions in
    `answers`. `group` says whose it is (a client, a session) in the source's words: rows of one
    group go into one split; `also` are the groups of further rows with the same text. `place` is
    the number of its row, '' where `origin` is an id that a published corpus made or a number
    itself. `unusable` says why a row has nothing that can be read; it has no text then.
    """

    origin: str
    text: str
    topic: str = ""
    split: Split = ""
    history: tuple[Turn, ...] = ()
    answers: tuple[Answer, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    group: str = ""
    also: tuple[str, ...] = ()
    place: str = ""
    unusable: str = ""
