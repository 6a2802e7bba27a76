"""Rows to Parquet and back; the schema comes from the row type."""

import dataclasses
import hashlib
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, cast, overload

import polars as pl

from psycopref.errors import StoreError, TableError
from psycopref.store.keys import plain

Row = TypeVar("Row")
LARGE = 16 * 2**20  # bytes of a Parquet file that stays on disk until its columns are asked for
PART = 50_000  # rows read or kept together
_DAMAGED = "not a readable Parquet file ({}); delete its step folder and run again to remake it"
_SCALARS: dict[Any, Any] = {str: pl.String, int: pl.Int64, float: pl.Float64, bool: pl.Boolean}


def _dtype(hint: Any) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in _SCALARS:
        return _SCALARS[hint]
    if origin is typing.Literal:
        return pl.String
    if origin in (typing.Union, types.UnionType):
        return _dtype(next(arg for arg in args if arg is not type(None)))
    if origin is tuple:
        return pl.List(_dtype(args[0]))
    if dataclasses.is_dataclass(hint):
        return pl.Struct(schema(cast(type, hint)))
    raise TypeError(f"no column type for {hint!r}")


def schema(row_type: type) -> dict[str, Any]:
    """The polars schema of a row type: str, int, float, bool, Literal, X | None, tuple[X, ...],
    nested rows.
    """
    hints = typing.get_type_hints(row_type)
    return {field.name: _dtype(hints[field.name]) for field in dataclasses.fields(row_type)}


def known_as(row_type: type) -> str:
    """The name of a row type in digests: its own, or what it was called before it was renamed
    (`KNOWN_AS`), or every step made from such rows would be made again.
    """
    return str(getattr(row_type, "KNOWN_AS", row_type.__name__))


def _later(row_type: type) -> dict[str, Any]:
    """The columns that older files lack, each with its default."""
    return {
        field.name: field.default
        for field in dataclasses.fields(row_type)
        if field.metadata.get("later")
    }


def _value(hint: Any, value: Any) -> Any:
    if typing.get_origin(hint) is tuple:
        return tuple(_value(typing.get_args(hint)[0], item) for item in value or ())
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return build(cast(type, hint), value)
    return value


def build(row_type: type[Row], values: dict[str, Any]) -> Row:
    """One row from a dict of plain values."""
    hints = typing.get_type_hints(row_type)
    return row_type(**{name: _value(hints[name], value) for name, value in values.items()})


class Table(Sequence[Row], Generic[Row]):
    """Rows of one type over a polars frame: `frame` for columnar work, `pick` for a few columns,
    iteration and indexing for rows.

    A large Parquet file stays on disk: `pick` reads the columns it is asked for and iteration some
    rows at a time; `frame` reads all and keeps it.
    """

    def __init__(self, row_type: type[Row], frame: pl.DataFrame | Path) -> None:
        self.row_type = row_type
        self._held = frame if isinstance(frame, pl.DataFrame) else None
        self._path = frame if isinstance(frame, Path) else Path()
        self._rows = -1 if self._held is None else self._held.height
        self._digest = ""

    def __repr__(self) -> str:
        """How many rows of what, and none of them: they may hold what clients said."""
        return f"<{len(self):,} rows of {self.row_type.__name__}>"

    @property
    def frame(self) -> pl.DataFrame:
        """All columns, in memory from now on."""
        if self._held is None:
            self._held = self.collected(pl.scan_parquet(self._path, glob=False)).cast(
                cast(Any, schema(self.row_type))
            )
        return self._held

    def lazy(self) -> pl.LazyFrame:
        """The table as a polars query, for what can be computed without holding it."""
        return (
            self._held.lazy() if self._held is not None else pl.scan_parquet(self._path, glob=False)
        )

    def pick(self, *names: str) -> pl.DataFrame:
        """Some columns; of a file on disk only these are read."""
        return self.collected(self.lazy().select(names))

    def parts(self, rows: int = 0) -> Iterator[pl.DataFrame]:
        """The table in order, some rows at a time."""
        rows = rows or PART
        for start in range(0, len(self), rows):
            yield (
                self._held[start : start + rows]
                if self._held is not None
                else self.collected(self.lazy().slice(start, rows))
            )

    def collected(self, query: pl.LazyFrame) -> pl.DataFrame:
        """The result of a query on `lazy`, without ever holding the whole table; StoreError where
        its file is damaged.
        """
        try:
            return query.collect(engine="streaming")
        except (OSError, pl.exceptions.PolarsError) as error:
            raise StoreError(f"{self._path}: {_DAMAGED.format(type(error).__name__)}") from error

    def __len__(self) -> int:
        if self._rows < 0:
            self._rows = int(self.collected(self.lazy().select(pl.len())).item())
        return self._rows

    def __iter__(self) -> Iterator[Row]:
        nested = any(
            typing.get_origin(h) is tuple for h in typing.get_type_hints(self.row_type).values()
        )
        for part in self.parts():
            for values in part.iter_rows(named=True):
                yield build(self.row_type, values) if nested else self.row_type(**values)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> "Table[Row]": ...
    def __getitem__(self, index: int | slice) -> "Row | Table[Row]":
        if isinstance(index, slice):
            return Table(self.row_type, self.frame[index])
        return build(self.row_type, self.frame.row(index, named=True))

    @property
    def digest(self) -> str:
        """The sha256 of the rows as JSON lines: the same rows in the same order, whatever the
        Parquet bytes.

        A `LATER` column that holds its default alone is left out, so that the steps of before it
        are found.
        """
        if not self._digest:
            sha = hashlib.sha256(known_as(self.row_type).encode())
            later = [
                pl.col(name).eq(default).all() for name, default in _later(self.row_type).items()
            ]
            bare = self.collected(self.lazy().select(later)).row(0, named=True) if later else {}
            for part in self.parts():
                sha.update(
                    part.drop([name for name, unused in bare.items() if unused])
                    .write_ndjson()
                    .encode()
                )
            self._digest = sha.hexdigest()
        return self._digest


