"""Files to lines of text: what is no text is named, stray and NUL bytes are counted and told, and
no line is without bound.

A file is UTF-8 (with or without a byte order mark) or UTF-16 with one. Bytes that are not UTF-8 are
read as Windows-1252 where they stand in few lines: exports that were put together from several
programs look so. Where more than half of the lines with letters beyond ASCII hold such bytes, the
whole file is in another encoding, which nobody can know for sure, so it is refused. NUL bytes are
left out. Both are counted, and a `SourceWarning` says how many lines they stood in.
"""

import codecs
import os
import re
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

from psycopref.errors import SourceError, SourceWarning

LONGEST_LINE = (
    32_000_000  # characters; a longer line is no row of a table but a file without line ends
)
# lines with stray bytes after which a file in another encoding need not be read to its end
_EARLY = 1_000
_STRAY = re.compile("[\udc80-\udcff]+")
_UNPACK = "unpack it and give the file that is in it"
_NO_TEXT = (
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ\x00", "an xz archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (
        b"PK\x03\x04",
        "a zip archive or an Excel or OpenDocument workbook",
        "unpack it, or save the sheet as CSV in UTF-8",
    ),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Excel or Word file",
        "save the sheet as CSV in UTF-8",
    ),
    (
        b"PAR1",
        "a Parquet file",
        'read it with name = "parquet" (a corpus of the paper: name the file *.parquet)',
    ),
    (b"SQLite format 3\x00", "an SQLite database", "export the table as CSV in UTF-8"),
    (b"%PDF-", "a PDF file", "export the rows as CSV in UTF-8"),
    (
        b"version https://git-lfs",
        "a pointer of git-lfs and not the data",
        "fetch the data: git lfs pull",
    ),
)
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def unreadable(path: Path, error: OSError) -> SourceError:
    """A SourceError for what the operating system refused, with what to do."""
    why = os.strerror(error.errno) if error.errno else type(error).__name__
    if isinstance(error, PermissionError):
        return SourceError(
            f"{path}: may not be read ({why}); give yourself the right to read it (and to enter its"
            " folders), or copy it to where you may"
        )
    return SourceError(
        f"{path}: could not be read ({why}); check the disk or the network folder, or copy the file"
        " and try again"
    )


def kind_of(path: Path) -> str:
    """'file', 'folder', or '' where there is nothing; SourceError where the rights to look are
    missing.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise unreadable(path, error) from error
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else ""


def below(folder: Path) -> list[Path]:
    """Every file below a folder, sorted; SourceError where a folder may not be entered, since what
    is in it would be missing without a word.
    """

    def refuse(error: OSError) -> None:
        raise unreadable(Path(error.filename or folder), error) from error

    return sorted(
        Path(place) / name for place, _, names in os.walk(folder, onerror=refuse) for name in names
    )


def head_of(path: Path, size: int = 4096) -> bytes:
    """The first bytes of a file; SourceError where it may not be read."""
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise unreadable(path, error) from error


def encoding_of(path: Path) -> str:
    """'utf-8-sig', 'utf-16' or 'utf-32' by the first bytes of a file; SourceError where it is no
    text.
    """
    head = head_of(path)
    for mark, what, advice in _NO_TEXT:
        if head.startswith(mark):
            raise SourceError(f"{path}: {what}, not text; {advice}")
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if head.strip(b"\0") and 3 * head.count(0) > len(head):
        raise SourceError(
            f"{path}: looks like UTF-16 without a byte order mark; save the file as UTF-8, or"
            " convert it: iconv -f UTF-16LE -t UTF-8"
        )
    return "utf-8-sig"


def lines(path: Path) -> Iterator[str]:
    """The lines of a text file with their ends (\\n, \\r\\n or \\r), one at a time; SourceError
    says file and line, never what stood there.
    """
    encoding = encoding_of(path)
    count = _Counts(path)
    try:
        with path.open(
            encoding=encoding,
            errors="surrogateescape" if encoding == "utf-8-sig" else "strict",
            newline="",
        ) as file:
            while line := file.readline(LONGEST_LINE):
                yield count.plain(line)
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path}: not {encoding.upper()} throughout (after line {count.number}:"
            f" {error.reason}); save the file as UTF-8"
        ) from None
    except OSError as error:
        raise unreadable(path, error) from error
    count.tell()


class _Counts:
    """Lines so far, and those that were not plain UTF-8."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.number = self._beyond = self._stray = self._nul = self._first = 0

    def plain(self, line: str) -> str:
        """The line without NUL and with stray bytes as the letters they are in Windows-1252."""
        self.number += 1
        if len(line) >= LONGEST_LINE:
            raise SourceError(
                f"{self._path}: line {self.number} is longer than {LONGEST_LINE:,} characters; no"
                " row is, so this is no CSV or JSON Lines file"
            )
        if "\0" in line:
            self._nul += 1
            line = line.replace("\0", "")
        if line.isascii():
            return line
        self._beyond += 1
        if _STRAY.search(line):
            self._stray += 1
            self._first = self._first or self.number
            line = _STRAY.sub(_as_1252, line)
            if self._stray >= _EARLY:
                self._minority()
        return line

    def tell(self) -> None:
        """SourceError where the file is in another encoding, a SourceWarning where some lines were
        mended.
        """
        self._minority()
        if self._stray:
            where = (
                f"{self._stray} lines hold bytes that are not UTF-8 (the first is line"
                f" {self._first})"
            )
            warnings.warn(
                f"{self._path}: {where}; they were read as Windows-1252",
                SourceWarning,
                stacklevel=3,
            )
        if self._nul:
            warnings.warn(
                f"{self._path}: {self._nul} lines hold NUL bytes; they were left out",
                SourceWarning,
                stacklevel=3,
            )

    def _minority(self) -> None:
        if 2 * self._stray > self._beyond:
            raise wrong_encoding(self._path)


def _as_1252(match: re.Match[str]) -> str:
    return match.group().encode("utf-8", "surrogateescape").decode("cp1252", "replace")


def wrong_encoding(path: Path) -> SourceError:
    """What to say of a file that is not UTF-8: the first byte that shows it."""
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                what = (
                    f"byte 0x{line[error.start]:02x} at offset {offset + error.start} (line"
                    f" {number})"
                )
                return SourceError(
                    f"{path}: not UTF-8: {what}; save the file as UTF-8, or convert it: iconv -f"
                    " WINDOWS-1252 -t UTF-8"
                )
            offset += len(line)
    return SourceError(f"{path}: not UTF-8 near the end of the file; save the file as UTF-8")
