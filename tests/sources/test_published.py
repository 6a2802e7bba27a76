"""The published layout: rows become questions with answers, ratings and pairs; its splits stay."""

from pathlib import Path

import polars as pl
import pytest

from psycopref.errors import SourceError
from psycopref.sources import published

ITEMS = ("empathy", "relevance", "clarity", "safety", "exploration", "autonomy", "staging")


def pair(
    number: int, question: str, chosen: str, rejected: str, high: int = 5, low: int = 2
) -> dict[str, object]:
    ratings = {
        f"{side}_{item}_rating": score
        for side, score in (("chosen", high), ("rejected", low))
        for item in ITEMS
    }
    texts = {"question": question, "chosen": chosen, "rejected": rejected}
    return {
        "ID": number,
        "prefID": number * 10,
        **texts,
        "chosen_model": "m1",
        "rejected_model": "m2",
        **ratings,
    }


def folder(tmp_path: Path, **splits: list[dict[str, object]]) -> Path:
    (tmp_path / "data").mkdir()
    for name, rows in splits.items():
        pl.DataFrame(rows).write_parquet(tmp_path / "data" / f"{name}-00000-of-00001.parquet")
    return tmp_path


def test_rows_become_questions_test_first(tmp_path: Path) -> None:
    place = folder(
        tmp_path,
        train=[pair(1, "q1", "a", "b"), pair(2, "q2", "c", "d"), pair(1, "q1", "a", "e", low=3)],
        test=[pair(3, "q3", "f", "g")],
    )
    found = list(published.read(place, {}))
    assert [(one.text, one.split, one.origin) for one in found] == [
        ("q3", "test", "test:1:3"),
        ("q1", "train", "train:1:1"),
        ("q2", "train", "train:2:2"),
    ]
    assert [answer.text for answer in found[1].answers] == ["a", "b", "e"]
    assert found[1].pairs == ((0, 1), (0, 2))
    assert found[1].answers[2].ratings == tuple((item, 3.0, "") for item in ITEMS)


def test_other_instruments_load_by_their_columns(tmp_path: Path) -> None:
    row = {
        key: value for key, value in pair(1, "q", "a", "b").items() if not key.endswith("_rating")
    }
    row |= {"chosen_warmth_rating": 6, "rejected_warmth_rating": 1}
    (found,) = published.read(folder(tmp_path, train=[row]), {})
    assert found.answers[0].ratings == (("warmth", 6.0, ""),)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rejected_safety_rating": None}, "no column 'rejected_safety_rating'"),
        ({"question": None}, "no column 'question'"),
    ],
)
def test_a_missing_column_is_named(tmp_path: Path, change: dict[str, None], says: str) -> None:
    rows = [{key: value for key, value in pair(1, "q", "a", "b").items() if key not in change}]
    with pytest.raises(SourceError, match=says):
        list(published.read(folder(tmp_path, train=rows), {}))


def test_a_hole_and_text_for_numbers_say_where(tmp_path: Path) -> None:
    place = folder(
        tmp_path, train=[pair(1, "q", "a", "b"), pair(2, "q", "a", "b") | {"chosen": None}]
    )
    with pytest.raises(SourceError, match="row 2 has no 'chosen'"):
        list(published.read(place, {}))
    pl.DataFrame([pair(1, "q", "a", "b") | {"chosen_safety_rating": float("nan")}]).write_parquet(
        place / "data" / "train-00000-of-00001.parquet"
    )
    with pytest.raises(SourceError, match="row 1 has no 'chosen_safety_rating'"):
        list(published.read(place, {}))
    pl.DataFrame([pair(1, "q", "a", "b") | {"chosen_safety_rating": "high"}]).write_parquet(
        place / "data" / "train-00000-of-00001.parquet"
    )
    with pytest.raises(SourceError, match="'chosen_safety_rating' holds String"):
        list(published.read(place, {}))
    (place / "data" / "train-00000-of-00001.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(SourceError, match="not a readable Parquet") as caught:
        list(published.read(place, {}))
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    pl.DataFrame(
        [{**dict.fromkeys(published.COLUMNS, "q"), "I never told anyone this": "x"}]
    ).write_parquet(place / "data" / "train-00000-of-00001.parquet")
    with pytest.raises(SourceError, match="there are 6 columns") as caught:
        list(published.read(place, {}))
    assert "never told" not in str(caught.value)


def test_a_wrong_place_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no data/train"):
        published.files(tmp_path)
    with pytest.raises(SourceError, match="no path"):
        published.files(None)
    with pytest.raises(SourceError, match="no such folder"):
        published.files(tmp_path / "a" / "b")


def test_turns_before_a_question_are_read_and_tell_questions_apart(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    turns = [
        [],
        [{"role": "client", "text": "I came back."}, {"role": "counselor", "text": "How was it?"}],
    ]
    rows = [
        {
            "question": "It was the same.",
            "chosen": f"a{n}",
            "rejected": f"b{n}",
            "chosen_model": "x",
            "rejected_model": "y",
            "chosen_empathy_rating": 4,
            "rejected_empathy_rating": 2,
            "history": history,
        }
        for n, history in enumerate(turns)
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "data" / "train-0.parquet")
    plain, after = published.read(tmp_path, {})
    assert plain.history == () and [(turn.role, turn.text) for turn in after.history] == [
        ("client", "I came back."),
        ("counselor", "How was it?"),
    ]
    bad = pl.DataFrame([{**rows[0], "history": [{"role": "doctor", "text": "No."}]}])
    bad.write_parquet(tmp_path / "data" / "train-0.parquet")
    with pytest.raises(SourceError, match="row 1: the history is not a list"):
        list(published.read(tmp_path, {}))
