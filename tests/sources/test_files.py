"""CSV and JSON Lines: what is read, and what a wrong file says."""

import re
import tomllib
from pathlib import Path

import pytest

from psycopref.errors import SourceError
from psycopref.sources.files import column_names, read_csv, read_jsonl

SECRET = "I never told anyone"


def put(tmp_path: Path, name: str, raw: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    return path


def test_csv_with_a_column_map(tmp_path: Path) -> None:
    path = put(
        tmp_path, "a.csv", '\ufeff,nr,said,about\n0,7,"one, ""two""\nthree",Anxiety\n1,8,four,\n'
    )
    found = list(read_csv(path, {"text": "said", "id": "nr", "topic": "about"}))
    assert [(row.origin, row.text, row.topic, row.split) for row in found] == [
        ("7", 'one, "two"\nthree', "Anxiety", ""),
        ("8", "four", "", ""),
    ]


def test_a_group_is_read_only_where_it_is_mapped(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "text,group,client\none,therapy group,7\ntwo,,8\n")
    assert [row.group for row in read_csv(path, {})] == ["", ""]
    assert [row.group for row in read_csv(path, {"group": "client"})] == ["7", "8"]


def test_columns_of_the_fields_own_names_need_no_map(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "text,split\none,test\ntwo,\n")
    assert [(row.origin, row.split) for row in read_csv(path, {})] == [
        ("row 1", "test"),
        ("row 2", ""),
    ]


def test_jsonl_with_history_and_an_index_that_is_a_number(tmp_path: Path) -> None:
    path = put(
        tmp_path,
        "a.jsonl",
        '{"id": 3, "text": "hi", "history": [{"role": "counselor", "text": "hello"}]}\n\n{"id": 4,'
        ' "text": "ho"}\n',
    )
    first, second = read_jsonl(path, {})
    assert (first.origin, first.history[0].role, first.history[0].text, second.history) == (
        "3",
        "counselor",
        "hello",
        (),
    )


@pytest.mark.parametrize(
    ("name", "raw", "columns", "says"),
    [
        ("a.csv", "", {}, ["empty"]),
        ("a.csv", "text\n", {}, ["no rows"]),
        (
            "a.csv",
            f"texts,id\n{SECRET},1\n",
            {},
            ["'text'", "did you mean 'texts'", "['texts', 'id']"],
        ),
        ("a.csv", f"text,id\n{SECRET},1\n", {"topic": "abuot"}, ["'abuot'"]),
        ("a.csv", f"text,id\n{SECRET},1\n", {"txet": "text"}, ["'txet'", "did you mean 'text'"]),
        ("a.csv", f"text,id\n{SECRET},1\nb,2\n{SECRET},1\n", {}, ["row 3", "row 1", "unique"]),
        ("a.csv", f"text,id\n{SECRET},1,2\n", {}, ["row 1", "3 cells", "2"]),
        ("a.csv", f'text,id\n"{SECRET}" x,1\n', {}, ["CSV", "line 2"]),
        ("a.csv", f'text,id\n"{SECRET},1\n', {}, ["CSV"]),
        ("a.csv", "text,text\na,b\n", {}, ["'text'", "twice", "columns 1 and 2"]),
        ("a.csv", f"1,{SECRET} that I drink\n2,x\n", {}, ["'text'", "there are 2 columns"]),
        ("a.csv", f"{SECRET},yes\n2,x\n", {}, ["there are 2 columns"]),
        ("a.csv", f"texts of {SECRET} at all,text!\n2,x\n", {}, ["there are 2 columns", "'text'"]),
        ("a.csv", f"{SECRET},{SECRET},a\n1,2,3\n", {}, ["twice", "columns 1 and 2"]),
        ("a.csv", f"text,id\n{SECRET},1\n", {"text": ""}, ["every row needs a text"]),
        (
            "a.jsonl",
            f'{{"text": "{SECRET}"}}\n{{"text": "b", "about": "x"}}\n',
            {"topic": "abuot"},
            ["'abuot'", "did you mean 'about'", "['text', 'about']"],
        ),
        (
            "a.jsonl",
            f'{{"text": "{SECRET}"}}\n{{"text": "b", "topic": "x", "split": "tset"}}\n',
            {},
            ["row 2", "'split'"],
        ),
        ("a.csv", f"text,split\n{SECRET},tset\n", {}, ["row 1", "'split'"]),
        ("a.csv", b"text\nabc\ncaf\xe9 x\n", {}, ["byte 0xe9", "offset 12", "line 3"]),
        (
            "a.csv",
            "text\nabc\n".encode("utf-16-le"),
            {},
            ["UTF-16 without a byte order mark", "iconv"],
        ),
        ("a.jsonl", "\n\n", {}, ["no rows"]),
        ("a.jsonl", f'{{"text": "{SECRET}"}}\n{{"text": "{SECRET}"\n', {}, ["row 2", "not JSON"]),
        ("a.jsonl", f'["{SECRET}"]\n', {}, ["row 1", "list"]),
        ("a.jsonl", f'{{"text": ["{SECRET}"]}}\n', {}, ["row 1", "'text'", "list"]),
        ("a.jsonl", f'{{"text": "{SECRET}"}}\n{{"body": "{SECRET}"}}\n', {}, ["row 2", "'text'"]),
        ("a.jsonl", f'{{"text": "{SECRET}", "history": "{SECRET}"}}\n', {}, ["row 1", "history"]),
        (
            "a.jsonl",
            f'{{"text": "{SECRET}", "history": [{{"role": "me", "text": "{SECRET}"}}]}}\n',
            {},
            ["row 1", "history"],
        ),
        ("a.jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', {}, ["byte 0xff", "offset 24", "line 2"]),
    ],
)
def test_a_wrong_file_says_where_and_never_what_a_client_said(
    tmp_path: Path, name: str, raw: str | bytes, columns: dict[str, str], says: list[str]
) -> None:
    path = put(tmp_path, name, raw)
    with pytest.raises(SourceError) as caught:
        list((read_csv if name.endswith("csv") else read_jsonl)(path, columns))
    message = str(caught.value)
    assert message.startswith(str(path))
    assert all(part in message for part in says), message
    assert SECRET not in message


def test_a_missing_file_and_no_path(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        list(read_csv(tmp_path / "none.csv", {}))
    with pytest.raises(SourceError, match="a folder"):
        list(read_csv(tmp_path, {}))
    with pytest.raises(SourceError, match="no path"):
        list(read_jsonl(None, {}))


def test_a_line_of_jsonl_may_have_what_the_first_one_lacks(tmp_path: Path) -> None:
    more = (
        '{"text": "b", "id": "7", "topic": "Anxiety", "split": "test", "history": [{"role":'
        ' "client", "text": "hello"}]}'
    )
    first, second = read_jsonl(put(tmp_path, "a.jsonl", f'{{"text": "a"}}\n{more}\n'), {})
    assert (first.origin, first.topic, first.split, first.history) == ("row 1", "", "", ())
    assert (second.origin, second.topic, second.split, second.history[0].text) == (
        "7",
        "Anxiety",
        "test",
        "hello",
    )
    _, second = read_jsonl(
        put(tmp_path, "b.jsonl", '{"text": "a"}\n{"text": "b", "about": "Stress"}\n'),
        {"topic": "about"},
    )
    assert second.topic == "Stress"


def test_a_field_without_a_column_uses_none_of_its_name(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "id,text,topic,split\n7,a,Weather,tset\n")
    (found,) = read_csv(path, {"id": "", "topic": "", "split": ""})
    assert (found.origin, found.text, found.topic, found.split) == ("row 1", "a", "", "")
    (found,) = read_jsonl(
        put(tmp_path, "a.jsonl", '{"text": "a", "history": "none", "topic": 3.5}\n'),
        {"history": "", "topic": ""},
    )
    assert (found.history, found.topic) == ((), "")


def test_the_example_of_the_docs(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "adding.md").read_text(encoding="utf-8")
    (source,) = tomllib.loads(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0])["dataset"][
        "collect"
    ]["sources"]
    assert source["name"] == "csv" and source["columns"]["topic"] == ""
    path = put(tmp_path, source["path"], "message,topic\nhello,Weather\n")
    (found,) = read_csv(path, source["columns"])
    assert (found.text, found.topic) == ("hello", "")


def test_half_a_surrogate_pair_becomes_a_question_mark(tmp_path: Path) -> None:
    row = (
        r'{"id": "\ud83d7", "topic": "\udc00", "text": "a \ud83d b \ud83d\ude42", "history":'
        r' [{"role": "client", "text": "\ud83d"}]}'
    )
    (found,) = read_jsonl(put(tmp_path, "a.jsonl", row + "\n"), {})
    assert (found.origin, found.topic, found.text, found.history[0].text) == (
        "?7",
        "?",
        "a ? b \U0001f642",
        "?",
    )


def test_only_what_looks_like_a_name_is_shown() -> None:
    assert (
        column_names(["id", "client message", "chosen_empathy_rating", ""])
        == "['id', 'client message', 'chosen_empathy_rating', '']"
    )
    for cell in (SECRET, "0172 555 123", "x" * 41, "me@example.org", "Why?"):
        assert cell not in column_names(["id", cell]) and column_names(["id", cell]).startswith(
            "2 columns"
        )
