"""The files of an expert check: sheets in every layout asked for, the instructions, and whatever
came back.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from psycopref.config.instruments import Instrument
from psycopref.errors import SourceError
from psycopref.experts import argilla, label_studio
from psycopref.experts.answers import Answers, Filled, checked
from psycopref.experts.csv_sheet import read_csv, write_csv
from psycopref.experts.instructions import instructions
from psycopref.experts.sheets import OVERALL, Kind, SheetRow, asked, part

STEM: dict[Kind, str] = {
    "pairs": "experts",
    "matches": "experts-matches",
    "scores": "experts-scores",
}


def write_all(
    sheet: Sequence[SheetRow],
    items: Literal["overall", "all"],
    instrument: Instrument,
    layouts: Sequence[str],
    folder: Path,
) -> list[Path]:
    """Write the sheets of every kind and seat, and experts.md with what to tell the experts; gives
    the paths.

    `experts.csv`, `experts-matches.csv` and `experts-scores.csv`, numbered (`experts-1.csv`) where
    there are several seats; a Label Studio project is tasks (`.label-studio.json`) and a labelling
    configuration (`.label-studio.xml`), an Argilla dataset records (`.argilla.json`) and settings
    (`.argilla-settings.json`).
    """
    made: list[Path] = []
    seats = sorted({row.seat for row in sheet})
    each = (
        1 if len(seats) > 1 else 2
    )  # answers that a tool should gather for a row: a sheet each, or one sheet for two
    for kind in sorted({row.kind for row in sheet}):
        questions = asked(kind, items, instrument)
        for seat in seats:
            stem = folder / (STEM[kind] + (f"-{seat}" if len(seats) > 1 else ""))
            rows = part(sheet, kind, seat)
            for layout in layouts:
                made += _write(layout, rows, questions, instrument, stem, each)
    guide = folder / "experts.md"
    guide.write_text(
        instructions(instrument, sorted({row.kind for row in sheet}), items), encoding="utf-8"
    )
    return [*made, guide]


def _write(
    layout: str,
    rows: Sequence[SheetRow],
    questions: Sequence[str],
    instrument: Instrument,
    stem: Path,
    each: int,
) -> list[Path]:
    if layout == "csv":
        path = stem.with_name(f"{stem.name}.csv")
        write_csv(rows, questions, path)
        return [path]
    texts: dict[str, str]
    if layout == "label-studio":
        texts = {
            "label-studio.json": _json(label_studio.tasks(rows)),
            "label-studio.xml": label_studio.config(rows, questions, instrument),
        }
    else:
        texts = {
            "argilla.json": _json(argilla.records(rows)),
            "argilla-settings.json": _json(
                argilla.settings(rows[0].kind, questions, instrument, each)
            ),
        }
    for ending, text in texts.items():
        stem.with_name(f"{stem.name}.{ending}").write_text(text, encoding="utf-8")
    return [stem.with_name(f"{stem.name}.{ending}") for ending in texts]


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def read_all(
    sheets: Sequence[tuple[Path, str]], sheet: Sequence[SheetRow], instrument: Instrument
) -> Answers:
    """Filled sheets (CSV) and exports of Label Studio and Argilla (JSON), together: what was given
    twice in two files is found.

    Beside each path stands who filled it, or '' where the file says so itself. SourceError names
    files, rows and what is wrong with them.
    """
    return checked(
        (row for path, who in sheets for row in _named(path, who, instrument)), sheet, instrument
    )


def _named(path: Path, who: str, instrument: Instrument) -> Iterator[Filled]:
    """The rows of a file under the name that the recipe gives it: two installations of a tool may
    both call their user 1.
    """
    people: set[str] = set()
    for row in filled(path, instrument):
        people |= (
            {row.annotator.strip()}
            if any(answer.strip() for answer in row.answers.values())
            else set()
        )
        if who and len(people - {""}) > 1:
            raise SourceError(
                f"{path}: the recipe says one annotator for this file, but {len(people - {''})}"
                " filled it; leave 'annotator' out"
            )
        yield row._replace(annotator=who) if who else row


def filled(path: Path, instrument: Instrument) -> Iterator[Filled]:
    """The filled rows of one file, by what is in it; SourceError where it is none of the
    layouts.
    """
    names = [item.name for item in instrument.items]
    if path.suffix.lower() != ".json":
        yield from read_csv(path, [OVERALL, *names])
        return
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{path}: cannot be read as JSON ({type(error).__name__}); give the tool's export as it"
            " came"
        ) from None
    if (
        not isinstance(entries, list)
        or not entries
        or not all(isinstance(entry, dict) for entry in entries)
    ):
        raise SourceError(
            f"{path}: not a list of tasks or records; export from Label Studio as JSON (not"
            " JSON-MIN), from Argilla by records.to_list(flatten=True)"
        )
    if all("annotations" in entry and "data" in entry for entry in entries):
        yield from label_studio.read(entries, path, [OVERALL, *names])
    elif all("responses" in entry and "fields" in entry for entry in entries):
        yield from argilla.read(entries, path, [OVERALL, *names])
    elif any(map(argilla.is_flat, entries)):
        yield from argilla.read([argilla.nested(one) for one in entries], path, [OVERALL, *names])
    else:
        raise SourceError(
            f"{path}: neither an export of Label Studio (data, annotations) nor of Argilla (fields,"
            " responses); export as JSON, with annotations"
        )
