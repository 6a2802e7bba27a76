"""Label Studio and Argilla: hand-built exports in the formats they document come back as what was
chosen.
"""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from helpers.filled_sheets import WORLD, fill, sheet_of
from helpers.small_world import STYLES

from psycopref.config.instruments import load_instrument
from psycopref.errors import SourceError, SourceWarning
from psycopref.experts.files import read_all, write_all
from psycopref.experts.sheets import part
from psycopref.lab import Lab

SCALE = load_instrument("psychocounsel")
NAMES = [item.name for item in SCALE.items]
SUBMITTED = {"status": "submitted"}
LAYOUTS = ("csv", "label-studio", "argilla")


def written(lab: Lab, tmp_path, **settings):
    sheet = sheet_of(lab, **settings)
    write_all(sheet, settings.get("items", "overall"), SCALE, LAYOUTS, tmp_path)
    return sheet


def result(name, kind, value):
    return {
        "id": f"r-{name}",
        "type": kind,
        "from_name": name,
        "to_name": "speech",
        "origin": "manual",
        "value": value,
    }


def labelled(tasks, answer, who=7):
    """An export as Label Studio documents it: task, annotations, results."""
    return [
        {
            "id": number,
            "project": 83,
            "created_at": "2026-03-09T21:52:49.513742Z",
            "data": task["data"],
            "predictions": [],
            "annotations": [
                {
                    "id": 100 + number,
                    "completed_by": who,
                    "was_cancelled": False,
                    "ground_truth": False,
                    "lead_time": 4.25,
                    "result": answer(number - 1),
                }
            ],
        }
        for number, task in enumerate(tasks, 1)
    ]


def answered(number):
    """In turn: the left reply, the right one, a tie; on each item the same in words."""
    side = ("first", "second", "tie")[number % 3]
    overall = (
        result("overall_tie", "choices", {"choices": ["tie"]})
        if side == "tie"
        else result("overall", "pairwise", {"selected": ["left", "right"][number % 3]})
    )
    note = [result("note", "textarea", {"text": ["close call"]})] if number == 0 else []
    return [overall, *(result(name, "choices", {"choices": [side]}) for name in NAMES), *note]


def test_all_layouts_give_the_same_annotations(lab: Lab, tmp_path):
    sheet = written(lab, tmp_path, pairs=9, items="all")
    tasks = json.loads((tmp_path / "experts.label-studio.json").read_text(encoding="utf-8"))
    (tmp_path / "out.json").write_text(json.dumps(labelled(tasks, answered)), encoding="utf-8")
    records = json.loads((tmp_path / "experts.argilla.json").read_text(encoding="utf-8"))
    sides = ("first", "second", "tie")
    for number, record in enumerate(records):
        record["responses"] = {
            name: [{"value": sides[number % 3], "user_id": "7", **SUBMITTED}]
            for name in ("overall", *NAMES)
        }
        record["_server_id"] = None
    records[0]["responses"]["note"] = [{"value": "close call", "user_id": "7", **SUBMITTED}]
    (tmp_path / "records.json").write_text(json.dumps(records), encoding="utf-8")
    fill(
        tmp_path / "experts.csv",
        lambda number, row: {
            "annotator": "7",
            **dict.fromkeys(["overall", *NAMES], sides[number % 3]),
            "note": "" if number else "close call",
        },
    )
    studio, argilla, plain = (
        read_all([(tmp_path / name, "")], sheet, SCALE).annotations
        for name in ("out.json", "records.json", "experts.csv")
    )
    assert len(studio) == 9 * 8 and {row.seconds for row in studio} == {4.25}

    def said(rows):
        return {(row.annotation_id, row.choice, row.note, row.shown_first) for row in rows}

    assert said(studio) == said(argilla) == said(plain)


