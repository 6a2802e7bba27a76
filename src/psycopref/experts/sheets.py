"""The rows of a blind sheet: what an expert sees of a pair or a reply, and what only the program
knows of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import polars as pl

from psycopref.config.instruments import Instrument
from psycopref.experts.sampling import arranged, lot, repeated
from psycopref.tables import content_id

Kind = Literal["pairs", "matches", "scores"]
Shown = Literal["", "chosen", "rejected"]
OVERALL = "overall"


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row of one sheet. Experts see `sheet_id`, topic and texts; which pair or reply it is and
    which side is which stays here.

    `subject_id` is a preference's id (kind 'pairs'), a match's ('matches', where 'chosen' stands
    for our system's answer) or a response's ('scores', where `first` is the reply and `second` is
    empty); `seat` numbers the sheets from 1, `place` the rows of a sheet from 1; `repeat` is 1
    where the pair is shown a second time.
    """

    sheet_id: str
    kind: Kind
    seat: int
    place: int
    repeat: int
    subject_id: str
    shown_first: Shown
    topic: str
    history: str
    speech: str
    first: str
    second: str


def pair_rows(
    pairs: pl.DataFrame, seats: int, share: float, seed: int, kind: Kind = "pairs"
) -> list[SheetRow]:
    """Sheets of pairs (columns preference_id, topic, history, speech, chosen, rejected): a sheet a
    seat, repetitions at its end.
    """
    known = {row["preference_id"]: row for row in pairs.iter_rows(named=True)}
    made: list[SheetRow] = []
    for seat in range(1, seats + 1):
        once = arranged(list(known), seat, seed)
        shown = [
            *((row, 0) for row in once),
            *((row, 1) for row in repeated(once, share, seat, seed)),
        ]
        made += [
            _pair(known[one], kind, seat, place, repeat, first)
            for place, ((one, first), repeat) in enumerate(shown, 1)
        ]
    return made


def _pair(
    row: dict[str, Any], kind: Kind, seat: int, place: int, repeat: int, chosen_first: bool
) -> SheetRow:
    one = str(row["preference_id"])
    first, second = ("chosen", "rejected") if chosen_first else ("rejected", "chosen")
    key = content_id("sheet", kind, seat, repeat, one)
    return SheetRow(
        key,
        kind,
        seat,
        place,
        repeat,
        one,
        cast(Shown, first),
        str(row["topic"]),
        _turns(row),
        str(row["speech"]),
        row[first],
        row[second],
    )


def reply_rows(replies: pl.DataFrame, seats: int, seed: int) -> list[SheetRow]:
    """Sheets of single replies (columns response_id, topic, history, speech, text), each seat in an
    order of its own.
    """
    made: list[SheetRow] = []
    for seat in range(1, seats + 1):
        order = sorted(
            replies.iter_rows(named=True),
            key=lambda row: lot(seed, "reply", seat, row["response_id"]),
        )
        for place, row in enumerate(order, 1):
            one = str(row["response_id"])
            key = content_id("sheet", "scores", seat, one)
            made.append(
                SheetRow(
                    key,
                    "scores",
                    seat,
                    place,
                    0,
                    one,
                    "",
                    str(row["topic"]),
                    _turns(row),
                    str(row["speech"]),
                    str(row["text"]),
                    "",
                )
            )
    return made


def _turns(row: dict[str, Any]) -> str:
    return "\n".join(f"{turn['role']}: {turn['text']}" for turn in row["history"] or [])


def asked(kind: Kind, items: Literal["overall", "all"], instrument: Instrument) -> list[str]:
    """The questions of a row: for pairs `overall`, and with "all" every item too; a single reply is
    scored on every item.
    """
    names = [item.name for item in instrument.items]
    if kind == "scores":
        return names
    return [OVERALL, *names] if items == "all" else [OVERALL]


def part(sheet: Sequence[SheetRow], kind: Kind, seat: int) -> list[SheetRow]:
    """One sheet: the rows of a kind and a seat, in their places."""
    return sorted(
        (row for row in sheet if (row.kind, row.seat) == (kind, seat)), key=lambda row: row.place
    )
