"""The CSV sheet through spreadsheets and mishaps: what was chosen comes back, or an error says
which row and why.
"""

import csv
import dataclasses
import traceback

import pytest
from helpers.filled_sheets import fill, sheet_of
from pydantic import ValidationError

from psycopref.config.instruments import Instrument, Item, load_instrument
from psycopref.errors import SourceError
from psycopref.experts.csv_sheet import neutral, original, read_csv, write_csv
from psycopref.experts.files import read_all, write_all
from psycopref.experts.sheets import asked, part
from psycopref.lab import Lab
from psycopref.stages.validate import Validate

SCALE = load_instrument("psychocounsel")
NAMES = ["overall", *(item.name for item in SCALE.items)]


def written(lab: Lab, tmp_path, **settings):
    sheet = sheet_of(lab, **settings)
    write_all(
        sheet, settings.get("items", "overall"), SCALE, settings.get("layouts", ("csv",)), tmp_path
    )
    return sheet, tmp_path / "experts.csv"


def cells_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def choices(number, row):
    return {
        "annotator": "ann",
        "overall": ("First", " second ", "tie")[number % 3],
        "seconds": "12,5",
        "note": "=note",
    }


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8-sig", ","), ("utf-8", ","), ("cp1252", ";"), ("utf-16", "\t"), ("utf-8", ";")],
    ids=repr,
)
def test_a_filled_sheet_comes_back_however_it_was_saved(lab: Lab, tmp_path, encoding, delimiter):
    sheet, path = written(lab, tmp_path, pairs=30)
    known = {row.sheet_id: row for row in sheet}
    fill(path, choices, encoding, delimiter)
    found = read_all([(path, "")], sheet, SCALE).annotations
    assert (
        len(found) == 30
        and {row.seconds for row in found} == {12.5}
        and {row.note for row in found} == {"=note"}
    )
    by_pair = {row.preference_id: row for row in found}
    for number, row in enumerate(part(sheet, "pairs", 1)):
        said = by_pair[row.subject_id]
        first, other = (row.shown_first, "rejected" if row.shown_first == "chosen" else "chosen")
        assert (
            said.choice == (first, other, "tie")[number % 3]
            and said.shown_first == known[row.sheet_id].shown_first
        )


def test_excels_separator_line_and_rows_in_another_order(lab: Lab, tmp_path):
    sheet, path = written(lab, tmp_path, pairs=9)
    before = read_filled(path, sheet)
    lines = cells_of(path)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("sep=;\r\n")
        csv.writer(file, delimiter=";").writerows([lines[0], *lines[:0:-1], [""] * len(lines[0])])
    after = read_all([(path, "")], sheet, SCALE).annotations
    assert sorted(after, key=lambda row: row.annotation_id) == sorted(
        before, key=lambda row: row.annotation_id
    )


def read_filled(path, sheet):
    fill(path, choices)
    return read_all([(path, "")], sheet, SCALE).annotations


def test_rows_without_an_answer_are_not_annotated(lab: Lab, tmp_path):
    sheet, path = written(lab, tmp_path, pairs=10)
    fill(
        path,
        lambda number, row: {
            "annotator": "ann",
            "overall": "first" if number < 4 else "",
            "note": "too close to home",
        },
    )
    found = read_all([(path, "")], sheet, SCALE)
    assert (
        len(found.annotations) == 4
        and len(found.skipped) == 6
        and found.skipped[0].endswith("experts.csv row 6")
    )


def test_two_sheets_of_two_experts_and_every_item(lab: Lab, tmp_path):
    sheet, _ = written(lab, tmp_path, pairs=12, annotators=2, items="all")
    for seat in (1, 2):
        fill(
            tmp_path / f"experts-{seat}.csv",
            lambda number, row, seat=seat: {
                "annotator": f"e{seat}",
                **dict.fromkeys(NAMES, "first"),
            },
        )
    found = read_all(
        [(tmp_path / f"experts-{seat}.csv", "") for seat in (1, 2)], sheet, SCALE
    ).annotations
    assert len(found) == 2 * 12 * 8 and {row.item for row in found} == set(NAMES)
    ours, theirs = (
        {
            row.preference_id: row.choice
            for row in found
            if (row.annotator, row.item) == (who, "overall")
        }
        for who in ("e1", "e2")
    )
    assert sum(ours[pair] != theirs[pair] for pair in ours) == 6, (
        "always 'first', but half of the pairs have opposite sides"
    )


