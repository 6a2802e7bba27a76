"""CounselChat: one row per question, the best answer, no names of people."""

import csv
import io
import urllib.error
import urllib.request
from pathlib import Path

import polars as pl
import pytest

from psycopref.errors import SourceError
from psycopref.labels.topic_list import load_topics
from psycopref.sources import counsel_chat, hub

HEADER = [
    "",
    "questionID",
    "questionTitle",
    "questionText",
    "questionLink",
    "topic",
    "therapistInfo",
    "therapistURL",
    "answerText",
    "upvotes",
    "views",
    "split",
]


def row(number: str, title: str, body: str, topic: str, answer: str, upvotes: str) -> list[str]:
    return [
        "0",
        number,
        title,
        body,
        "https://x/jane",
        topic,
        "Jane Roe, LPC",
        "https://x/jane",
        answer,
        upvotes,
        "1",
        "train",
    ]


def write(path: Path, rows: list[list[str]], header: list[str] = HEADER) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_best_answer_title_and_reused_numbers(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        [
            row("5", "Why am I sad?", "It started in May.", "depression", "first", "1"),
            row("5", "Why am I sad?", "It started in May.", "depression", "best", "3"),
            row("5", "Why am I sad?", "It started in May.", "depression", "equal", "3"),
            row("6", "Am I mad", "Tell me: am I mad?!", "anxiety", "yes", "0"),
            row("5", "Another", "", "no-such-topic", "", "0"),
        ],
    )
    found = list(counsel_chat.read(path, {}))
    assert [(one.origin, one.text, one.topic) for one in found] == [
        ("5", "Why am I sad?\nIt started in May.", "Depression"),
        ("6", "Tell me: am I mad?!", "Anxiety"),
        ("5/2", "Another", ""),
    ]
    assert [[(answer.model, answer.text) for answer in one.answers] for one in found] == [
        [("therapist", "best")],
        [("therapist", "yes")],
        [],
    ]
    assert "Jane" not in repr(found) and "https" not in repr(found)


def test_every_topic_is_one_of_the_list() -> None:
    assert set(counsel_chat.TOPICS.values()) <= set(load_topics().fine_names())
    assert len(counsel_chat.TOPICS) == 31


@pytest.mark.parametrize("lost", counsel_chat.COLUMNS)
def test_a_missing_column_is_named(tmp_path: Path, lost: str) -> None:
    path = write(
        tmp_path / "a.csv", [["x"] * 12], [name + "s" if name == lost else name for name in HEADER]
    )
    with pytest.raises(SourceError, match=f"no column '{lost}'; did you mean '{lost}s'"):
        list(counsel_chat.read(path, {}))


def test_upvotes_that_are_no_number(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="row 1: 'upvotes'"):
        list(
            counsel_chat.read(
                write(tmp_path / "a.csv", [row("1", "t", "b", "anxiety", "a", "many")]), {}
            )
        )


def test_without_a_path_it_is_fetched_or_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(address: str, timeout: float) -> io.BytesIO:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(SourceError, match="no network.*set path"):
        list(counsel_chat.read(None, {}))
    monkeypatch.setattr(
        urllib.request, "urlopen", lambda address, timeout: io.BytesIO(b"something else")
    )
    with pytest.raises(SourceError, match="sha256"):
        list(counsel_chat.read(None, {}))


@pytest.mark.real
def test_the_real_file_as_path_and_as_download(
    real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = real_data / "counsel-chat" / "20200325_counsel_chat.csv"
    found = list(counsel_chat.read(path, {}))
    assert len(found) == 833
    assert all(one.topic and len(one.answers) == 1 for one in found)
    monkeypatch.setattr(
        urllib.request, "urlopen", lambda address, timeout: io.BytesIO(path.read_bytes())
    )
    assert list(counsel_chat.read(None, {})) == found


def test_a_folder_and_a_copy_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        row("5", "Why am I sad?", "It started in May.", "depression", "first", "1"),
        row("6", "Am I mad", "", "anxiety", "yes", ""),
    ]
    write(tmp_path / "counsel_chat.csv", rows)
    (tmp_path / "README.md").write_text("# about", encoding="utf-8")
    found = list(counsel_chat.read(tmp_path, {}))
    assert [one.origin for one in found] == ["5", "6"] and counsel_chat.files(tmp_path) == [
        tmp_path / "counsel_chat.csv"
    ]
    frame = pl.read_csv(tmp_path / "counsel_chat.csv")
    (tmp_path / "copy").mkdir()
    frame.write_parquet(tmp_path / "copy" / "train-0.parquet")
    assert list(counsel_chat.read(tmp_path / "copy", {})) == found
    monkeypatch.setattr(hub, "fetch", lambda path, what, patterns: tmp_path / "copy")
    assert list(counsel_chat.read(Path("someone/counsel-chat"), {})) == found
