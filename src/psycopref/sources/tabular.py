"""Corpora that are tables of questions: CSV, JSON, JSON Lines or Parquet, as a file, a folder or a
Hub dataset, read by one column map.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from psycopref.errors import SourceError
from psycopref.sources import hub
from psycopref.sources.files import csv_rows, existing, found_in, jsonl_rows
from psycopref.sources.found import Found
from psycopref.sources.lines import below, encoding_of, head_of, kind_of
from psycopref.tables import Split

KINDS = (".parquet", ".jsonl", ".json", ".csv")
SPLITS: dict[str, Split] = {"train": "train", "test": "test", "validation": "dev", "dev": "dev"}
_NOT_ROWS = (
    "dataset_info.json",
    "dataset_infos.json",
    "dataset_dict.json",
    "state.json",
    "package.json",
)
_AT_ONCE = 20_000
_LARGEST_LIST = 400_000_000  # bytes; such a list takes several GB while it is read
Rows = Iterator[tuple[int, dict[str, Any]]]


class Corpus(NamedTuple):
    """How a public corpus is laid out: its Hub id ('' for none), its columns, and who is said to
    have written its answers.
    """

    name: str
    hub: str
    columns: Mapping[str, str]
    by: str = "therapist"
    where: str = ""

    def files(self, path: Path | None) -> Sequence[Path]:
        """Its files at a path; without one, those of its Hub dataset."""
        if path is None and not self.hub:
            raise SourceError(
                f"source {self.name!r}: no path given; get the file ({self.where}) and set path ="
                ' "..." to it'
            )
        return files(path or Path(self.hub), self.name)

    def read(self, path: Path | None, columns: Mapping[str, str]) -> Iterator[Found]:
        """One entry per question, at its first row, with all its answers; `columns` changes the
        corpus's own column map.
        """
        chosen = {"id": "", "topic": "", "split": "", "history": "", **self.columns, **columns}
        yield from _grouped(entry for entry in read(self.files(path), chosen, self.by))


def files(path: Path | None, what: str, kinds: Sequence[str] = KINDS) -> Sequence[Path]:
    """The file, or the table files below a folder or of a Hub dataset, in order of their names;
    they must be of one kind.
    """
    if path is None:
        raise SourceError(
            f'source {what!r}: no path given; set path = "..." to a file or a folder, relative to'
            " the folder you run in, or to a Hub id"
        )
    there = kind_of(path)
    if there == "file":
        if path.suffix not in kinds:
            raise SourceError(
                f"{path}: source {what!r} reads {', '.join(kinds)}; convert it, or name the right"
                " file"
            )
        return [existing(path, what)]
    folder = path if there == "folder" else hub.fetch(path, what, [f"*{kind}" for kind in kinds])
    found = [file for file in below(folder) if file.suffix in kinds and _is_table(file, folder)]
    suffixes = sorted({file.suffix for file in found})
    if not found:
        raise SourceError(
            f"{path}: no {' or '.join(kinds)} file in it; give the folder or the file that holds"
            f" the rows of source {what!r}"
        )
    if len(suffixes) > 1:
        raise SourceError(
            f"{path}: {' and '.join(suffixes)} files side by side may hold the same rows twice;"
            " give one file, or a folder of one kind"
        )
    return [existing(file, what) for file in found]


def _is_table(file: Path, folder: Path) -> bool:
    return (
        file.is_file()
        and file.name not in _NOT_ROWS
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def read(
    found: Sequence[Path], columns: Mapping[str, str], by: str = "therapist"
) -> Iterator[Found]:
    """The rows of the files as entries. Splits that file names say are kept where there are two or
    more: 'train' alone means 'all'.
    """
    root = os.path.commonpath([file.parent for file in found])
    splits = {split_of(file) for file in found}
    for file in found:
        inside = "" if len(found) == 1 else f"{file.relative_to(root).as_posix()}:"
        split = split_of(file) if len(splits) > 1 else ""
        chosen = (
            {"history": "", **columns} if file.suffix == ".csv" else columns
        )  # as source `csv` reads it
        for entry in found_in(file, chosen, rows(file), ("text",)):
            answers = entry.answers
            if not columns.get("model"):
                answers = tuple(replace(answer, model=by) for answer in answers)
            yield replace(
                entry,
                origin=inside + entry.origin,
                place=inside + entry.place,
                split=entry.split or split,
                answers=answers,
            )


def split_of(file: Path) -> Split:
    """The split that a file's name says it holds, '' for none."""
    named = [
        value for name, value in SPLITS.items() if file.name.startswith((f"{name}-", f"{name}."))
    ]
    return named[0] if named else ""