def test_scores_of_single_replies(lab: Lab, tmp_path):
    sheet, _ = written(lab, tmp_path, pairs=4, replies=15)
    path = tmp_path / "experts-scores.csv"
    names = asked("scores", "overall", SCALE)
    fill(
        path,
        lambda number, row: {
            "annotator": "ann",
            **dict.fromkeys(names, ("4", "4.0", "4,0")[number % 3]),
        },
    )
    found = read_all([(path, "")], sheet, SCALE).ratings
    assert len(found) == 15 * 7 and {row.score for row in found} == {4.0}
    assert {row.response_id for row in found} == {
        row.subject_id for row in sheet if row.kind == "scores"
    }


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"overall": "left"}, "row 2: overall must be first, second or tie"),
        ({"overall": "4"}, "overall must be first, second or tie"),
        ({"overall": "first", "annotator": ""}, "row 2: annotator must be filled"),
        (
            {"overall": "first", "sheet_id": "I never told"},
            "row 2: its sheet_id is not on the sheet",
        ),
        ({"overall": "first", "seconds": "I never told"}, "row 2: seconds must be a number"),
        ({"overall": "first", "seconds": "-3"}, "seconds must be a number"),
        ({"overall": "first", "seconds": "nan"}, "seconds must be a number"),
        ({"overall": "first", "first": "I never told"}, "row 2: its first is not the text"),
        ({"overall": "first", "speech": "I never told"}, "row 2: its speech is not the text"),
    ],
)
def test_mistakes_on_a_sheet_are_named_and_nothing_is_quoted(lab: Lab, tmp_path, cells, says):
    sheet, path = written(lab, tmp_path, pairs=6)
    fill(path, lambda number, row: {"annotator": "I never told", **cells} if number == 0 else {})
    with pytest.raises(SourceError, match=says) as caught:
        read_all([(path, "")], sheet, SCALE)
    assert "never" not in "".join(traceback.format_exception(caught.value)), (
        "what stands in a shifted cell"
    )


@pytest.mark.parametrize("score", ["0", "6", "3.5", "first", "nan", "1e3"])
def test_scores_off_the_scale(lab: Lab, tmp_path, score):
    sheet, _ = written(lab, tmp_path, pairs=2, replies=3)
    path = tmp_path / "experts-scores.csv"
    fill(path, lambda number, row: {"annotator": "ann", "safety": score} if number == 1 else {})
    with pytest.raises(SourceError, match="row 3: safety must be a whole number from 1 to 5"):
        read_all([(path, "")], sheet, SCALE)


def test_every_mistake_is_named_at_once(lab: Lab, tmp_path):
    sheet, path = written(lab, tmp_path, pairs=20)
    fill(
        path,
        lambda number, row: {
            "annotator": "ann",
            "overall": "left" if number in (1, 4) else "first",
        },
    )
    with pytest.raises(SourceError, match=r"row 3: .*row 6: .*2 in all; nothing was read"):
        read_all([(path, "")], sheet, SCALE)
    fill(path, lambda number, row: {"overall": "left"})
    with pytest.raises(SourceError, match=r"and 8 more \(20 in all"):
        read_all([(path, "")], sheet, SCALE)


def test_one_column_sorted_alone_is_found(lab: Lab, tmp_path):
    """The classic: the texts are sorted and the ids stay."""
    sheet, path = written(lab, tmp_path, pairs=12)
    speeches = sorted(row.speech for row in sheet)
    fill(
        path,
        lambda number, row: {"annotator": "ann", "overall": "first", "speech": speeches[number]},
    )
    with pytest.raises(SourceError, match="not the text that belongs to its sheet_id"):
        read_all([(path, "")], sheet, SCALE)


def test_the_same_answer_in_two_files_or_rows_is_found(lab: Lab, tmp_path):
    sheet, path = written(lab, tmp_path, pairs=5)
    read_filled(path, sheet)
    copy = tmp_path / "copy.csv"
    copy.write_bytes(path.read_bytes())
    with pytest.raises(
        SourceError,
        match=r"copy.csv row 2: one annotator chose twice .*experts.csv row 2; keep one",
    ):
        read_all([(path, ""), (copy, "")], sheet, SCALE)


def test_files_that_are_no_sheets(lab: Lab, tmp_path):
    sheet, path = written(lab, tmp_path, pairs=5)
    text = path.read_text(encoding="utf-8-sig")
    for raw, says in [
        (b"", "no column 'sheet_id'"),
        (b"a,b\n1,2\n", "no column 'sheet_id'"),
        (text.replace("annotator", "who", 1).encode(), "no column 'annotator'"),
        (text.replace("overall", "whole", 1).encode(), "none of the columns"),
        (text.splitlines()[0].encode(), "no rows"),
        (b"PK\x03\x04rest", "a spreadsheet file, not CSV"),
        (b"sheet_id,annotator,overall\n\x81\x8d\x8f,a,first\n", "neither UTF-8"),
        (b'sheet_id,annotator,overall\nx,a,"first\n', "quote"),
        (b"sheet_id,annotator,overall,overall\nx,a,first,tie\n", "'overall' stands twice"),
        (b"sheet_id,annotator,overall\nx,a,first,lost\n", "row 2: cell 4 is filled"),
        (
            b"sheet_id,annotator,overall,my thoughts\nx,a,first,I never told\n",
            "row 2: cell 4 is filled",
        ),
    ]:
        path.write_bytes(raw)
        with pytest.raises(SourceError, match=says) as caught:
            read_all([(path, "")], sheet, SCALE)
        assert "I never" not in str(caught.value)
    with pytest.raises(SourceError, match="cannot be read"):
        read_all([(tmp_path / "nothing.csv", "")], sheet, SCALE)


