"""Ready pools of answers, chats and the usual names of splits, in files of any generic source."""

import json
from pathlib import Path
from typing import Any

import pytest

from psycopref.errors import SourceError
from psycopref.lab import Lab
from psycopref.stages.collect import Collect, Collected, SourceSetting

ASK = "I cannot sleep since the move"


def collected(
    lab: Lab, folder: Path, rows: list[dict[str, Any]], kind: str = "jsonl", **columns: str
) -> Collected:
    path = folder / f"rows.{kind}"
    if kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    else:
        names = list(rows[0])
        lines = [",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)]
        path.write_text("\n".join(lines), encoding="utf-8")
    setting = SourceSetting(name=kind, label="set", path=path, columns=columns)
    return lab.do(Collect(sources=(setting,), mask=False))


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_ready_pool_of_answers_keeps_its_models(lab: Lab, tmp_path: Path, kind: str) -> None:
    rows = [
        {"question": f"{ASK} {n}", "said": f"Answer {m} to {n}", "by": f"model-{m}"}
        for n in range(4)
        for m in range(3)
    ]
    out = collected(lab, tmp_path, rows, kind, text="question", answer="said", model="by", id="")
    assert len(out.speeches) == 4 and len(out.responses) == 12
    assert {row.model for row in out.responses} == {"model-0", "model-1", "model-2"}


def test_a_column_called_model_is_read_only_where_it_is_mapped(lab: Lab, tmp_path: Path) -> None:
    rows = [{"text": ASK, "said": "Answer", "model": "Ford Fiesta"}]
    out = collected(lab, tmp_path, rows, answer="said")
    assert [row.model for row in out.responses] == ["therapist"]


@pytest.mark.parametrize(
    ("name", "split"),
    [("validation", "dev"), ("Val", "dev"), ("TEST", "test"), ("train", "train"), ("", "")],
)
def test_splits_by_the_names_that_others_give(
    lab: Lab, tmp_path: Path, name: str, split: str
) -> None:
    out = collected(lab, tmp_path, [{"text": ASK, "split": name}])
    assert [row.split for row in out.speeches] == [split]


CHAT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": "How are you?"},
    {"role": "user", "content": ASK},
]


@pytest.mark.parametrize("answered", [True, False])
def test_messages_are_a_speech_with_its_history(lab: Lab, tmp_path: Path, answered: bool) -> None:
    chat = [*CHAT, {"role": "assistant", "content": "What keeps you awake?"}] if answered else CHAT
    out = collected(lab, tmp_path, [{"chat": chat}], messages="chat")
    (speech,) = out.speeches
    assert speech.text == ASK
    assert [(turn.role, turn.text) for turn in speech.history] == [
        ("client", "Hello."),
        ("counselor", "How are you?"),
    ]
    assert [row.text for row in out.responses] == ["What keeps you awake?"] * answered


def test_a_history_may_be_a_chat(lab: Lab, tmp_path: Path) -> None:
    out = collected(lab, tmp_path, [{"text": ASK, "history": CHAT[1:3]}])
    assert [turn.role for turn in out.speeches[0].history] == ["client", "counselor"]


@pytest.mark.parametrize(
    ("row", "columns", "says"),
    [
        ({"chat": CHAT[:1]}, {"messages": "chat"}, "row 1: 'chat' is not a list of messages"),
        ({"chat": ASK}, {"messages": "chat"}, "not a list of messages"),
        ({"chat": CHAT, "t": ASK}, {"messages": "chat", "text": "t"}, "map one of them"),
        ({"text": ASK, "split": "later"}, {}, "'split' is none of"),
        ({"text": ASK, "topic": "x" * 90}, {}, "'set': row 1: its topic has 90 characters"),
    ],
)
def test_what_cannot_be_read_says_where_and_quotes_nothing(
    lab: Lab, tmp_path: Path, row: dict[str, Any], columns: dict[str, str], says: str
) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        collected(lab, tmp_path, [row], **columns)
    assert ASK not in str(caught.value)


def test_ids_that_repeat_name_the_way_out(lab: Lab, tmp_path: Path) -> None:
    rows = [{"text": f"{ASK} {n}", "id": "7"} for n in range(2)]
    with pytest.raises(SourceError, match=r'or read none: columns = { id = "" }'):
        collected(lab, tmp_path, rows)
