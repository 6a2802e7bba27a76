"""Sources with rows that nobody meant: each is refused with its place and quotes nothing, or read
as what it is.
"""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from psycopref.errors import SourceError
from psycopref.lab import Lab
from psycopref.sources import SOURCES, counsel_chat, preferences
from psycopref.sources.licences import of_card
from psycopref.sources.setting import SourceSetting
from psycopref.stages.collect import Collect, Collected

SECRET = "My husband John Smith hit me, call 313-555-0188"
ASK = {"prompt": f"{SECRET} and I cannot sleep"}
PAIR = {**ASK, "chosen": "a b c", "rejected": "d e f"}
STRENGTH = {**ASK, "response_1": "a b c", "response_2": "d e f"}


def jsonl(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def collected(lab: Lab, name: str, path: Path, **columns: str) -> Collected:
    return lab.do(
        Collect(sources=(SourceSetting(name=name, label="set", path=path, columns=columns),))
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, 10**400, "2", None])
def test_numbers_of_preferences_are_finite_numbers(tmp_path: Path, value: Any) -> None:
    for rows in (
        [{**STRENGTH, "preference_strength": value}],
        [{**ASK, "response": "a", "helpfulness": value}],
    ):
        with pytest.raises(
            SourceError,
            match="line 1: '(preference_strength|helpfulness)' is missing or no finite number",
        ) as caught:
            list(preferences.read(jsonl(tmp_path / "a.jsonl", *rows), {}))
        assert SECRET not in str(caught.value)
    if value is not None:  # a pair may come without scores
        with pytest.raises(SourceError, match="'score_chosen'"):
            list(
                preferences.read(
                    jsonl(
                        tmp_path / "a.jsonl", {**PAIR, "score_chosen": value, "score_rejected": 1}
                    ),
                    {},
                )
            )


def test_rows_of_preferences_without_a_column_are_dropped(lab: Lab, tmp_path: Path) -> None:
    good = {**STRENGTH, "preference_strength": 1}
    out = collected(lab, "preferences", jsonl(tmp_path / "a.jsonl", {}, good, ASK))
    assert [(row.origin, row.reason) for row in out.dropped] == [
        ("set:a.jsonl line 1", "no pair"),
        ("set:a.jsonl line 3", "no preference_strength"),
    ]
    assert len(out.preferences) == 1
    rated = {"response": "d e f", "helpfulness": 2}
    better = {"response": "a b c", "helpfulness": 3}
    rows = [{**ASK, **rated}, rated, {**ASK, **better}]
    out = collected(lab, "preferences", jsonl(tmp_path / "a.jsonl", *rows))
    assert [row.reason for row in out.dropped] == ["no prompt"] and len(out.preferences) == 1


def test_json_in_json_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"prompt": ' + "[" * 200_000, encoding="utf-8")
    with pytest.raises(SourceError, match="line 1: not JSON"):
        list(preferences.read(tmp_path / "a.jsonl", {}))


def test_half_a_surrogate_pair_is_stored_as_a_question_mark(lab: Lab, tmp_path: Path) -> None:
    out = collected(
        lab,
        "preferences",
        jsonl(tmp_path / "a.jsonl", {**PAIR, "subset": "\udc80 x", "chosen_model": "m\udc80"}),
    )
    assert out.speeches[0].topic == "? x" and sorted(one.model for one in out.responses) == [
        "m?",
        "unknown",
    ]
    with pytest.raises(SourceError, match="'chosen_model' is a int"):
        list(preferences.read(jsonl(tmp_path / "b.jsonl", {**PAIR, "chosen_model": 7}), {}))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"chosen": 7}, "column 'chosen' holds Int64"),
        ({"chosen": ["a"]}, "column 'chosen' holds List"),
        ({"chosen_model": 7}, "column 'chosen_model' holds Int64"),
        ({"history": 3}, "row 1: the history is not a list"),
    ],
)
def test_a_published_column_of_another_kind(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    row = {
        "question": SECRET,
        "chosen": "a",
        "rejected": "b",
        "chosen_model": "m",
        "rejected_model": "n",
        "chosen_x_rating": 2,
        "rejected_x_rating": 1,
    }
    (tmp_path / "data").mkdir()
    pl.DataFrame([{**row, **change}]).write_parquet(tmp_path / "data" / "train-0.parquet")
    with pytest.raises(SourceError, match=says) as caught:
        list(SOURCES["published"].read(tmp_path, {}))
    assert SECRET not in str(caught.value)


def test_counsel_chat_rows_without_a_column_or_with_an_object(tmp_path: Path) -> None:
    row = dict.fromkeys(counsel_chat.COLUMNS, "x") | {"upvotes": 1}
    with pytest.raises(SourceError, match="row 2 has no 'topic'"):
        list(
            counsel_chat.read(
                jsonl(
                    tmp_path / "a.jsonl",
                    row,
                    {key: value for key, value in row.items() if key != "topic"},
                ),
                {},
            )
        )
    with pytest.raises(SourceError, match="row 1: 'questionText' is a dict") as caught:
        list(
            counsel_chat.read(
                jsonl(tmp_path / "b.jsonl", {**row, "questionText": {"said": SECRET}}), {}
            )
        )
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["parquet", "preferences"])
def test_brackets_in_a_name_are_no_pattern(tmp_path: Path, name: str) -> None:
    pl.DataFrame([{**PAIR, "text": "here"}]).write_parquet(tmp_path / "intake[1].parquet")
    assert len(list(SOURCES[name].read(tmp_path / "intake[1].parquet", {}))) == 1


