"""The paper's corpora and the generic table readers, on made-up rows in their layouts: client turns
are speeches, replies are answers.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from psycopref.errors import SourceError
from psycopref.lab import Lab
from psycopref.sources import SOURCES, huggingface, tabular
from psycopref.sources.found import Found
from psycopref.stages.collect import Collect, SourceSetting

SECRET = "I never told anyone"
Row = Mapping[str, Any]


def as_csv(path: Path, rows: Sequence[Row]) -> None:
    pl.DataFrame(rows).write_csv(path)


def as_json(path: Path, rows: Sequence[Row]) -> None:
    path.write_text(json.dumps(list(rows), indent=1), encoding="utf-8")


def as_lines(path: Path, rows: Sequence[Row]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def as_parquet(path: Path, rows: Sequence[Row]) -> None:
    pl.DataFrame(rows).write_parquet(path)


WRITERS: dict[str, Callable[[Path, Sequence[Row]], None]] = {
    "a.csv": as_csv,
    "a.json": as_json,
    "a.jsonl": as_lines,
    "a.parquet": as_parquet,
}
ALPACA = [
    {
        "instruction": "You are a counselor.",
        "input": "I cannot sleep.",
        "output": "What keeps you awake?",
    },
    {"instruction": "You are a counselor.", "input": "I am alone.", "output": ""},
]
LAYOUTS: dict[str, tuple[list[Row], str]] = {
    "psych8k": (ALPACA, "psych8k"),
    "mentalchat16k": (ALPACA, "mentalchat16k"),
    "amod": (
        [
            {"Context": "I cannot sleep.", "Response": "What keeps you awake?"},
            {"Context": "I am alone.", "Response": None},
        ],
        "therapist",
    ),
}


def read(name: str, path: Path | None, **columns: str) -> list[Found]:
    return list(SOURCES[name].read(path, columns))


def said(found: Found) -> tuple[str, list[tuple[str, str]]]:
    return found.text, [(answer.model, answer.text) for answer in found.answers]


@pytest.mark.parametrize("file", WRITERS)
@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_in_each_kind_of_file_and_as_a_folder(
    tmp_path: Path, name: str, file: str
) -> None:
    rows, by = LAYOUTS[name]
    WRITERS[file](tmp_path / file, rows)
    found = read(name, tmp_path / file)
    assert [said(one) for one in found] == [
        ("I cannot sleep.", [(by, "What keeps you awake?")]),
        ("I am alone.", []),
    ]
    assert [one.origin for one in found] == ["row 1", "row 2"] and read(name, tmp_path) == found
    assert SOURCES[name].files(tmp_path) == [tmp_path / file]


def test_therapistqa_reads_the_question_and_no_label(tmp_path: Path) -> None:
    labels = {
        "Distorted part": "All is lost",
        "Dominant Distortion": "Magnification",
        "Secondary Distortion (Optional)": "",
    }
    as_csv(
        tmp_path / "Annotated_data.csv",
        [{"Id_Number": 4500, "Patient Question": "Is all lost?", **labels}],
    )
    (found,) = read("therapistqa", tmp_path / "Annotated_data.csv")
    assert found == Found("4500", "Is all lost?", place="row 1")


def test_a_question_with_several_answers_is_one_entry(tmp_path: Path) -> None:
    rows = [("Why?", "a"), ("How?", "b"), ("Why?", "c"), ("Why?", "a"), (" ", "d"), (" ", "e")]
    as_lines(
        tmp_path / "combined_dataset.json",
        [{"Context": asked, "Response": answer} for asked, answer in rows],
    )
    found = read("amod", tmp_path)
    assert [(one.origin, one.text, [answer.text for answer in one.answers]) for one in found] == [
        ("row 1", "Why?", ["a", "c"]),
        ("row 2", "How?", ["b"]),
        ("row 5", " ", ["d"]),
        ("row 6", " ", ["e"]),
    ]


def test_several_files_keep_their_rows_apart_and_skip_what_is_no_table(tmp_path: Path) -> None:
    for name in ("Interview_Data_6K.csv", "Synthetic_Data_10K.csv"):
        as_csv(tmp_path / name, [{**ALPACA[0], "input": name}])
    (tmp_path / ".cache").mkdir()
    as_csv(tmp_path / ".cache" / "x.csv", ALPACA)
    (tmp_path / "dataset_infos.json").write_text("{}", encoding="utf-8")
    assert [one.origin for one in read("mentalchat16k", tmp_path)] == [
        "Interview_Data_6K.csv:row 1",
        "Synthetic_Data_10K.csv:row 1",
    ]
    as_json(tmp_path / "more.json", ALPACA)
    with pytest.raises(SourceError, match=r"\.csv and \.json files side by side"):
        read("mentalchat16k", tmp_path)


def test_split_names_of_files_are_kept_where_there_are_two(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    as_parquet(tmp_path / "data" / "train-0.parquet", [{"text": "one"}])
    assert [one.split for one in read("parquet", tmp_path)] == [""]
    as_parquet(tmp_path / "data" / "validation-0.parquet", [{"text": "two"}])
    assert [(one.text, one.split) for one in read("huggingface", tmp_path)] == [
        ("one", "train"),
        ("two", "dev"),
    ]


def test_parquet_with_a_column_map_history_and_answers_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tabular, "_AT_ONCE", 2)
    turns = [{"role": "counselor", "text": "Hello."}]
    as_parquet(
        tmp_path / "a.parquet",
        [
            {"nr": at, "said": f"t{at}", "reply": f"r{at}", "before": turns, "text": "other"}
            for at in range(5)
        ],
    )
    found = read(
        "parquet", tmp_path / "a.parquet", text="said", id="nr", answer="reply", history="before"
    )
    assert [one.origin for one in found] == ["0", "1", "2", "3", "4"] and found[4].history[
        0
    ].text == "Hello."
    assert said(found[3]) == ("t3", [("therapist", "r3")])
    assert [
        one.answers for one in read("parquet", tmp_path / "a.parquet", text="said", id="nr")
    ] == [()] * 5


def test_a_column_called_answer_is_only_read_where_it_is_mapped(tmp_path: Path) -> None:
    as_csv(tmp_path / "a.csv", [{"text": "one", "answer": "two"}])
    assert [said(one) for one in read("csv", tmp_path / "a.csv")] == [("one", [])]
    assert [said(one) for one in read("csv", tmp_path / "a.csv", answer="answer")] == [
        ("one", [("therapist", "two")])
    ]


@pytest.mark.parametrize("name", ["therapytalk", "phi2-mental-health", "amod"])
def test_other_columns_can_be_mapped(tmp_path: Path, name: str) -> None:
    as_csv(tmp_path / "a.csv", [{"post": "one", "reply": "two"}])
    with pytest.raises(SourceError, match=r'map it: columns = \{ text = "..." \}'):
        read(name, tmp_path / "a.csv")
    (found,) = read(name, tmp_path / "a.csv", text="post", answer="reply")
    assert (found.text, found.answers[0].text) == ("one", "two")


@pytest.mark.parametrize(
    ("text", "history", "asked", "answer"),
    [
        ("Just me.", [], "Just me.", []),
        ("Instruct: Why me?\nOutput: Tell me more.", [], "Why me?", ["Tell me more."]),
        ("### Human: Why me?\n### Assistant: Tell me more.", [], "Why me?", ["Tell me more."]),
        ("<HUMAN>: Why me?\n<ASSISTANT>: Tell\nme more.", [], "Why me?", ["Tell\nme more."]),
        ("<s>[INST] Why me? [/INST] Tell me more. </s>", [], "Why me?", ["Tell me more."]),
        ("Why me?\nCounselor: Tell me more.", [], "Why me?", ["Tell me more."]),
        (
            "Client: Hi.\nTherapist: Hello.\nClient: Bad.\nTherapist: Oh.",
            ["Hi.", "Hello."],
            "Bad.",
            ["Oh."],
        ),
        ("My output: none, my human: gone.", [], "My output: none, my human: gone.", []),
        ("Assistant: Hello.", [], "", []),
    ],
)
def test_an_exchange_in_one_text_is_told_apart(
    tmp_path: Path, text: str, history: list[str], asked: str, answer: list[str]
) -> None:
    as_lines(tmp_path / "a.jsonl", [{"text": text}])
    (found,) = read("phi2-mental-health", tmp_path / "a.jsonl")
    assert (
        [turn.text for turn in found.history],
        found.text,
        [one.text for one in found.answers],
    ) == (history, asked, answer)


@pytest.mark.parametrize(
    ("file", "raw", "says"),
    [
        ("a.csv", b"", ["empty"]),
        ("a.csv", b"input,output\n", ["no rows"]),
        (
            "a.csv",
            f"inputs,output\n{SECRET},x\n".encode(),
            ["no column 'input'", "did you mean 'inputs'"],
        ),
        ("a.csv", f"input,outputs\n{SECRET},x\n".encode(), ["no column 'output'"]),
        ("a.csv", f"{SECRET},{SECRET} too\na,b\n".encode(), ["there are 2 columns"]),
        ("a.csv", f"input,output\n{SECRET} caf\xe9,x\n".encode("latin-1"), ["not UTF-8", "0xe9"]),
        ("a.json", b"[]", ["no rows"]),
        ("a.json", f'[{{"input": "{SECRET}"'.encode(), ["not JSON", "line 1"]),
        ("a.json", f'["{SECRET}"]'.encode(), ["row 1", "str"]),
        ("a.json", f'[{{"input": "{SECRET} \xe9"}}]'.encode("latin-1"), ["not UTF-8", "0xe9"]),
        ("a.json", f'{{"input": "{SECRET}"'.encode(), ["row 1 is not JSON"]),
        (
            "a.json",
            f'[{{"input": ["{SECRET}"], "output": "x"}}]'.encode(),
            ["row 1", "'input' is a list"],
        ),
        (
            "a.jsonl",
            f'{{"input": "{SECRET}", "output": {{"a": "{SECRET}"}}}}'.encode(),
            ["row 1", "'output' is a dict"],
        ),
        ("a.parquet", f"PAR1 {SECRET}".encode(), ["not a readable Parquet"]),
        ("a.xlsx", SECRET.encode(), ["reads .parquet, .jsonl, .json, .csv"]),
    ],
)
def test_a_wrong_file_says_where_and_never_what_a_client_said(
    tmp_path: Path, file: str, raw: bytes, says: list[str]
) -> None:
    path = tmp_path / file
    path.write_bytes(raw)
    with pytest.raises(SourceError) as caught:
        read("psych8k", path)
    message = str(caught.value)
    assert message.startswith(str(path)) and all(part in message for part in says), message
    assert SECRET not in message


def test_a_wrong_place_says_what_to_give(tmp_path: Path) -> None:
    for name, says in (
        ("therapistqa", "Annotated_data.csv"),
        ("therapytalk", "MentalAgora"),
        ("huggingface", "a Hub id"),
        ("parquet", "no path"),
    ):
        with pytest.raises(SourceError, match=says):
            SOURCES[name].files(None)
    with pytest.raises(SourceError, match="no such file"):
        SOURCES["psych8k"].files(tmp_path / "none.json")
    with pytest.raises(SourceError, match=r"no \.parquet file in it"):
        SOURCES["parquet"].files(tmp_path)
    as_parquet(tmp_path / "a.parquet", [{"text": "one"}][:0])
    with pytest.raises(SourceError, match="no rows"):
        read("parquet", tmp_path / "a.parquet")


def test_without_a_path_the_corpus_is_fetched_by_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    as_json(tmp_path / "Alexander_Street_shareGPT_2.0.json", ALPACA)
    asked: list[tuple[str, str | None]] = []

    def snapshot(
        name: str, *, repo_type: str, revision: str | None, allow_patterns: list[str]
    ) -> str:
        assert repo_type == "dataset" and "*.json" in allow_patterns
        asked.append((name, revision))
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    assert len(read("psych8k", None)) == len(read("psych8k", Path("someone/copy@abc"))) == 2
    assert len(list(huggingface.read(Path("someone/copy"), {"text": "input"}))) == 2
    assert asked == [("EmoCareAI/Psych8k", None), ("someone/copy", "abc"), ("someone/copy", None)]


def test_without_a_network_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub")

    def offline(*_: object, **__: object) -> str:
        raise hub.errors.LocalEntryNotFoundError("no network")

    monkeypatch.setattr(hub, "snapshot_download", offline)
    with pytest.raises(
        SourceError,
        match="ShenLab/MentalChat16K: .*could not be fetched.*download it and give its folder",
    ):
        SOURCES["mentalchat16k"].files(None)


def test_collect_takes_speeches_and_answers(lab: Lab, tmp_path: Path) -> None:
    as_json(tmp_path / "a.json", [{**ALPACA[0], "input": "My name is Sarah."}])
    out = lab.do(Collect(sources=(SourceSetting(name="psych8k", path=tmp_path / "a.json"),)))
    assert [(one.source, one.text) for one in out.speeches] == [("psych8k", "My name is <NAME>.")]
    assert [(one.model, one.text) for one in out.responses] == [
        ("psych8k", "What keeps you awake?")
    ]


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("therapytalk", 1),
        ("therapistqa", 2000),
        ("psych8k", 7000),
        ("amod", 500),
        ("mentalchat16k", 10000),
    ],
)
def test_the_real_file(real_data: Path, name: str, least: int) -> None:
    if not (real_data / name).is_dir():
        pytest.skip(f"no folder {name} in PSYCOPREF_REAL_DATA")
    assert sum(1 for one in read(name, real_data / name) if one.text.strip()) >= least
