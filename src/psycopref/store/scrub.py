"""Rows with somebody's words taken out of files: Parquet, CSV, JSON, JSON lines."""

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

LOOKED_FOR = 16  # letters from which words are looked for within other texts
_TEXTS = (".json", ".jsonl", ".csv", ".md", ".html", ".txt", ".xml", ".toml")


class Words:
    """Texts and ids that are to go. A text of under 16 letters counts where it is all that stands
    there: within others it would be found everywhere.
    """

    def __init__(self, texts: Iterable[str], ids: Iterable[str] = ()) -> None:
        self.texts = frozenset(text for text in texts if text.strip())
        self.ids = frozenset(ids)
        self._within = [text for text in self.texts if len(text) >= LOOKED_FOR]

    def told(self, text: str) -> bool:
        """Whether a text has them: as a whole, as a line, or (the longer ones) anywhere."""
        if text in self.texts or text in self.ids:
            return True
        if any(words in text for words in self._within):
            return True
        return len(self._within) < len(self.texts) and any(
            line.strip() in self.texts for line in text.split("\n")
        )

    def equal(self, frame: pl.DataFrame) -> pl.Series:
        """Rows of which a cell, or a part of a cell, is one of them."""
        known = self.texts | self.ids
        return _rows(frame, pl.Series(sorted(known), dtype=pl.String), known.__contains__)

    def within(self, frame: pl.DataFrame) -> pl.Series:
        """Rows of which a cell has them."""
        return _rows(frame, None, self.told)

    def anywhere(self, value: Any) -> bool:
        """Whether a value as JSON has it holds them."""
        return any(self.told(text) for text in _strings(value))


def _rows(frame: pl.DataFrame, known: pl.Series | None, told: Any) -> pl.Series:
    found = pl.Series([False] * frame.height, dtype=pl.Boolean)
    for column in frame.get_columns():
        if column.dtype == pl.String and known is not None:
            found = found | column.is_in(known.implode()).fill_null(False)
        elif column.dtype == pl.String or column.dtype.is_nested():
            hits = [any(told(text) for text in _strings(one)) for one in column.to_list()]
            found = found | pl.Series(hits, dtype=pl.Boolean)
    return found


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)


def hits(path: Path, words: Words) -> int | None:
    """How many rows of a file have them; None where it has them and is no file of rows."""
    rows, kept = _parts(path, words)
    if rows is not None:
        return rows - len(kept)
    return None if _holds(path, words) else 0


def taken_out(path: Path, words: Words) -> int | None:
    """Take the rows that have them out of a file; what `hits` gives."""
    found = hits(path, words)
    if found:
        _, kept = _parts(path, words)
        replaced(path, lambda fresh: _written(path, fresh, kept))
    return found


def replaced(path: Path, write: Any) -> None:
    """A file put in the place of another, with its rights and only when it is whole."""
    fresh = path.with_name(path.name + ".new")
    try:
        write(fresh)
        fresh.chmod(path.stat().st_mode & 0o777)
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def _parts(path: Path, words: Words) -> tuple[int | None, Any]:
    """How many rows a file has, and those without the words; (None, ()) where it has no rows."""
    match path.suffix:
        case ".parquet":
            frame = pl.read_parquet(path, glob=False)
            return frame.height, _Frame(frame.filter(~words.within(frame)))
        case ".csv":
            rows = _csv(path)
            return len(rows), [row for row in rows if not words.anywhere(row)]
        case ".jsonl":
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            return len(lines), [line for line in lines if not words.anywhere(_json(line))]
        case ".json":
            value = _json(path.read_text(encoding="utf-8"))
            if isinstance(value, list):
                return len(value), [one for one in value if not words.anywhere(one)]
    return None, ()


class _Frame:
    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    def __len__(self) -> int:
        return self.frame.height


def _written(path: Path, fresh: Path, kept: Any) -> None:
    match path.suffix:
        case ".parquet":
            kept.frame.write_parquet(fresh, compression="zstd")
        case ".csv":
            out = io.StringIO(newline="")
            csv.writer(out, delimiter=_delimiter(path)).writerows(kept)
            fresh.write_text(out.getvalue(), encoding=_coding(path), newline="")
        case ".jsonl":
            fresh.write_text("".join(kept), encoding="utf-8")
        case _:
            text = json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
            fresh.write_text(text, encoding="utf-8")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _coding(path: Path) -> str:
    return "utf-8-sig" if path.read_bytes()[:3] == b"\xef\xbb\xbf" else "utf-8"


def _delimiter(path: Path) -> str:
    head = path.read_text(encoding="utf-8-sig", errors="replace").partition("\n")[0]
    return max(",;\t", key=head.count)


def _csv(path: Path) -> list[list[str]]:
    csv.field_size_limit(16_000_000)
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(path)))


def _holds(path: Path, words: Words) -> bool:
    """Whether a file of another kind has them, as they are or as JSON writes them."""
    raw = path.read_bytes()
    if path.suffix in _TEXTS:
        return words.told(raw.decode("utf-8", "replace"))
    return any(
        form.encode("utf-8", "surrogatepass") in raw
        for text in words.texts
        if len(text) >= LOOKED_FOR
        for form in (text, json.dumps(text, ensure_ascii=False)[1:-1])
    )
