"""The sample that ships with the package: 222 speeches written for this project over all 42 topics;
no real person speaks.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from psycopref.config.toml_files import DATA
from psycopref.sources.files import jsonl_rows
from psycopref.sources.found import Found

FOLDER = DATA / "sample"
LICENCE = "Apache-2.0"  # the project's own


def read(path: Path | None, columns: Mapping[str, str]) -> Iterator[Found]:
    """The sample's speeches with their topics, in file order. Its responses and ratings are
    replayed through recorded models.
    """
    for _, row in jsonl_rows(FOLDER / "speeches.jsonl"):
        yield Found(row["id"], row["text"], row["fine_topic"])


def read_responses() -> list[dict[str, Any]]:
    """The sample's 888 responses: dicts with id, speech_id (the sample's own), model (a style),
    text.
    """
    return [row for _, row in jsonl_rows(FOLDER / "responses.jsonl")]


def read_ratings() -> list[dict[str, Any]]:
    """The sample's 6,216 ratings: dicts with response_id, item, score (1 to 5), rationale."""
    return [row for _, row in jsonl_rows(FOLDER / "ratings.jsonl")]
