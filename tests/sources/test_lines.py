"""Bad input: archives, encodings, NUL bytes, lost quotes, huge cells and missing rights end in an
error that says where, or are mended and counted.
"""

import csv
import gzip
import io
import os
import re
import zipfile
from pathlib import Path

import pytest

from psycopref.errors import SourceError, SourceWarning
from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.sources import SOURCES, files
from psycopref.sources import lines as reading
from psycopref.sources.files import csv_rows, jsonl_rows
from psycopref.stages.collect import Collect, SourceSetting

SECRET = "I never told anyone"


def put(tmp_path: Path, raw: bytes, name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(raw)
    return path


def zipped() -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as file:
        file.writestr(zipfile.ZipInfo("xl/workbook.xml"), SECRET)
    return raw.getvalue()


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (gzip.compress(f"text\n{SECRET}\n".encode(), mtime=0), "a gzip archive"),
        (zipped(), "workbook"),
        (b"PAR1" + SECRET.encode(), 'name = "parquet"'),
        (b"BZh91AY", "a bzip2 archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + SECRET.encode(), "an old Excel"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"SQLite format 3\x00", "an SQLite database"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
@pytest.mark.parametrize("source", ["csv", "jsonl", "counsel-chat", "psych8k", "preferences"])
def test_what_is_no_text_is_named(tmp_path: Path, source: str, raw: bytes, says: str) -> None:
    path = put(tmp_path, raw, "a.jsonl" if source == "preferences" else "a.csv")
    with pytest.raises(SourceError, match=says) as caught:
        list(SOURCES[source].read(path, {}))
    assert str(caught.value).startswith(str(path)) and SECRET not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_that_say_what_they_are(tmp_path: Path, encoding: str) -> None:
    assert list(csv_rows(put(tmp_path, "text,id\nmüde 🙂,1\n".encode(encoding)))) == [
        (1, {"text": "müde 🙂", "id": "1"})
    ]
    assert list(jsonl_rows(put(tmp_path, '{"text": "müde 🙂"}\r\n'.encode(encoding)))) == [
        (1, {"text": "müde 🙂"})
    ]


def test_a_cut_off_utf_16_file(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"not UTF-16 throughout \(after line 1: truncated data\)"
    ):
        list(csv_rows(put(tmp_path, "text\nabc".encode("utf-16")[:-1])))


def test_stray_bytes_in_few_lines_are_windows_1252_and_counted(tmp_path: Path) -> None:
    rows = [
        b"text,id",
        "caf\u00e9,1".encode(),
        b"I can\x92t \x97 caf\xe9 na\xc3\xafve,2",
        "m\u00fcde,3".encode(),
        b"plain,4",
    ]
    path = put(tmp_path, b"\n".join(rows) + b"\n")
    with pytest.warns(
        SourceWarning,
        match=(
            r"a\.csv: 1 lines hold bytes that are not UTF-8 \(the first is line 3\); they were read"
            r" as Windows-1252"
        ),
    ):
        found = [row["text"] for _, row in csv_rows(path)]
    assert found == ["caf\u00e9", "I can\u2019t \u2014 caf\u00e9 na\u00efve", "m\u00fcde", "plain"]


def test_a_file_in_another_encoding_is_refused_before_its_end(tmp_path: Path) -> None:
    path = put(tmp_path, b"text\n" + b"caf\xe9\n" * 3000)
    seen = []
    with pytest.raises(SourceError, match=r"byte 0xe9 at offset 8 \(line 2\).*iconv"):
        seen.extend(number for number, _ in csv_rows(path))
    assert len(seen) < 1000


def test_nul_bytes_are_left_out_and_counted(tmp_path: Path) -> None:
    with pytest.warns(SourceWarning, match="2 lines hold NUL bytes"):
        assert [
            row["text"]
            for _, row in csv_rows(
                put(tmp_path, b"text\nab\0c\nlonger than the rest\n" + b"\0" * 6)
            )
        ] == ["abc", "longer than the rest"]
    with pytest.warns(SourceWarning, match="1 lines hold NUL bytes"):
        assert [row["text"] for _, row in jsonl_rows(put(tmp_path, b'{"text": "ab\0c"}\n'))] == [
            "abc"
        ]


def test_collect_says_what_was_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path, "text\ncafé\nmüde\n".encode() + b"can\x92t\n")
    with Lab(tmp_path / "work", Progress(quiet=False)) as lab:
        assert (
            len(
                lab.do(
                    Collect(sources=(SourceSetting(name="csv", label="clinic", path=path),))
                ).speeches
            )
            == 3
        )
    assert (
        "WARNING: source 'clinic': " in (said := capsys.readouterr().err)
        and "1 lines hold bytes" in said
    )


@pytest.mark.parametrize("by", [";", "\t"])
def test_cells_parted_by_semicolons_or_tabs(tmp_path: Path, by: str) -> None:
    assert list(csv_rows(put(tmp_path, f'text{by}id\n"one{by} two, three"{by}7\n'.encode()))) == [
        (1, {"text": f"one{by} two, three", "id": "7"})
    ]


def table(rows: int, broken: int, cell: str) -> bytes:
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(["id", "text"])
    for number in range(1, rows + 1):
        made.write(f'{number},"{SECRET}\n') if number == broken else writer.writerow([number, cell])
    return made.getvalue().encode()


@pytest.mark.parametrize(
    "cell",
    [
        "plain words",
        "words, and more",
        'she said "no", twice',
        "\nbegins with a line break",
        ",",
        "",
    ],
)
@pytest.mark.parametrize("rows", [60, 3000])
def test_a_lost_quote_names_the_row_that_opens_it(tmp_path: Path, cell: str, rows: int) -> None:
    with pytest.raises(SourceError) as caught:
        list(csv_rows(put(tmp_path, table(rows, rows // 2, cell))))
    message = str(caught.value)
    begins = 2 * (rows // 2) if "\n" in cell else rows // 2 + 1
    assert re.search(
        rf"row {rows // 2}(, which starts at line {begins},| \(lines {begins} to \d+\)) opens a"
        r" quote",
        message,
    ), message
    assert SECRET not in message and "words" not in message


def test_a_lost_quote_that_closes_by_chance_is_seen(tmp_path: Path) -> None:
    rows = "".join(f"{number},some words\n" for number in range(3, 200))
    with pytest.raises(
        SourceError, match="row 2, which starts at line 3, opens a quote .* stand in one cell"
    ):
        list(
            csv_rows(
                put(tmp_path, f'id,text\n1,one\n2,"{SECRET}\n{rows}200,last words"\n'.encode())
            )
        )
    one = "".join(f"some words {number}\n" for number in range(2000))
    with pytest.raises(SourceError, match="row 1, which starts at line 2"):
        list(csv_rows(put(tmp_path, f'text\n"{SECRET}\n{one}last"\nmore\n'.encode())))


def test_a_long_letter_is_no_lost_quote(tmp_path: Path) -> None:
    letter = "\n".join(
        f"Line {number} of a letter, with commas, as people write." if number % 3 else "And short"
        for number in range(300)
    )
    poem = "\n".join(f"line {number}" for number in range(300))
    raw = io.StringIO()
    csv.writer(raw).writerows([["id", "text"], ["1", letter], ["2", poem]])
    assert [row["text"] for _, row in csv_rows(put(tmp_path, raw.getvalue().encode()))] == [
        letter,
        poem,
    ]
    raw = io.StringIO()
    csv.writer(raw).writerows([["text"], [letter], [poem]])
    assert [row["text"] for _, row in csv_rows(put(tmp_path, raw.getvalue().encode()))] == [
        letter,
        poem,
    ]


def test_a_quote_that_is_never_closed_is_not_read_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LONGEST_FIELD", 1000)
    before = csv.field_size_limit()
    try:
        with pytest.raises(
            SourceError,
            match=r"row 1, which starts at line 2, .*line 7\d: field larger than field limit",
        ):
            list(csv_rows(put(tmp_path, b'id,text\n1,"open\n' + b"2,some words\n" * 5000)))
    finally:
        csv.field_size_limit(before)


def test_a_line_without_end_is_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LONGEST_LINE", 1000)
    with pytest.raises(SourceError, match="line 2 is longer than 1,000 characters"):
        list(jsonl_rows(put(tmp_path, b'{"text": "a"}\n' + b"x" * 5000)))


@pytest.mark.parametrize(
    "source",
    [
        "csv",
        "jsonl",
        "counsel-chat",
        "psych8k",
        "huggingface",
        "parquet",
        "preferences",
        "published",
    ],
)
def test_a_path_without_rights_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    def closed(self: Path, **_: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", closed)
    with pytest.raises(
        SourceError,
        match=r"locked.*: may not be read \(Permission denied\); give yourself the right",
    ):
        SOURCES[source].files(tmp_path / "locked" / "a.csv")


def test_a_file_or_folder_without_rights_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, b"text\na\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "closed"))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceError, match=r"a\.csv: may not be read"):
        SOURCES["csv"].files(path)
    monkeypatch.setattr(os, "scandir", refuse)
    for source in ("huggingface", "parquet", "psych8k", "preferences"):
        with pytest.raises(SourceError, match=r"closed: may not be read"):
            SOURCES[source].files(tmp_path)


def test_a_disk_that_fails_half_way_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(io.StringIO):
        def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
            raise OSError(5, "Input/output error")

    path = put(tmp_path, b"text\na\n")
    monkeypatch.setattr(reading, "encoding_of", lambda path: "utf-8-sig")
    monkeypatch.setattr(Path, "open", lambda *_, **__: Failing())
    with pytest.raises(SourceError, match=r"could not be read \(Input/output error\)"):
        list(csv_rows(path))