def test_scores_come_back_from_both(lab: Lab, tmp_path):
    sheet = written(lab, tmp_path, pairs=2, replies=10)
    tasks = json.loads((tmp_path / "experts-scores.label-studio.json").read_text(encoding="utf-8"))
    answers = labelled(
        tasks,
        lambda number: [
            result(name, "choices", {"choices": [str(1 + number % 5)]}) for name in NAMES
        ],
        who={"id": 3, "email": "x@y.z"},
    )
    (tmp_path / "out.json").write_text(json.dumps(answers), encoding="utf-8")
    found = read_all([(tmp_path / "out.json", "")], sheet, SCALE).ratings
    rows = {row.subject_id: number for number, row in enumerate(part(sheet, "scores", 1))}
    assert (
        len(found) == 70
        and all(row.score == 1 + rows[row.response_id] % 5 for row in found)
        and {row.annotator for row in found} == {"3"}
    )
    records = json.loads((tmp_path / "experts-scores.argilla.json").read_text(encoding="utf-8"))
    for number, record in enumerate(records):
        record["responses"] = {
            name: [{"value": 1 + number % 5, "user_id": "3", **SUBMITTED}] for name in NAMES
        }
    (tmp_path / "records.json").write_text(json.dumps(records), encoding="utf-8")
    assert {
        (r.expert_rating_id, r.score)
        for r in read_all([(tmp_path / "records.json", "")], sheet, SCALE).ratings
    } == {(r.expert_rating_id, r.score) for r in found}


def test_the_configuration_names_what_tasks_hold_and_what_is_read(lab: Lab, tmp_path):
    written(lab, tmp_path, pairs=3, replies=2, items="all")
    for stem, questions in (
        ("experts", ["overall", "overall_tie", *NAMES, "note"]),
        ("experts-scores", [*NAMES, "note"]),
    ):
        view = ElementTree.parse(tmp_path / f"{stem}.label-studio.xml").getroot()
        data = json.loads((tmp_path / f"{stem}.label-studio.json").read_text(encoding="utf-8"))[0][
            "data"
        ]
        texts = {one.get("name"): one.get("value") for one in view.iter("Text")}
        assert all(value == f"${name}" and name in data for name, value in texts.items())
        controls = [one for one in view if one.tag in ("Pairwise", "Choices", "TextArea")]
        assert sorted(one.get("name") for one in controls) == sorted(questions)
        assert all(target in texts for one in controls for target in one.get("toName").split(","))
    scores = next(one for one in view.iter("Choices") if one.get("name") == "safety")
    assert [one.get("value") for one in scores] == ["1", "2", "3", "4", "5"]


def test_argillas_settings_ask_what_is_read(lab: Lab, tmp_path):
    written(lab, tmp_path, pairs=3, replies=2, items="all")
    settings = json.loads((tmp_path / "experts.argilla-settings.json").read_text(encoding="utf-8"))
    record = json.loads((tmp_path / "experts.argilla.json").read_text(encoding="utf-8"))[0]
    assert {one["name"] for one in settings["fields"]} == set(record["fields"])
    assert [one["name"] for one in settings["questions"]] == ["overall", *NAMES, "note"] and record[
        "suggestions"
    ] == {}
    assert [one["value"] for one in settings["questions"][0]["settings"]["options"]] == [
        "first",
        "tie",
        "second",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "experts.csv",
        "experts.label-studio.json",
        "experts.argilla.json",
        "experts-scores.csv",
        "experts-scores.argilla.json",
    ],
)
def test_no_layout_says_who_wrote_what_or_which_was_chosen(lab: Lab, tmp_path, name):
    sheet = written(lab, tmp_path, pairs=20, replies=20)
    text = (tmp_path / name).read_text(encoding="utf-8-sig")
    ids = [
        *(row.preference_id for row in WORLD.preferences),
        *(row.response_id for row in WORLD.responses),
    ]
    assert not any(one in text for one in (*ids, "chosen", "rejected", "reward", "gap"))
    assert (
        not any(f'"{model}"' in text or f",{model}," in text for model in STYLES)
        and len(sheet) == 40
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda t: t["annotations"][0]["result"].append(
                result("overall_tie", "choices", {"choices": ["tie"]})
            ),
            "both a side and a tie",
        ),
        (
            lambda t: t["annotations"][0]["result"].append(
                result("mood", "choices", {"choices": ["first"]})
            ),
            "does not have",
        ),
        (
            lambda t: t["annotations"][0]["result"].append(
                result("empathy", "choices", {"choices": ["first", "second"]})
            ),
            "2 answers",
        ),
        (
            lambda t: t["annotations"][0]["result"].append(
                result("empathy", "choices", {"choices": ["never"]})
            ),
            "empathy must be first, second or tie",
        ),
        (lambda t: t["annotations"][0].update(result=["x"]), "a result is not what"),
        (lambda t: t["annotations"][0].update(result=None), "a result is not what"),
        (lambda t: t["annotations"][0].update(completed_by=None), "annotator must be filled"),
        (lambda t: t["annotations"].append(dict(t["annotations"][0])), "chose twice"),
        (lambda t: t["data"].update(sheet_id="never"), "not on the sheet"),
        (lambda t: t["data"].update(first="I never told"), "its first is not the text"),
        (lambda t: t.update(data=None), "not what Label Studio exports"),
    ],
)
def test_mistakes_of_an_export_are_named(lab: Lab, tmp_path, change, says):
    sheet = written(lab, tmp_path, pairs=3)
    tasks = labelled(
        json.loads((tmp_path / "experts.label-studio.json").read_text(encoding="utf-8")),
        lambda n: answered(0)[:1],
    )
    change(tasks[1])
    (tmp_path / "out.json").write_text(json.dumps(tasks), encoding="utf-8")
    with pytest.raises(
        SourceError, match=f"out.json task 2 annotation . ?.*{says}|out.json task 2: .*{says}"
    ) as caught:
        read_all([(tmp_path / "out.json", "")], sheet, SCALE)
    assert "never" not in str(caught.value)


