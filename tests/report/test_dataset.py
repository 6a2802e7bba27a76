"""What a dataset is made of: Table 4, lengths, sources that add up, overlap counted by hand."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from helpers.small_world import LISTED, small_world

from psycopref.lab import Lab
from psycopref.labels.topic_list import load_topics
from psycopref.report import frames
from psycopref.report.data import ReportData
from psycopref.report.page import render
from psycopref.report.sections import dataset
from psycopref.stages.collect import Collect, SourceSetting
from psycopref.stages.dedup import Dedup
from psycopref.store import parquet
from psycopref.tables import Dropped, Speech, content_id

W = small_world()
A = [
    "I cannot sleep since my father left us in spring, and nobody at home talks about it.",
    "My boss shouts at me every single day and I am afraid of going in.",
]
B = [
    "My boss shouts at me every single day, and I am afraid of going in!",
    "I moved here for a job and know nobody at all in this town.",
]
NEAR = A[0].replace("talks about it", "talks about it much")


def write(path: Path, texts: list[str]) -> Path:
    pl.DataFrame({"id": [str(at) for at in range(len(texts))], "text": texts}).write_csv(path)
    return path


def built(lab: Lab, folder: Path) -> ReportData:
    """Two sources: `b` repeats a text of `a` exactly, one nearly, and one of its own."""
    paths = {"a": write(folder / "a.csv", A), "b": write(folder / "b.csv", [*B, NEAR, B[1]])}
    settings = tuple(
        SourceSetting(name="csv", label=label, path=path) for label, path in paths.items()
    )
    found = lab.do(Collect(sources=settings))
    unique = lab.do(Dedup(threshold=0.7), found.speeches)
    return ReportData(
        title="",
        read=found.speeches,
        speeches=unique.speeches,
        dropped=frames.Chained(found.dropped, unique.dropped),
        sources=list(paths),
    )


def test_overlap_is_what_one_counts_by_hand(lab: Lab, tmp_path: Path) -> None:
    data = built(lab, tmp_path)
    found = dataset.overlap(data, dataset.sources(data))
    assert found["names"] == ["a", "b"] and found["read"] == [2, 4]
    assert found["exact"] == [
        [0, 1],
        [1, 2],
    ], "one text of each is in the other; b holds one text twice"
    assert found["near"] == [[0, 2], [2, 2]]


def test_sources_add_up(lab: Lab, tmp_path: Path) -> None:
    rows = {row["name"]: row for row in dataset.sources(built(lab, tmp_path))}
    assert rows["a"] == {"name": "a", "read": 2, "kept": 2, "left": {}}
    assert rows["b"] == {
        "name": "b",
        "read": 4,
        "kept": 1,
        "left": {"duplicate": 2, "near duplicate": 1},
    }


def test_the_page_shows_the_overlap_and_the_twin_too(lab: Lab, tmp_path: Path) -> None:
    page = render(built(lab, tmp_path))
    assert "Exact and near repeats" in page and "near duplicate 1" in page


def test_a_kept_speech_that_was_left_out_later_leads_on() -> None:
    speeches = [Speech(f"s{n}", f"source-{n}", f"text {n}") for n in range(3)]
    dropped = [
        Dropped("d0", "s0", "", "near duplicate", "s1"),
        Dropped("d1", "s1", "", "near duplicate", "s2"),
    ]
    data = ReportData(title="", read=speeches, speeches=speeches[2:], dropped=dropped)
    found = dataset.overlap(data, dataset.sources(data))
    assert found["near"] == [[0, 1, 1], [1, 0, 1], [1, 1, 0]] and found["exact"] == [[0] * 3] * 3


def test_a_label_with_a_colon_is_found_in_the_origin() -> None:
    dropped = [
        Dropped("d0", "s9", "site: a:row 3", "empty"),
        Dropped("d1", "s8", "elsewhere:row 1", "empty"),
    ]
    rows = {
        row["name"]: row
        for row in dataset.sources(
            ReportData(
                title="", speeches=W.speeches, dropped=dropped, sources=["site: a", "made-up"]
            )
        )
    }
    assert rows["site: a"]["left"] == rows["elsewhere"]["left"] == {"empty": 1} and rows["made-up"][
        "kept"
    ] == len(W.speeches)


def topics(speeches: list[Speech], listed: dict[str, list[str]]) -> dict[str, Any]:
    return dataset.topic_table(frames.topic_counts(speeches, listed), listed, len(speeches))


def test_table_four_lists_every_topic_even_those_without_a_speech() -> None:
    found = topics(W.speeches[:3], LISTED)
    assert [row["name"] for row in found["rows"]] == [group.name for group in load_topics().coarse]
    assert sum(len(row["fine"]) for row in found["rows"]) == 42 and found["labelled"] == 3
    assert sum(row["count"] for row in found["rows"]) == 3 and found["rows"][-1]["fine"][-1] == (
        "Others",
        0,
    )


def test_another_list_and_topics_of_no_list() -> None:
    speeches = [
        Speech(content_id("speech", str(n)), "x", "text", topic=topic)
        for n, topic in enumerate(["Rent", "Rent", "Odd", ""])
    ]
    found = topics(speeches, {"Money": ["Rent", "Debt"]})
    assert found["rows"] == [
        {"name": "Money", "count": 2, "fine": [("Rent", 2), ("Debt", 0)]},
        {"name": "Odd", "count": 1, "fine": [("Odd", 1)]},
    ]
    assert found["bare"] == 1 and topics(speeches[3:], {})["rows"] == []


def test_lengths_are_those_of_the_texts() -> None:
    (row,) = dataset.lengths(W.speeches, "source")
    sizes = sorted(len(one.text) for one in W.speeches)
    assert (row["n"], row["least"], row["most"]) == (len(sizes), sizes[0], sizes[-1]) and row[
        "characters_mean"
    ] == pytest.approx(sum(sizes) / len(sizes))
    assert (
        dataset.lengths(W.responses, "model")[-1]["name"] == "all"
        and dataset.lengths([], "model") == []
    )
    assert sum(count for _, _, count in dataset.histogram(W.speeches)) == len(W.speeches)


def test_one_very_long_text_does_not_flatten_the_histogram() -> None:
    long = Speech("speech-long", "x", "word " * 20_000)
    many = [Speech(f"speech-{n}", "x", "y" * (n % 300)) for n in range(2000)]
    bins = dataset.histogram([*many, long])
    assert bins[-1][1] < 1000 and sum(count for _, _, count in bins) == 2001


def test_tables_on_disk_are_never_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "LARGE", 0)
    opened = {}
    for name, row_type, rows in (
        ("speeches", Speech, W.speeches),
        ("responses", type(W.responses[0]), W.responses),
        ("ratings", type(W.ratings[0]), W.ratings),
    ):
        parquet.write(
            parquet.table(
                row_type, sorted(rows, key=lambda row: getattr(row, next(iter(row_type.__slots__))))
            ),
            tmp_path / f"{name}.parquet",
        )
        opened[name] = parquet.read(row_type, tmp_path / f"{name}.parquet")
    page = render(
        ReportData(title="", read=opened["speeches"], **opened, preferences=W.preferences)
    )
    assert "Lengths of responses by model" in page and page.count('<article class="case">') == 3
    assert all(table._held is None for table in opened.values())
