"""A preference dataset in the layout of the published PsychoCounsel-Preference:
data/{train,test}-*.parquet.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from psycopref.errors import SourceError
from psycopref.sources import hub
from psycopref.sources.files import column_names, need_column
from psycopref.sources.found import Answer, Found
from psycopref.sources.lines import below, kind_of
from psycopref.tables import Split, Turn

COLUMNS = ("question", "chosen", "rejected", "chosen_model", "rejected_model")
SPLITS: tuple[Split, ...] = ("test", "dev", "train")


def files(path: Path | None) -> Sequence[Path]:
    """The Parquet files of a folder or a Hub dataset ('owner/name' or 'owner/name@revision'), test
    before train.
    """
    if path is None:
        either = "a Hub id such as 'Psychotherapy-LLM/PsychoCounsel-Preference'"
        raise SourceError(
            "source 'published': no path given; set path to a folder with data/train-*.parquet, or"
            f" to {either}"
        )
    folder = path if kind_of(path) == "folder" else hub.fetch(path, "published", ["data/*.parquet"])
    there = below(folder / "data") if kind_of(folder / "data") == "folder" else []
    found = [
        file
        for split in SPLITS
        for file in there
        if file.parent == folder / "data" and file.match(f"{split}-*.parquet")
    ]
    if not any(file.name.startswith("train-") for file in found):
        raise SourceError(
            f"{folder}: no data/train-*.parquet in it; give the folder that holds data/ (as `export"
            " preferences` writes it)"
        )
    return found


def read(path: Path | None, columns: Mapping[str, str]) -> Iterator[Found]:
    """One row per split and question with its answers, their ratings and the pairs; test questions
    come first.

    Both answers of a pair carry a rating per item: the columns `chosen_<item>_rating` and
    `rejected_<item>_rating`.
    """
    for split in SPLITS:
        parts = [_checked(file) for file in files(path) if file.name.startswith(f"{split}-")]
        if parts:
            yield from _questions(split, pl.concat(parts, how="vertical_relaxed"))


def _checked(file: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(file, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(
            f"{file}: not a readable Parquet file ({type(error).__name__}); fetch it again"
        ) from None
    for column in COLUMNS:
        need_column(file, column, frame.columns)
    for column in COLUMNS:
        if frame[column].dtype not in (pl.String, pl.Categorical, pl.Null):
            raise SourceError(f"{file}: column {column!r} holds {frame[column].dtype}, not text")
    for column in (*COLUMNS, *_rating_columns(file, frame)):
        holes = (
            frame[column].is_null()
            if not frame[column].dtype.is_float()
            else ~frame[column].is_finite().fill_null(False)
        )
        if holes.any():
            row = int(holes.arg_true()[0]) + 1
            raise SourceError(f"{file}: row {row} has no {column!r}; every row needs one")
    turns = pl.Series(
        "turns",
        (
            [_turns(file, row, value) for row, value in enumerate(frame["history"], 1)]
            if "history" in frame.columns
            else [""] * frame.height
        ),
    )
    return frame.select(
        "ID" if "ID" in frame.columns else pl.lit("").alias("ID"),
        *COLUMNS,
        *_rating_columns(file, frame),
        turns,
    )


def _turns(file: Path, row: int, value: Any) -> str:
    """The turns before a question as JSON, '' for none."""
    found: list[Any] = [None]
    if value is None:
        found = []
    elif isinstance(value, list | pl.Series):
        found = list(value)
    if not all(
        isinstance(turn, dict)
        and turn.get("role") in ("client", "counselor")
        and isinstance(turn.get("text"), str)
        for turn in found
    ):
        raise SourceError(
            f'{file}: row {row}: the history is not a list of {{"role": "client" or "counselor",'
            ' "text": "..."}'
        )
    return json.dumps([[turn["role"], turn["text"]] for turn in found]) if found else ""


def _rating_columns(file: Path, frame: pl.DataFrame) -> list[str]:
    items = [
        name.removeprefix("chosen_")
        for name in frame.columns
        if name.startswith("chosen_") and name.endswith("_rating")
    ]
    if not items:
        raise SourceError(
            f"{file}: no column chosen_<item>_rating; there are {column_names(frame.columns)}"
        )
    wanted = [f"{side}_{item}" for side in ("chosen", "rejected") for item in items]
    for column in wanted:
        need_column(file, column, frame.columns)
        if not frame[column].dtype.is_numeric():
            raise SourceError(f"{file}: column {column!r} holds {frame[column].dtype}, not numbers")
    return wanted


def _questions(split: Split, frame: pl.DataFrame) -> Iterator[Found]:
    numbered = frame.with_columns(pl.int_range(1, pl.len() + 1).alias("row"))
    for (question, turns), rows in numbered.group_by("question", "turns", maintain_order=True):
        history = tuple(Turn(role, text) for role, text in json.loads(str(turns))) if turns else ()
        yield _question(split, str(question), history, rows.to_dicts())


def _question(
    split: Split, question: str, history: tuple[Turn, ...], rows: list[dict[str, Any]]
) -> Found:
    answers: dict[tuple[str, str], int] = {}
    kept: list[Answer] = []
    pairs: list[tuple[int, int]] = []
    for row in rows:
        both = []
        for side in ("chosen", "rejected"):
            key = (row[f"{side}_model"], row[side])
            if key not in answers:
                answers[key] = len(kept)
                kept.append(Answer(*key, _ratings(side, row)))
            both.append(answers[key])
        pairs.append((both[0], both[1]))
    first = rows[0]
    return Found(
        f"{split}:{first['row']}:{first['ID']}",
        question,
        "",
        split,
        history,
        tuple(kept),
        tuple(dict.fromkeys(pairs)),
        place=f"{split}:{first['row']}",
    )


def _ratings(side: str, row: dict[str, Any]) -> tuple[tuple[str, float, str], ...]:
    start, end = f"{side}_", "_rating"
    return tuple(
        (name[len(start) : -len(end)], float(value), "")
        for name, value in row.items()
        if name.startswith(start) and name.endswith(end)
    )