def names(found: Sequence[Path]) -> Sequence[str]:
    """What the names of files say: of several, those below the folder that they share; of one, its
    split where it says one.
    """
    if len(found) < 2:
        return [split for split in map(split_of, found) if split]
    root = os.path.commonpath([file.parent for file in found])
    return [file.relative_to(root).as_posix() for file in found]


def rows(file: Path) -> Rows:
    """(row number from 1, values by column) of a table file, by its suffix; SourceError says file
    and row.
    """
    match file.suffix:
        case ".csv":
            return csv_rows(file)
        case ".parquet":
            return _parquet_rows(file)
        case ".json":
            return _json_rows(file)
        case _:
            return jsonl_rows(file)


def _parquet_rows(file: Path) -> Rows:
    """Some rows at a time, so that a large file is never whole in memory."""
    number = 0
    try:
        while True:
            part = pl.scan_parquet(file, glob=False).slice(number, _AT_ONCE).collect()
            if not part.height:
                break
            yield from enumerate(part.iter_rows(named=True), number + 1)
            number += part.height
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(
            f"{file}: not a readable Parquet file ({type(error).__name__}); fetch it again"
        ) from None
    if not number:
        raise SourceError(f"{file}: no rows; source files need at least one row")


def _json_rows(file: Path) -> Rows:
    """A list of objects, or, as many publish under this name, one object a line."""
    if (
        encoding_of(file) == "utf-8-sig"
        and head_of(file, 64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] != b"["
    ):
        return jsonl_rows(file)
    return _listed(file)


def _listed(file: Path) -> Rows:
    if file.stat().st_size > _LARGEST_LIST:
        raise SourceError(
            f"{file}: one JSON list of more than {_LARGEST_LIST:,} bytes, which must be read whole;"
            " convert it to JSON Lines: jq -c '.[]'"
        )
    try:
        values = json.loads(file.read_text(encoding=encoding_of(file)))
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{file}: not UTF-8: byte 0x{error.object[error.start]:02x} at offset {error.start};"
            " save the file as UTF-8"
        ) from None
    except (ValueError, RecursionError) as error:
        where = f" near line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise SourceError(
            f"{file}: not JSON{where}; it must be a list of objects, or one object a line"
        ) from None
    if not values:
        raise SourceError(f"{file}: no rows; source files need at least one row")
    for number, value in enumerate(values, 1):
        if not isinstance(value, dict):
            raise SourceError(
                f"{file}: row {number} is a JSON {type(value).__name__}; each row must be an object"
            )
        yield number, value


def _grouped(entries: Iterator[Found]) -> Iterator[Found]:
    """Rows of one question as one entry with the different answers in their order. Rows without a
    text stay by themselves.
    """
    kept: dict[Any, Found] = {}
    for entry in entries:
        key = (entry.text, entry.split, entry.history) if entry.text.strip() else entry.origin
        first = kept.setdefault(key, entry)
        also = tuple(
            dict.fromkeys(
                (*first.also, *([entry.group] if entry.group not in ("", first.group) else []))
            )
        )
        kept[key] = replace(
            first,
            answers=tuple(dict.fromkeys((*first.answers, *entry.answers))),
            topic=first.topic or entry.topic,
            also=also,
        )
    yield from kept.values()