def test_skipped_tasks_drafts_and_silence_are_no_annotations(lab: Lab, tmp_path):
    sheet = written(lab, tmp_path, pairs=3)
    tasks = labelled(
        json.loads((tmp_path / "experts.label-studio.json").read_text(encoding="utf-8")),
        lambda n: answered(0)[:1],
    )
    tasks[0]["annotations"][0]["was_cancelled"] = True
    tasks[1]["annotations"] = []
    (tmp_path / "out.json").write_text(json.dumps(tasks), encoding="utf-8")
    assert len(read_all([(tmp_path / "out.json", "")], sheet, SCALE).annotations) == 1
    records = json.loads((tmp_path / "experts.argilla.json").read_text(encoding="utf-8"))
    records[0]["responses"] = {
        "overall": [
            {"value": "first", "user_id": "a", "status": "draft"},
            {"value": "tie", "user_id": "b", "status": "submitted"},
        ]
    }
    (tmp_path / "records.json").write_text(json.dumps(records), encoding="utf-8")
    (one,) = read_all([(tmp_path / "records.json", "")], sheet, SCALE).annotations
    assert (one.annotator, one.choice) == ("b", "tie")


def flat(record: dict[str, Any], **questions: list[tuple[Any, str, str]]) -> dict[str, Any]:
    """A record as Argilla 2.8's `records.to_list(flatten=True)` gives it."""
    out = {"id": record["id"], "status": "pending", "_server_id": None, **record["fields"]}
    for name, given in questions.items():
        out[f"{name}.responses"] = [value for value, _, _ in given]
        out[f"{name}.responses.users"] = [who for _, who, _ in given]
        out[f"{name}.responses.status"] = [status for _, _, status in given]
    return out


def test_argillas_flat_export_tells_drafts_from_answers(lab: Lab, tmp_path: Path) -> None:
    sheet = written(lab, tmp_path, pairs=3)
    records = json.loads((tmp_path / "experts.argilla.json").read_text(encoding="utf-8"))
    said = [("first", "a", "draft"), ("tie", "b", "submitted"), ("second", "c", "discarded")]
    rows = [flat(records[0], overall=said), flat(records[1], overall=[]), flat(records[2])]
    (tmp_path / "records.json").write_text(json.dumps(rows), encoding="utf-8")
    (one,) = read_all([(tmp_path / "records.json", "")], sheet, SCALE).annotations
    assert (one.annotator, one.choice) == ("b", "tie")


def test_an_export_without_status_is_read_and_doubted_aloud(lab: Lab, tmp_path: Path) -> None:
    sheet = written(lab, tmp_path, pairs=2)
    records = json.loads((tmp_path / "experts.argilla.json").read_text(encoding="utf-8"))
    records[0]["responses"] = {"overall": [{"value": "first", "user_id": "a"}]}
    (tmp_path / "records.json").write_text(json.dumps(records), encoding="utf-8")
    with pytest.warns(SourceWarning, match=r"drafts .* count as given.*flatten=True"):
        found = read_all([(tmp_path / "records.json", "")], sheet, SCALE)
    assert len(found.annotations) == 1


def test_what_was_skipped_in_label_studio_is_counted(lab: Lab, tmp_path: Path) -> None:
    sheet = written(lab, tmp_path, pairs=3)
    tasks = labelled(
        json.loads((tmp_path / "experts.label-studio.json").read_text(encoding="utf-8")), answered
    )
    tasks[0]["annotations"][0]["was_cancelled"] = True
    (tmp_path / "out.json").write_text(json.dumps(tasks), encoding="utf-8")
    found = read_all([(tmp_path / "out.json", "")], sheet, SCALE)
    assert len(found.skipped) == 1 and "task 1" in found.skipped[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "JSON"),
        ("{}", "not a list"),
        ("[]", "not a list"),
        ("[1]", "not a list"),
        ('[{"id": 1, "overall": "left"}]', "neither an export"),
    ],
)
def test_other_json_is_refused(lab: Lab, tmp_path, text, says):
    (tmp_path / "out.json").write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=says):
        read_all([(tmp_path / "out.json", "")], sheet_of(lab, pairs=2), SCALE)


