"""Generic sources: CSV and JSON Lines files with a map of column names, and the checks every file
reader shares.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from psycopref.config.toml_files import did_you_mean
from psycopref.errors import SourceError
from psycopref.sources import cells
from psycopref.sources.found import Answer, Found
from psycopref.sources.lines import head_of, kind_of, lines

FIELDS = ("text", "id", "topic", "split", "history", "answer", "model", "group", "messages")
_ASKED = (
    "answer",
    "model",
    "group",
    "messages",
)  # fields that are read only where their column is mapped
_LONGEST_FIELD = 16_000_000
_MANY_LINES, _MANY_LINES_OF_ONE = (
    50,
    1_000,
    # lines in one cell, from which on they are looked at; prose of one column has many lines
    # without
    # commas
)


def existing(path: Path | None, what: str) -> Path:
    """The path, where it is a file with something in it that may be read; SourceError otherwise."""
    if path is None:
        raise SourceError(
            f'source {what!r}: no path given; set path = "..." to the file, relative to the folder'
            " you run in"
        )
    kind = kind_of(path)
    if kind == "folder":
        raise SourceError(
            f"{path}: a folder, but source {what!r} reads one file; give the path of the file"
        )
    if not kind:
        raise SourceError(
            f"{path}: no such file (looked in {Path.cwd().name}/); check the path of source"
            f" {what!r}"
        )
    if not head_of(path, 1):
        raise SourceError(f"{path}: empty; source {what!r} needs at least one row")
    return path


def columns_of(path: Path, columns: Mapping[str, str]) -> dict[str, str]:
    """Field to column for every field: the mapped column, '' where a field is mapped to "" (it has
    none), else the field's own name.

    An answer or a group is read only where its column is mapped: a column that happens to be called
    so may hold anything.
    """
    unknown = [name for name in columns if name not in FIELDS]
    if unknown:
        raise SourceError(
            f"{path}: no field {unknown[0]!r} to map a column"
            f" to{did_you_mean(unknown[0], list(FIELDS))}; the fields are {list(FIELDS)}"
        )
    if columns.get("messages"):
        if twice := [name for name in ("text", "history", "answer") if columns.get(name)]:
            raise SourceError(
                f"{path}: `messages` holds text, history and answer, and {twice[0]!r} is mapped"
                " too; map one of them"
            )
        columns = {"text": "", "history": "", "answer": "", **columns}
    elif not columns.get("text", "text"):
        raise SourceError(f'{path}: every row needs a text; map it: columns = {{ text = "..." }}')
    return {name: columns.get(name, "" if name in _ASKED else name) for name in FIELDS}


def need_column(path: Path, column: str, there: Sequence[str], field: str = "") -> None:
    """SourceError unless the column is there."""
    if column not in there:
        close = did_you_mean(column, list(there)) if all(map(_looks_like_a_name, there)) else ""
        hint = f' or map it: columns = {{ {field} = "..." }}' if field else ""
        raise SourceError(
            f"{path}: no column {column!r}{close}; there are {column_names(there)}; name the right"
            f" file{hint}"
        )


def column_names(there: Sequence[str]) -> str:
    """The column names for a message; only how many there are where the header may be no header but
    what a client said.
    """
    if all(map(_looks_like_a_name, there)):
        return str(list(there))
    return (
        f"{len(there)} columns (their names do not look like names, so they are not shown: the"
        " first line must be a header)"
    )


def _looks_like_a_name(cell: str) -> bool:
    digits = sum(letter.isdigit() for letter in cell)
    return not cell or (
        len(cell) <= 40
        and len(cell.split()) <= 3
        and 2 * digits < len(cell)
        and re.fullmatch(r"[\w .:/()\[\]-]+", cell) is not None
    )


def csv_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(row number from 1, cells by column) of a CSV file with a header, one row in memory at a
    time; SourceError says file and row.

    Cells are parted by commas; where the header has none, by semicolons or tabs, as spreadsheets in
    many countries write them.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    text = lines(path)
    before = list[str]()
    for line in text:
        before.append(line)
        if line.strip("\r\n\t ;,"):  # some programs write empty lines before the header
            break
    head = before[-1] if before else ""
    by = "," if "," in head else next((mark for mark in ";\t" if mark in head), ",")
    yield from _cells(path, csv.reader(chain(before, text), delimiter=by, strict=True), by)


def _cells(path: Path, reader: Any, by: str) -> Iterator[tuple[int, dict[str, str]]]:
    row = start = before = 0
    try:
        header: list[str] = next((cells for cells in reader if any(map(str.strip, cells))), [])
        if len(set(header)) != len(header):
            raise _twice(path, header)
        start = reader.line_num + 1
        for cells in reader:
            if cells:
                row += 1
                if len(cells) != len(header):
                    raise _uneven(
                        path, row, (before, start, reader.line_num), len(cells), len(header)
                    )
                if reader.line_num - start >= _MANY_LINES and any(
                    _swallowed(cell, len(header), by) for cell in cells
                ):
                    raise _open_quote(
                        path, row, start, f"its rows up to line {reader.line_num} stand in one cell"
                    )
                yield row, dict(zip(header, cells, strict=True))
            before, start = start, reader.line_num + 1
    except csv.Error as error:
        raise _open_quote(path, row + 1, start, f"line {reader.line_num}: {error}") from None
    if not row:
        raise SourceError(f"{path}: no rows below the header; source files need at least one row")


def _uneven(
    path: Path, row: int, lines: tuple[int, int, int], cells: int, columns: int
) -> SourceError:
    before, start, end = lines
    where = (
        f"{path}: row {row} (lines {start} to {end})"
        if end > start
        else f"{path}: row {row} (line {end})"
    )
    hint = (
        f"; or row {row - 1} (lines {before} to {start - 1}) opens a quote that is not closed as it"
        " should be"
        if row > 1 and start - before > 1
        else ""
    )
    return SourceError(
        f"{where} has {cells} cells, the header has {columns}; quote cells that hold commas or line"
        f" breaks{hint}"
    )


def _open_quote(path: Path, row: int, start: int, what: str) -> SourceError:
    return SourceError(
        f"{path}: not readable as CSV: row {row}, which starts at line {start}, opens a quote that"
        f" is not closed as it should be ({what}); mend it"
    )


def _swallowed(cell: str, columns: int, by: str) -> bool:
    """Whether a cell of many lines is rows that a lost quote put into one: nearly all its lines
    have as many cells as the header.
    """
    inner = [line for line in cell.split("\n")[1:-1] if line.strip()]
    if len(inner) < (_MANY_LINES if columns > 1 else _MANY_LINES_OF_ONE):
        return False
    return sum(
        len(next(csv.reader([line], delimiter=by), [])) == columns for line in inner
    ) >= 0.9 * len(inner)


def _twice(path: Path, header: list[str]) -> SourceError:
    twice = next(name for name in header if header.count(name) > 1)
    first = header.index(twice) + 1
    second = header.index(twice, first) + 1
    called = f" ({twice!r})" if all(map(_looks_like_a_name, header)) else ""
    return SourceError(
        f"{path}: a column name{called} stands twice in the header, in columns {first} and"
        f" {second}; rename one, or add the header"
    )


def jsonl_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number from 1, object) of a JSON Lines file; SourceError says file and line."""
    found = 0
    for number, line in enumerate(lines(path), 1):
        if line.strip():
            yield number, _object(path, number, line)
            found += 1
    if not found:
        raise SourceError(f"{path}: no rows; source files need at least one row")


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise SourceError(
            f"{path}: row {number} is not JSON; each line must be one JSON object"
        ) from None
    if not isinstance(value, dict):
        raise SourceError(
            f"{path}: row {number} is a JSON {type(value).__name__}; each line must be one JSON"
            " object"
        )
    return value


