"""What came back from experts, whatever the layout: checked against the sheet, in source terms,
with every mistake named.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from psycopref.config.instruments import Instrument
from psycopref.errors import SourceError
from psycopref.experts.sheets import OVERALL, SheetRow
from psycopref.tables import Annotation, Choice, ExpertRating, content_id

NAMED = 12  # mistakes that an error names; it says how many there are in all
TEXTS = ("history", "speech", "first", "second")


class Filled(NamedTuple):
    """One filled row as a layout's reader found it: where, whose, the answers by item as written,
    and the texts that stood beside them.
    """

    where: str
    sheet_id: str
    annotator: str
    answers: dict[str, str]
    seconds: str
    note: str
    texts: dict[str, str]


class Answers(NamedTuple):
    """Annotations of pairs and scores of single replies; `skipped` are the rows that have a note or
    a name but no answer.
    """

    annotations: list[Annotation]
    ratings: list[ExpertRating]
    skipped: list[str]


class Mistake(ValueError):
    """What is wrong with one row; it never quotes what stands in the row."""


def checked(filled: Iterable[Filled], sheet: Sequence[SheetRow], instrument: Instrument) -> Answers:
    """Filled rows as annotations and scores; a row without any answer is not annotated. SourceError
    lists what is wrong, row by row.
    """
    known, found, wrong = {row.sheet_id: row for row in sheet}, Answers([], [], []), []
    places: dict[str, str] = {}
    for row in filled:
        if not any(answer.strip() for answer in row.answers.values()):
            found.skipped.extend([row.where] if row.note.strip() or row.annotator.strip() else [])
            continue
        try:
            for made in _read(row, known, instrument):
                _once(made, row, places)
                if isinstance(made, Annotation):
                    found.annotations.append(made)
                else:
                    found.ratings.append(made)
        except Mistake as error:
            wrong.append(f"{row.where}: {error}")
    if wrong:
        more = f"; and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise SourceError(
            "; ".join(wrong[:NAMED]) + more + f" ({len(wrong)} in all; nothing was read)"
        )
    return found


def _once(made: Annotation | ExpertRating, row: Filled, places: dict[str, str]) -> None:
    key = made.annotation_id if isinstance(made, Annotation) else made.expert_rating_id
    if key in places:
        what = (
            "chose twice for one pair and item"
            if isinstance(made, Annotation)
            else "scored one reply twice on one item"
        )
        raise Mistake(f"one annotator {what}, here and in {places[key]}; keep one of them")
    places[key] = row.where


def _read(
    row: Filled, known: dict[str, SheetRow], instrument: Instrument
) -> Iterator[Annotation | ExpertRating]:
    given = {item: answer.strip() for item, answer in row.answers.items() if answer.strip()}
    shown = known.get(row.sheet_id)
    if shown is None:
        raise Mistake(
            "its sheet_id is not on the sheet; keep that column as it was written, and give the"
            " sheet of this run"
        )
    for name, text in row.texts.items():
        if name in TEXTS and not same(text, getattr(shown, name)):
            raise Mistake(
                f"its {name} is not the text that belongs to its sheet_id; cells were moved, cut"
                " off or edited: copy the answers into a fresh sheet (saved as CSV UTF-8), or"
                " delete the text columns where you are sure that each answer stands by its id"
            )
    if not row.annotator.strip():
        raise Mistake("annotator must be filled where an answer is given (a pseudonym will do)")
    names = [item.name for item in instrument.items]
    if strange := [
        item
        for item in given
        if item not in ([OVERALL, *names] if shown.kind != "scores" else names)
    ]:
        raise Mistake(
            f"an answer on something that is no item of instrument {instrument.name!r} (answer"
            f" {list(given).index(strange[0]) + 1} of the row)"
        )
    for item, answer in given.items():
        yield (
            _annotation(row, shown, item, answer)
            if shown.kind != "scores"
            else _rating(row, shown, item, answer, instrument)
        )


def _annotation(row: Filled, shown: SheetRow, item: str, answer: str) -> Annotation:
    side, who = answer.lower(), row.annotator.strip()
    if side not in ("first", "second", "tie"):
        raise Mistake(f"{item} must be first, second or tie")
    chosen = (side == "first") == (shown.shown_first == "chosen")
    choice: Choice = "chosen" if chosen else "rejected"
    if side == "tie":
        choice = "tie"
    key = content_id(
        "annotation", shown.subject_id, who, item, *([shown.repeat] if shown.repeat else [])
    )
    return Annotation(
        key,
        shown.subject_id,
        who,
        item,
        choice,
        _seconds(row),
        row.note.strip(),
        shown.shown_first,
        shown.repeat,
    )


def _rating(
    row: Filled, shown: SheetRow, item: str, answer: str, instrument: Instrument
) -> ExpertRating:
    score, who = number(answer), row.annotator.strip()
    if score is None or score != round(score) or not instrument.low <= score <= instrument.high:
        raise Mistake(f"{item} must be a whole number from {instrument.low} to {instrument.high}")
    key = content_id("expert_rating", shown.subject_id, who, item)
    return ExpertRating(key, shown.subject_id, who, item, score, _seconds(row), row.note.strip())


def _seconds(row: Filled) -> float:
    value = number(row.seconds.strip() or "0")
    if value is None or value < 0:
        raise Mistake("seconds must be a number, 0 or more, or empty")
    return value


def number(text: str) -> float | None:
    """A finite number as people and spreadsheets write it, with a point or a decimal comma; None
    for anything else.
    """
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def same(found: str, written: str) -> bool:
    """Whether a text is the one that was written, as far as a spreadsheet leaves texts alone: white
    space and, in Windows' old encoding, letters that it lacks (which become question marks) may
    differ.
    """
    one, other = " ".join(found.split()), " ".join(written.split())
    return one == other or one == " ".join(
        written.encode("cp1252", "replace").decode("cp1252").split()
    )