def _types(row_type: type, rows: Sequence[Any]) -> None:
    """TypeError at the first plain value of another type than its column (polars would turn a
    number into text).
    """
    plainly = {
        name: hint
        for name, hint in typing.get_type_hints(row_type).items()
        if hint in (str, int, bool)
    }
    for number, row in enumerate(rows):
        for name, hint in plainly.items():
            if type(getattr(row, name)) is not hint:
                raise TypeError(
                    f"row {number}: {name} is a {type(getattr(row, name)).__name__}, not a"
                    f" {hint.__name__}"
                )


def table(row_type: type[Row], rows: Sequence[Row]) -> Table[Row]:
    """A table of rows; TableError names the first value that does not fit its column."""
    if isinstance(rows, Table):
        return cast("Table[Row]", rows)
    columns = schema(row_type)
    try:
        _types(row_type, rows)
        frame = pl.DataFrame(_columns(row_type, rows, columns), schema=columns, strict=True)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise TableError(
            f"table of {row_type.__name__}:"
            f" {error if isinstance(error, TypeError) else 'a value does not fit its column'}"
        ) from None
    return Table(row_type, frame)


def _columns(row_type: type, rows: Sequence[Any], columns: dict[str, Any]) -> Any:
    """Column lists where all columns are scalars (no dict per row), else plain dicts."""
    if any(isinstance(kind, pl.List | pl.Struct) for kind in columns.values()):
        return [plain(row) for row in rows]
    return {name: [getattr(row, name) for row in rows] for name in columns}


class Gather(Generic[Row]):
    """Rows that come one by one, kept as columns: about a third of the memory of a list of rows,
    and no list at the end.
    """

    def __init__(self, row_type: type[Row]) -> None:
        self._row_type = row_type
        self._rows: list[Row] = []
        self._frames: list[pl.DataFrame] = []

    def add(self, row: Row) -> None:
        """Keep a row."""
        self._rows.append(row)
        if len(self._rows) >= PART:
            self._pack()

    def _pack(self) -> None:
        self._frames.append(table(self._row_type, self._rows).frame)
        self._rows = []

    def table(self, ordered: bool = True) -> Table[Row]:
        """All rows so far, sorted by their key, the first column; in the order in which they came
        where not `ordered`.
        """
        self._pack()
        frame = pl.concat(self._frames)
        return Table(
            self._row_type, frame.sort(next(iter(schema(self._row_type)))) if ordered else frame
        )


def check(tab: Table[Any]) -> None:
    """TableError unless the first column is a unique key without gaps."""
    key = next(iter(schema(tab.row_type)))
    column = tab.pick(key)[key]
    if column.null_count():
        raise TableError(
            f"table of {tab.row_type.__name__}: {column.null_count()} rows have no {key}"
        )
    if column.n_unique() != len(tab):
        twice = column.filter(column.is_duplicated())[0]
        raise TableError(
            f"table of {tab.row_type.__name__}: {key} {twice!r} stands more than once; keys must be"
            " unique"
        )


def write(tab: Table[Any], path: Path) -> None:
    """Check a table and write it as zstd Parquet."""
    check(tab)
    put(tab.frame, path)


def put(frame: pl.DataFrame, path: Path) -> None:
    """A frame as zstd Parquet."""
    frame.write_parquet(path, compression="zstd")


def read(row_type: type[Row], path: Path) -> Table[Row]:
    """A table from a Parquet file, a large one without its rows; StoreError where it is damaged or
    has other columns.

    A file of an older version may lack `LATER` columns: they are filled with their defaults.
    """
    columns = schema(row_type)
    try:
        found = pl.scan_parquet(path, glob=False).collect_schema()
        frame = (
            None
            if path.stat().st_size > LARGE and dict(found) == columns
            else pl.read_parquet(path, glob=False)
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StoreError(f"{path}: {_DAMAGED.format(type(error).__name__)}") from error
    lacking = {name: default for name, default in _later(row_type).items() if name not in found}
    if list(found) != [name for name in columns if name not in lacking]:
        raise StoreError(
            f"{path}: columns {list(found)} are not those of {row_type.__name__} {list(columns)};"
            " delete its step folder and run again"
        )
    if frame is None:
        return Table(row_type, path)
    return Table(
        row_type,
        frame.with_columns(**{name: pl.lit(default) for name, default in lacking.items()})
        .select(list(columns))
        .cast(cast(Any, columns)),
    )
