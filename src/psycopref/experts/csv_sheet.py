"""The sheet as a CSV file that a spreadsheet opens, and the filled file back, however the
spreadsheet saved it.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from psycopref.errors import SourceError
from psycopref.experts.answers import Filled
from psycopref.experts.sheets import SheetRow
from psycopref.store.inert import inert

HEAD = {
    "pairs": ("sheet_id", "topic", "history", "speech", "first", "second"),
    "scores": ("sheet_id", "topic", "history", "speech", "reply"),
}
KNOWN = (*HEAD["pairs"], "reply", "annotator", "seconds", "note")
_FIELD = {"reply": "first"}  # of SheetRow, where a column's name is another one
TAIL = ("seconds", "note")
_UNSEEN = (  # blanks, controls, marks without width
    r"\s\x00-\x1f\x7f\u00ad\u034f\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
)
_RISKY = re.compile(rf"'*[{_UNSEEN}]*[=+\-@\t\r\n|%\uff1d\uff0b\uff0d\uff20]")
_LONGEST_FIELD = 16_000_000


def neutral(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe is put before what starts like
    one (OWASP, 'CSV injection').
    """
    return "'" + text if _RISKY.match(text) else text


def original(text: str) -> str:
    """The text as it was before `neutral`; a spreadsheet that took the apostrophe away did no harm
    either.
    """
    return text[1:] if text.startswith("'") and _RISKY.match(text) else text


def write_csv(rows: Sequence[SheetRow], items: Sequence[str], path: Path) -> None:
    """One sheet: ids and texts, then empty columns annotator, one for each item, seconds and note.
    UTF-8 with a byte order mark, for Excel.
    """
    head = HEAD["scores" if rows[0].kind == "scores" else "pairs"]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow([*head, "annotator", *items, *TAIL])
        out.writerows(
            [
                *(neutral(inert(str(getattr(row, _FIELD.get(name, name))))) for name in head),
                "",
                *("" for _ in items),
                "",
                "",
            ]
            for row in rows
        )


def read_csv(path: Path, items: Sequence[str]) -> Iterator[Filled]:
    """The rows of a filled sheet; SourceError where the file is no such sheet. Rows are numbered as
    a spreadsheet numbers them.
    """
    lines = _records(path)
    written = {name.lower(): name for name in (*KNOWN, *items)}
    head = [written.get(cell.strip().lower(), cell.strip()) for cell in lines[0]] if lines else []
    there = [name for name in head if name]
    lacking = [name for name in ("sheet_id", "annotator") if name not in there]
    if lacking or len(lines) < 2 or not set(items) & set(there):
        what = f"none of the columns {list(items)}"
        if lacking:
            what = f"no column {lacking[0]!r}"
        elif len(lines) < 2:
            what = "no rows below its header"
        raise SourceError(
            f"{path}: {what}; a filled sheet has the columns of the sheet that the run wrote, its"
            " header in the first line"
        )
    if twice := sorted(
        {name for name in there if there.count(name) > 1 and name in (*KNOWN, *items)}
    ):
        raise SourceError(f"{path}: column {twice[0]!r} stands twice; keep one of them")
    for at, line in enumerate(lines[1:], 2):
        yield _filled(
            f"{path} row {at}", dict(zip(head, line, strict=False)), head, line, items, path
        )


def _filled(
    where: str,
    cells: dict[str, str],
    head: list[str],
    line: list[str],
    items: Sequence[str],
    path: Path,
) -> Filled:
    known = {*KNOWN, *items}
    strange = [
        at
        for at, cell in enumerate(line)
        if cell.strip() and (at >= len(head) or head[at] not in known)
    ]
    if strange:
        raise SourceError(
            f"{where}: cell {strange[0] + 1} is filled but its column is none of the sheet's; put"
            " it under 'note' if it is to be kept, or delete the column"
        )
    texts = {
        _FIELD.get(name, name): original(cells[name])
        for name in ("history", "speech", "first", "second", "reply")
        if name in cells
    }
    answers = {item: cells.get(item, "") for item in items}
    return Filled(
        where,
        cells.get("sheet_id", "").strip(),
        cells.get("annotator", ""),
        answers,
        cells.get("seconds", ""),
        cells.get("note", ""),
        texts,
    )


def _records(path: Path) -> list[list[str]]:
    """The cells of a file: commas, semicolons or tabs; UTF-8, UTF-16 with its mark, or Windows' old
    encoding; blank lines left out at the end.
    """
    text = _decoded(path)
    first = text.split("\n", 1)[0].strip()
    if first.lower().startswith("sep="):  # Excel's own hint
        text = text.split("\n", 1)[1] if "\n" in text else ""
        first = text.split("\n", 1)[0]
    mark = max(",;\t", key=first.count)
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True))
    except csv.Error as error:
        raise SourceError(
            f"{path}: not a CSV file ({type(error).__name__}: a quote that is not closed, or a"
            " stray one); save the sheet as CSV UTF-8"
        ) from None
    finally:
        csv.field_size_limit(before)
    while lines and not any(cell.strip() for cell in lines[-1]):
        lines.pop()
    return lines


def _decoded(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({type(error).__name__})") from None
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise SourceError(f"{path}: a spreadsheet file, not CSV; open it and save it as CSV UTF-8")
    kinds = ["utf-16"] if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else ["utf-8-sig", "cp1252"]
    for kind in kinds:
        try:
            return raw.decode(kind)
        except UnicodeDecodeError:
            continue
    raise SourceError(
        f"{path}: neither UTF-8 nor UTF-16 nor Windows-1252 text; save the sheet as CSV UTF-8"
    )