def read_csv(path: Path | None, columns: Mapping[str, str]) -> Iterator[Found]:
    """The rows of a CSV file; `columns` maps text, id, topic, split, answer, model, group to
    its column names, or to "" for none.

    A column `history` is a medical history more often than turns of a talk, so it is read only
    where it is mapped.
    """
    path = existing(path, "csv")
    yield from found_in(path, {"history": "", **columns}, csv_rows(path), tuple(columns))


def read_jsonl(path: Path | None, columns: Mapping[str, str]) -> Iterator[Found]:
    """The rows of a JSON Lines file; `columns` maps text, id, topic, split, history, answer, model,
    group, messages
    to its keys, or to "" for none.

    `history` is a list of {"role": "client" | "counselor", "text": ...}. A row may lack any key but
    the text's; a key that is mapped and stands in no row is an error.
    """
    path = existing(path, "jsonl")
    yield from found_in(path, columns, jsonl_rows(path), ())


def found_in(
    path: Path,
    columns: Mapping[str, str],
    rows: Iterator[tuple[int, dict[str, Any]]],
    at_once: Sequence[str],
) -> Iterator[Found]:
    """Rows as Found; the columns of the text and of the fields `at_once` must be in the first row,
    other mapped ones in any.
    """
    chosen = columns_of(path, columns)
    seen: dict[str, int] = {}
    there: dict[str, None] = {}
    for number, row in rows:
        if not there:
            _need(path, chosen, ("text", *at_once), list(row))
        there.update(dict.fromkeys(row))
        where = f"{path}: row {number}"
        origin = cells.string(where, row, chosen["id"]) or f"row {number}"
        if origin in seen:
            raise SourceError(
                f"{where}: its {chosen['id']} stands in row {seen[origin]} too; ids must be unique:"
                f' remove or renumber one, or read none: columns = {{ id = "" }}'
            )
        seen[origin] = number
        topic = cells.string(where, row, chosen["topic"])
        group = cells.string(where, row, chosen["group"]).strip()
        said = _said(where, row, chosen)
        model = cells.string(where, row, chosen["model"]).strip() or "therapist"
        yield Found(
            origin,
            said.text,
            topic,
            cells.split(where, row, chosen["split"]),
            said.history,
            (Answer(model, said.answer),) if said.answer.strip() else (),
            group=group,
            place=f"row {number}",
        )
    _need(path, chosen, tuple(columns), list(there))


def _said(where: str, row: Mapping[str, Any], chosen: Mapping[str, str]) -> cells.Talk:
    if chosen["messages"]:
        return cells.talk(where, row, chosen["messages"])
    history = row.get(chosen["history"]) if chosen["history"] else None
    return cells.Talk(
        cells.string(where, row, chosen["text"], required=True),
        cells.history(where, history),
        cells.string(where, row, chosen["answer"]),
    )


def _need(
    path: Path, chosen: Mapping[str, str], fields: Sequence[str], there: Sequence[str]
) -> None:
    for field in fields:
        if chosen[field]:
            need_column(path, chosen[field], there, field)