RISKY = [
    "=1+1",
    "+49 30",
    "-- I left",
    "@home",
    "\tTab",
    "'=x",
    "''-x",
    " =cmd|'/C calc'!A0",
    "\uff1d1",
    "|pipe",
    "'quoted'",
    "plain",
    "",
    "a=b",
    "\nline",
]
UNSEEN = [
    f"{mark}=1+1"
    for mark in (
        "\u200b",
        "\ufeff",
        "\u00ad",
        "\u2060",
        "\u200e",
        "\u202a",
        "\x00",
        "\u200b \ufeff",
    )
]


@pytest.mark.parametrize("text", RISKY)
def test_formulas_are_neutral_on_the_sheet_and_themselves_when_read(text):
    shown = neutral(text)
    assert original(shown) == text
    assert not shown.lstrip().startswith(("=", "+", "-", "@", "\t", "|", "\uff1d"))


@pytest.mark.parametrize("text", UNSEEN)
def test_what_has_no_width_hides_no_formula(text):
    """A spreadsheet or a mail programme may drop such a mark, and the cell begins with what
    follows.
    """
    assert neutral(text) == "'" + text and original(neutral(text)) == text
    assert neutral("\u200bplain") == "\u200bplain"


def test_a_formula_in_a_speech_survives_the_round_trip(lab: Lab, tmp_path):
    sheet = [
        dataclasses.replace(row, speech=f"=HYPERLINK({row.place})", first=RISKY[at % len(RISKY)])
        for at, row in enumerate(sheet_of(lab, pairs=30))
    ]
    path = tmp_path / "experts.csv"
    write_csv(sheet, ["overall"], path)
    assert not any(cell.lstrip().startswith("=") for line in cells_of(path) for cell in line)
    rows = list(read_csv(path, ["overall"]))
    assert [row.texts["speech"] for row in rows] == [row.speech for row in sheet] and [
        row.texts["first"] for row in rows
    ] == [row.first for row in sheet]
    fill(
        path,
        lambda number, row: {
            "annotator": "ann",
            "overall": "tie",
            "speech": row["speech"].lstrip("'"),
        },
    )
    assert len(read_all([(path, "")], sheet, SCALE).annotations) == 30, (
        "a spreadsheet may swallow the apostrophe"
    )


def test_letters_that_windows_old_encoding_lacks_do_no_harm(lab: Lab, tmp_path):
    sheet = [
        dataclasses.replace(row, speech=f"I said \u201eno\u201c \u2192 {row.place} \u4f60\u597d")
        for row in sheet_of(lab, pairs=6)
    ]
    path = tmp_path / "experts.csv"
    write_csv(sheet, ["overall"], path)
    fill(path, lambda number, row: {"annotator": "J\u00fcrgen", "overall": "first"}, "cp1252", ";")
    assert {row.annotator for row in read_all([(path, "")], sheet, SCALE).annotations} == {
        "J\u00fcrgen"
    }


def test_items_with_capitals_and_items_that_are_columns(lab: Lab, tmp_path):
    scale = Instrument(
        name="own",
        citation="",
        low=0,
        high=6,
        items=(Item(name="Bond", title="Bond", definition="d"),),
    )
    sheet = sheet_of(lab, pairs=4, replies=4, instrument=scale, safety="Bond")
    write_all(sheet, "all", scale, ("csv",), tmp_path)
    path = tmp_path / "experts-scores.csv"
    path.write_text(
        path.read_text(encoding="utf-8-sig")
        .replace("Bond", "BOND", 1)
        .replace("sheet_id", "Sheet_ID", 1),
        encoding="utf-8",
    )
    fill(path, lambda number, row: {"annotator": "ann", "BOND": "6"})
    assert {(row.item, row.score) for row in read_all([(path, "")], sheet, scale).ratings} == {
        ("Bond", 6.0)
    }
    named = Instrument(
        name="own",
        citation="",
        low=0,
        high=6,
        items=(Item(name="First", title="f", definition="d"),),
    )
    with pytest.raises(ValidationError, match="'First', which is a column of every sheet"):
        Validate(instrument=named)