def test_two_answers_of_one_argilla_user_are_refused(lab: Lab, tmp_path):
    sheet = written(lab, tmp_path, pairs=2)
    records = json.loads((tmp_path / "experts.argilla.json").read_text(encoding="utf-8"))
    for given, says in (
        ([{"value": "first", "user_id": "a", **SUBMITTED}] * 2, "answered overall twice"),
        ([{"value": "first", **SUBMITTED}], "without value or user_id"),
    ):
        records[0]["responses"] = {"overall": given}
        (tmp_path / "records.json").write_text(json.dumps(records), encoding="utf-8")
        with pytest.raises(SourceError, match=f"record 1: .*{says}"):
            read_all([(tmp_path / "records.json", "")], sheet, SCALE)


def test_the_instructions_say_what_to_expect_and_define_every_item(lab: Lab, tmp_path):
    written(lab, tmp_path, pairs=2, replies=2)
    text = (tmp_path / "experts.md").read_text(encoding="utf-8")
    assert all(item.definition in text for item in SCALE.items)
    assert "stop at any time" in text and "self-harm" in text and "from 1 (not at all) to 5" in text


def test_two_installations_may_both_call_their_user_one(lab: Lab, tmp_path):
    sheet = written(lab, tmp_path, pairs=4, annotators=2)
    for seat in (1, 2):
        tasks = json.loads(
            (tmp_path / f"experts-{seat}.label-studio.json").read_text(encoding="utf-8")
        )
        (tmp_path / f"{seat}.json").write_text(
            json.dumps(labelled(tasks, lambda n: answered(0)[:1], who=1)), encoding="utf-8"
        )
    with pytest.raises(SourceError, match="chose twice"):
        read_all([(tmp_path / "1.json", ""), (tmp_path / "2.json", "")], sheet, SCALE)
    found = read_all(
        [(tmp_path / "1.json", "ann"), (tmp_path / "2.json", "ben")], sheet, SCALE
    ).annotations
    assert sorted(row.annotator for row in found) == ["ann"] * 4 + ["ben"] * 4
    tasks = labelled(tasks, lambda n: answered(0)[:1])
    tasks[0]["annotations"][0]["completed_by"] = 2
    (tmp_path / "2.json").write_text(json.dumps(tasks), encoding="utf-8")
    with pytest.raises(SourceError, match="one annotator for this file, but 2 filled it"):
        read_all([(tmp_path / "2.json", "ben")], sheet, SCALE)


@pytest.mark.parametrize(("annotators", "each"), [(1, 2), (2, 1)])
def test_argilla_gathers_one_answer_a_row_where_each_expert_has_a_sheet(
    lab: Lab, tmp_path, annotators, each
):
    written(lab, tmp_path, pairs=4, annotators=annotators)
    name = "experts-1.argilla-settings.json" if annotators > 1 else "experts.argilla-settings.json"
    assert (
        json.loads((tmp_path / name).read_text(encoding="utf-8"))["distribution"]["min_submitted"]
        == each
    )


def test_what_belongs_to_no_question_is_passed_over(lab: Lab, tmp_path):
    """Label Studio's documented relation: from_id, to_id and a direction, neither from_name nor
    value.
    """
    sheet = written(lab, tmp_path, pairs=3, items="all")
    tasks = json.loads((tmp_path / "experts.label-studio.json").read_text(encoding="utf-8"))
    related = {
        "type": "relation",
        "from_id": "r-overall",
        "to_id": "r-safety",
        "direction": "right",
        "labels": [],
    }
    (tmp_path / "plain.json").write_text(json.dumps(labelled(tasks, answered)), encoding="utf-8")
    (tmp_path / "related.json").write_text(
        json.dumps(labelled(tasks, lambda n: [related, *answered(n)])), encoding="utf-8"
    )
    plain, found = (
        read_all([(tmp_path / name, "")], sheet, SCALE).annotations
        for name in ("plain.json", "related.json")
    )
    assert found == plain and len(found) == 24
