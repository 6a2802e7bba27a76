"""The blind sheet, its way back, and figures that rest on annotations only."""

import csv
import traceback

import numpy as np
import pytest
from small_world import STYLES, small_world

from psycopref.columns import coarse
from psycopref.errors import SourceError
from psycopref.lab import Lab
from psycopref.stages.validate import Validate, chosen_first, read_annotations, shares, write_sheet
from psycopref.tables import Annotation, content_id

W = small_world(size=60)
TOPIC = {row.speech_id: coarse(row.topic) for row in W.speeches}


def validated(lab: Lab, annotations=(), pairs: int = 50):
    return lab.do(Validate(pairs=pairs, draws=200), W.speeches, W.responses, W.preferences, list(annotations))


def said(preference, who: str, choice: str) -> Annotation:
    return Annotation(content_id("annotation", preference.preference_id, who, "overall"), preference.preference_id, who, "overall", choice)


def test_the_sheet_has_as_many_pairs_as_asked_and_shows_no_model(lab: Lab):
    out = validated(lab)
    assert len(out.sheet) == 50 and not len(out.metrics)
    names = {column for row in out.sheet for column in row.__slots__}
    assert names == {"preference_id", "topic", "history", "speech", "first", "second"}
    assert not any(f"{model} " in f"{row.first} {row.second}" for row in out.sheet for model in STYLES)


def test_sides_are_about_even_and_hold_the_pairs_texts(lab: Lab):
    texts, pairs = {row.response_id: row.text for row in W.responses}, {row.preference_id: row for row in W.preferences}
    first = 0
    for row in validated(lab, pairs=120).sheet:
        pair = pairs[row.preference_id]
        sides = (texts[pair.chosen_id], texts[pair.rejected_id])
        assert (row.first, row.second) == (sides if chosen_first(row.preference_id) else sides[::-1])
        first += chosen_first(row.preference_id)
    assert 40 < first < 80


def test_topics_have_their_share(lab: Lab):
    every = [TOPIC[row.speech_id] for row in W.preferences]
    drawn = [coarse(row.topic) for row in validated(lab, pairs=100).sheet]
    for topic in set(every):
        assert drawn.count(topic) / 100 == pytest.approx(every.count(topic) / len(every), abs=0.035)


def test_shares_add_up():
    assert shares({"a": 5, "b": 3, "c": 2}, 4) == {"a": 2, "b": 1, "c": 1}
    assert sum(shares({"a": 7, "b": 7, "c": 7}, 10).values()) == 10


def test_fewer_pairs_than_asked_are_all_taken(lab: Lab):
    assert len(validated(lab, pairs=10_000).sheet) == len(W.preferences)


def test_a_filled_sheet_comes_back_in_source_terms(lab: Lab, tmp_path):
    sheet = validated(lab).sheet
    path = tmp_path / "sheet.csv"
    write_sheet(sheet, path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows[:20]):
        row |= {"annotator": "ann", "choice": ("First", "second", "tie")[number % 3], "seconds": "12.5"}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    found = read_annotations(path, sheet)
    assert len(found) == 20 and found[0].seconds == 12.5
    assert found[0].choice == ("chosen" if chosen_first(found[0].preference_id) else "rejected")
    assert found[1].choice == ("rejected" if chosen_first(found[1].preference_id) else "chosen")
    assert found[2].choice == "tie"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nowhere,ann,overall,first", "not on the sheet"),
        ("{id},ann,overall,left", "first, second or tie"),
        ("{id},,overall,first", "annotator and item"),
        ("{id},ann,overall,first\n{id},ann,overall,second", "row 3: .* chose twice .* row 2"),
        ("I never told,ann,overall,first", "row 2: its preference_id is not on the sheet"),
        ("{id},ann,overall,I never told", "row 2"),
        ("{id},I never told,never,first\n{id},I never told,never,second", "chose twice"),
        ("{id},ann,overall,first,I never told", "row 2: seconds must be a number"),
    ],
)
def test_mistakes_on_a_sheet_are_named(lab: Lab, tmp_path, line: str, says: str):
    sheet = validated(lab).sheet
    path = tmp_path / "sheet.csv"
    path.write_text("preference_id,annotator,item,choice,seconds\n" + line.format(id=sheet[0].preference_id) + "\n", encoding="utf-8")
    with pytest.raises(SourceError, match=says) as caught:
        read_annotations(path, sheet)
    assert "never" not in "".join(traceback.format_exception(caught.value)), "what stands in a shifted cell"


def test_a_sheet_without_its_columns_or_in_another_encoding(lab: Lab, tmp_path):
    sheet, path = validated(lab).sheet, tmp_path / "sheet.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(SourceError, match="preference_id"):
        read_annotations(path, sheet)
    path.write_bytes("preference_id,annotator\n\xe9,x\n".encode("latin-1"))
    with pytest.raises(SourceError, match="UTF-8"):
        read_annotations(path, sheet)


def test_agreement_of_two_experts(lab: Lab):
    rows = W.preferences[:60]
    notes = [said(row, "ann", "chosen" if n % 10 else "rejected") for n, row in enumerate(rows)]
    notes += [said(row, "ben", "chosen" if n % 5 else "rejected") for n, row in enumerate(rows)]
    found = {(row.name, row.slice): row for row in validated(lab, notes).metrics}
    assert found["expert.agreement", "overall:ann"].value == pytest.approx(0.9)
    assert found["expert.agreement", "overall:ben"].value == pytest.approx(0.8)
    assert found["expert.agreement", "overall"].count == 120
    assert found["experts.raw", "overall"].value == pytest.approx(0.9)
    assert found["experts.kappa", "overall"].value == pytest.approx((0.9 - 0.74) / (1 - 0.74))
    assert found["experts.prevalence", "overall"].value == pytest.approx(0.85)
    assert found["experts.ac1", "overall"].value > found["experts.alpha", "overall"].value


def test_one_expert_has_nobody_to_agree_with(lab: Lab):
    out = validated(lab, [said(row, "ann", "chosen") for row in W.preferences[:5]])
    assert {row.name for row in out.metrics} == {"expert.agreement"}


def test_who_is_silent_does_not_lower_the_prevalence(lab: Lab):
    notes = [said(row, who, "chosen") for n, row in enumerate(W.preferences[:30]) for who in ("ann", "ben", "cem") if who != ("ann", "ben", "cem")[n % 3]]
    found = {row.name: row for row in validated(lab, notes).metrics if row.slice == "overall"}
    assert found["experts.prevalence"].value == 1


def test_the_experts_intervals_draw_whole_speeches(lab: Lab):
    """Pairs of one speech that are judged alike say no more than one of them: the interval is that of the speeches."""
    own: dict[str, list] = {}
    for row in W.preferences:
        own.setdefault(row.speech_id, []).append(row)
    groups = [rows[:3] for rows in own.values() if len(rows) >= 3]
    assert len(groups) >= 20
    notes = [said(row, who, "chosen" if who == "ann" or n % 3 else "rejected") for n, rows in enumerate(groups) for row in rows for who in ("ann", "ben")]
    found = {row.name: row for row in validated(lab, notes).metrics if row.slice == "overall"}["experts.raw"]
    share = found.value
    assert found.count == 3 * len(groups) and share == pytest.approx(np.mean([n % 3 > 0 for n in range(len(groups))]))
    by_speech, by_pair = (3.92 * np.sqrt(share * (1 - share) / n) for n in (len(groups), 3 * len(groups)))
    assert found.high - found.low == pytest.approx(by_speech, rel=0.25) and found.high - found.low > 1.3 * by_pair
