"""Any dataset of the Hugging Face Hub by its id ('owner/name' or 'owner/name@revision'), or a
folder or file of one, with a column map.

Reads Parquet, JSON Lines, JSON or CSV, all files of one kind; rows go one by one, with the answer
where its column is mapped. Licence: the dataset's card says it; state it beside the source.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from psycopref.sources import tabular
from psycopref.sources.found import Found


def read(path: Path | None, columns: Mapping[str, str]) -> Iterator[Found]:
    """Every row; `columns` maps text, id, topic, split, history, answer to its columns, or to ""
    for none.
    """
    return tabular.read(tabular.files(path, "huggingface"), columns)


def read_parquet(path: Path | None, columns: Mapping[str, str]) -> Iterator[Found]:
    """The same for a Parquet file, or a folder of them."""
    return tabular.read(tabular.files(path, "parquet", (".parquet",)), columns)
