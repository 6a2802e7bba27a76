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
    """The polars schema of a row type: str, int, float, bool, Literal, X | None, tuple[X, ...], nested rows."""
    hints = typing.get_type_hints(row_type)
    return {field.name: _dtype(hints[field.name]) for field in dataclasses.fields(row_type)}


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
    """Rows of one type over a polars frame: `frame` for columnar work, iteration and indexing for rows."""

    def __init__(self, row_type: type[Row], frame: pl.DataFrame) -> None:
        self.row_type = row_type
        self.frame = frame
        self._digest = ""

    def __len__(self) -> int:
        return self.frame.height

    def __iter__(self) -> Iterator[Row]:
        nested = any(typing.get_origin(h) is tuple for h in typing.get_type_hints(self.row_type).values())
        for values in self.frame.iter_rows(named=True):
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
        """The sha256 of the rows as JSON lines: the same rows in the same order, whatever the Parquet bytes."""
        if not self._digest:
            sha = hashlib.sha256(self.row_type.__name__.encode())
            for part in self.frame.iter_slices(50_000):
                sha.update(part.write_ndjson().encode())
            self._digest = sha.hexdigest()
        return self._digest


def _types(row_type: type, rows: Sequence[Any]) -> None:
    """TypeError at the first plain value of another type than its column (polars would turn a number into text)."""
    plainly = {name: hint for name, hint in typing.get_type_hints(row_type).items() if hint in (str, int, bool)}
    for number, row in enumerate(rows):
        for name, hint in plainly.items():
            if type(getattr(row, name)) is not hint:
                raise TypeError(f"row {number}: {name} is a {type(getattr(row, name)).__name__}, not a {hint.__name__}")


def table(row_type: type[Row], rows: Sequence[Row]) -> Table[Row]:
    """A table of rows; TableError names the first value that does not fit its column."""
    if isinstance(rows, Table):
        return cast("Table[Row]", rows)
    columns = schema(row_type)
    try:
        _types(row_type, rows)
        frame = pl.DataFrame([plain(row) for row in rows], schema=columns, strict=True)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise TableError(f"table of {row_type.__name__}: {error if isinstance(error, TypeError) else 'a value does not fit its column'}") from None
    return Table(row_type, frame)


def check(tab: Table[Any]) -> None:
    """TableError unless the first column is a unique key without gaps."""
    key = tab.frame.columns[0]
    column = tab.frame[key]
    if column.null_count():
        raise TableError(f"table of {tab.row_type.__name__}: {column.null_count()} rows have no {key}")
    if column.n_unique() != len(tab):
        twice = tab.frame.filter(pl.col(key).is_duplicated())[key][0]
        raise TableError(f"table of {tab.row_type.__name__}: {key} {twice!r} stands more than once; keys must be unique")


def write(tab: Table[Any], path: Path) -> None:
    """Check a table and write it as zstd Parquet."""
    check(tab)
    tab.frame.write_parquet(path, compression="zstd")


def read(row_type: type[Row], path: Path) -> Table[Row]:
    """A table from a Parquet file; StoreError where it is damaged or has other columns."""
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StoreError(f"{path}: not a readable Parquet file ({type(error).__name__}); delete its step folder and run again to remake it") from error
    columns: Any = schema(row_type)
    if frame.columns != list(columns):
        raise StoreError(f"{path}: columns {frame.columns} are not those of {row_type.__name__} {list(columns)}; delete its step folder and run again")
    return Table(row_type, frame.cast(columns))
