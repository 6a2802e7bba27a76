"""CounselChat (Bertagnolli 2020, MIT): questions of clients to licensed therapists, with upvoted
answers.

`path` is its file (CSV, JSON, JSON Lines or Parquet), a folder with that file in it, or the Hub id
of a copy ('owner/name'); without it the pinned CSV is fetched from GitHub. The files must hold the
columns of `COLUMNS`. Columns that name people (therapistInfo, therapistURL, questionLink) are
dropped as a row is read.
"""

import csv
import hashlib
import io
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from psycopref.errors import SourceError
from psycopref.sources import tabular
from psycopref.sources.files import existing, need_column
from psycopref.sources.found import Answer, Found
from psycopref.sources.lines import kind_of
from psycopref.sources.preference_row import storable

ADDRESS = (
    "https://raw.githubusercontent.com/nbertagnolli/counsel-chat"
    "/e202e19c5002482f4f6631af754c276dd9adf7f2/data/20200325_counsel_chat.csv"
)
SHA256 = "c36fbce1c12271a17f3f355f6aaeb0b04987b217b53b600c5677985f15c9f1a8"
LICENCE = "MIT"
COLUMNS = ("questionID", "questionTitle", "questionText", "topic", "answerText", "upvotes")
TOPICS = {
    "addiction": "Addiction",
    "anger-management": "Anger-management",
    "anxiety": "Anxiety",
    "behavioral-change": "Behavioral-change",
    "children-adolescents": "Children-adolescents",
    "counseling-fundamentals": "Counseling-fundamentals",
    "depression": "Depression",
    "diagnosis": "Diagnosis",
    "domestic-violence": "Domestic-violence",
    "eating-disorders": "Eating-disorders",
    "family-conflict": "Family-conflict",
    "grief-and-loss": "Grief-and-loss",
    "human-sexuality": "Human-sexuality",
    "intimacy": "Intimacy",
    "legal-regulatory": "Legal-regulatory",
    "lgbtq": "LGBTQ",
    "marriage": "Marriage",
    "military-issues": "Military-issues",
    "parenting": "Parenting",
    "professional-ethics": "Professional-ethics",
    "relationship-dissolution": "Relationship-dissolution",
    "relationships": "Relationships",
    "self-esteem": "Self-esteem",
    "self-harm": "Self-harm",
    "sleep-improvement": "Sleep-improvement",
    "social-relationships": "Social-relationships",
    "spirituality": "Spirituality",
    "stress": "Stress",
    "substance-abuse": "Substance-abuse",
    "trauma": "Trauma",
    "workplace-relationships": "Workplace-relationships",
}
Row = tuple[str, ...]


def files(path: Path | None) -> Sequence[Path]:
    """Its files at a path; none where it is fetched."""
    if path is None:
        return []
    return (
        [existing(path, "counsel-chat")]
        if kind_of(path) == "file"
        else tabular.files(path, "counsel-chat")
    )


def read(path: Path | None, columns: Mapping[str, str]) -> Iterator[Found]:
    """One row per question with its best-upvoted answer (the first of equals) as model 'therapist'.

    The file numbers some questions twice, so a question is its id, title, body and topic together;
    the second one under an id has the origin `<id>/2`. A question listed under two topics comes
    twice: the stage drops it as a duplicate.
    """
    questions: dict[Row, list[tuple[int, str]]] = {}
    for file, row, (number, title, body, topic, answer, upvotes) in _rows(path):
        questions.setdefault((number, title, body, topic), []).append(
            (_count(file, row, upvotes), answer)
        )
    times: dict[str, int] = {}
    for (number, title, body, topic), answers in questions.items():
        times[number] = times.get(number, 0) + 1
        origin = number if times[number] == 1 else f"{number}/{times[number]}"
        best = max(answers, key=lambda pair: pair[0])[1]
        yield Found(
            origin,
            together(title, body),
            TOPICS.get(topic, ""),
            answers=(Answer("therapist", best),) if best.strip() else (),
        )


def together(title: str, body: str) -> str:
    """The body, with the title before it unless the body says it already."""
    plain_title, plain_body = (
        re.sub(r"\W+", " ", part).strip().casefold() for part in (title, body)
    )
    return body if plain_title in plain_body else f"{title.strip()}\n{body}".strip()


def _rows(path: Path | None) -> Iterator[tuple[Path, int, Row]]:
    parts: list[tuple[Path, Iterator[tuple[int, dict[str, Any]]]]] = [
        (file, tabular.rows(file)) for file in files(path)
    ]
    if path is None:
        parts = [(Path("counsel-chat"), enumerate(csv.DictReader(io.StringIO(_download())), 1))]
    for file, rows in parts:
        for number, row in rows:
            if number == 1:
                for column in COLUMNS:
                    need_column(file, column, list(row))
            yield file, number, tuple(_cell(file, number, row, column) for column in COLUMNS)


def _cell(file: Path, number: int, row: Mapping[str, Any], column: str) -> str:
    value = row.get(column, ...)
    if value is ...:
        raise SourceError(f"{file}: row {number} has no {column!r}; every row needs one")
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise SourceError(f"{file}: row {number}: {column!r} is a {type(value).__name__}, not text")
    return "" if value is None else storable(str(value))


def _count(path: Path, row: int, upvotes: str) -> int:
    try:
        return int(upvotes or 0)
    except ValueError:
        raise SourceError(f"{path}: row {row}: 'upvotes' is not a whole number") from None


def _download() -> str:
    """The pinned public file, held in memory only: unmasked text is not written to disk."""
    try:
        with urllib.request.urlopen(ADDRESS, timeout=60) as reply:  # a fixed https address
            raw: bytes = reply.read()
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        why = getattr(error, "reason", error)
        raise SourceError(
            f"counsel-chat: {ADDRESS} could not be fetched ({why}); fetch it with a browser and set"
            " path to the file"
        ) from error
    if hashlib.sha256(raw).hexdigest() != SHA256:
        raise SourceError(
            f"counsel-chat: what {ADDRESS} gave is not the known file (sha256 differs); fetch it"
            " yourself, look at it, and set path to the file"
        )
    return raw.decode("utf-8")
