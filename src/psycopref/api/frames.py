"""Rows as data frames, in polars or in pandas."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from psycopref.errors import TableError
from psycopref.store import parquet

if TYPE_CHECKING:
    import pandas as pd


def to_polars(rows: Sequence[Any] | pl.DataFrame) -> pl.DataFrame:
    """Rows of one type (a table of a step, or a list of `Speech`, `Rating`, ...) as a polars frame,
    one column a field. TableError where they are no rows, or none is there to tell their type by.
    """
    if isinstance(rows, pl.DataFrame):
        return rows
    if isinstance(rows, parquet.Table):
        return rows.frame
    kind = type(rows[0]) if len(rows) else None
    if kind is None or not dataclasses.is_dataclass(kind):
        found = "an empty list" if kind is None else f"a list of {kind.__name__}"
        raise TableError(
            f"to_polars: {found} is no table; give a table of a step, a polars frame, or rows such"
            " as Speech"
        )
    return parquet.table(cast(type, kind), rows).frame


def to_pandas(rows: Sequence[Any] | pl.DataFrame) -> "pd.DataFrame":
    """The same as a pandas frame; TableError where pandas is not installed."""
    try:
        import pandas as pd
    except ImportError:
        raise TableError(
            "to_pandas: pandas is not installed here; `pip install pandas`, or use the polars"
            " frame that to_polars gives"
        ) from None
    return pd.DataFrame(to_polars(rows).to_dict(as_series=False))