def test_a_medical_history_is_no_turn_of_a_talk(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        'text,history\nI cannot sleep,"asthma, two operations"\n', encoding="utf-8"
    )
    for name in ("csv", "huggingface"):
        (found,) = SOURCES[name].read(tmp_path / "a.csv", {})
        assert found.text == "I cannot sleep" and found.history == ()
    with pytest.raises(SourceError, match="the history is not a list"):
        list(SOURCES["csv"].read(tmp_path / "a.csv", {"history": "history"}))


@pytest.mark.parametrize("head", ["\n", "\r\n\r\n", " \n;;\n", "\ufeff\n"])
def test_empty_lines_before_the_header_of_a_csv(tmp_path: Path, head: str) -> None:
    (tmp_path / "a.csv").write_text(
        f"{head}text;topic\nI am alone;Sleep\n", encoding="utf-8", newline=""
    )
    (found,) = SOURCES["csv"].read(tmp_path / "a.csv", {})
    assert (found.text, found.topic, found.place) == ("I am alone", "Sleep", "row 1")
    (tmp_path / "a.csv").write_text("\n\n", encoding="utf-8")
    with pytest.raises(SourceError, match="no rows below the header"):
        list(SOURCES["csv"].read(tmp_path / "a.csv", {}))


def test_a_topic_is_masked_and_ids_stay_out(lab: Lab, tmp_path: Path) -> None:
    """`topic` may be a column of what clients said, and an id a person's name."""
    rows = [
        {"text": "I cannot sleep.", "topic": SECRET, "id": "jane.doe@gmail.com"},
        {"text": "I cannot sleep!", "id": "Tyler Johnson"},
    ]
    out = collected(
        lab, "jsonl", jsonl(tmp_path / "a.jsonl", *rows, {"text": "", "id": "John Smith"})
    )
    assert [one.topic for one in out.speeches] == ["My husband <NAME> hit me, call <PHONE>"]
    assert [one.origin for one in out.dropped] == ["set:row 2", "set:row 3"]
    everything = "".join(
        str(pl.read_parquet(file).to_dicts()) for file in lab.work.rglob("*.parquet")
    )
    assert "<PHONE>" in everything and not any(
        word in everything for word in ("John", "Tyler", "jane", "0188")
    )


def test_a_topic_that_is_too_long_to_be_one_is_refused_before_anything_is_written(
    lab: Lab, tmp_path: Path
) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"text": "I cannot sleep.", "topic": SECRET * 3})
    with pytest.raises(SourceError, match="row 1: its topic has 141 characters") as caught:
        collected(lab, "jsonl", path)
    assert "John" not in str(caught.value) and not list(lab.work.rglob("*.parquet"))


def test_a_group_of_blanks_is_none(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "a.jsonl",
        {"text": "one", "client": " "},
        {"text": "two", "client": "a "},
        {"text": "three", "client": "a"},
    )
    assert [one.group for one in SOURCES["jsonl"].read(path, {"group": "client"})] == ["", "a", "a"]


@pytest.mark.parametrize("name", ["huggingface", "preferences"])
def test_new_names_of_files_that_state_splits_are_a_new_step(
    lab: Lab, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for file, text in (("part1", "one thing"), ("part2", "another")):
        pl.DataFrame(
            [{"prompt": text, "text": text, "chosen": "a", "rejected": "b"}]
        ).write_parquet(folder / f"{file}.parquet")
    assert {one.split for one in collected(lab, name, folder).speeches} == {""}
    (folder / "part1.parquet").rename(folder / "test-a.parquet")
    (folder / "part2.parquet").rename(folder / "train-b.parquet")
    assert {(one.text, one.split) for one in collected(lab, name, folder).speeches} == {
        ("one thing", "test"),
        ("another", "train"),
    }
    (tmp_path / "again").mkdir()
    for file in folder.glob("*.parquet"):  # type: ignore[assignment]
        file.rename(tmp_path / "again" / file.name)  # type: ignore[attr-defined]
    collected(lab, name, tmp_path / "again")
    assert [entry["found"] for entry in lab.taken] == [False, False, True]


def test_a_card_that_may_not_be_read_is_told_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")

    def refused(self: Path, **how: str) -> str:
        raise PermissionError(13, "Permission denied")

    assert of_card(tmp_path) == "mit"
    monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(SourceError, match=r"README.md: may not be read"):
        SourceSetting(name="huggingface", path=tmp_path)
