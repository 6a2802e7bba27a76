"""Made-up rows in the layouts of published preference sets: each becomes the same kind of entry,
and bad rows say where they are.
"""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from psycopref.errors import SourceError
from psycopref.lab import Lab
from psycopref.sources import preferences
from psycopref.sources.found import Found
from psycopref.stages.collect import Collect, SourceSetting
from psycopref.tables import Turn

ASK, GOOD, BAD = "I cannot sleep since the move.", "What keeps you awake?", "Just relax."
EARLIER = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "How are you?"}]
HISTORY = (Turn("client", "Hello."), Turn("counselor", "How are you?"))


def said(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


LAYOUTS: dict[str, tuple[dict[str, Any], tuple[Turn, ...]]] = {
    "plain": ({"prompt": ASK, "chosen": GOOD, "rejected": BAD}, ()),
    "conversational": (
        {
            "prompt": [*EARLIER, said("user", ASK)],
            "chosen": [said("assistant", GOOD)],
            "rejected": [said("assistant", BAD)],
        },
        HISTORY,
    ),
    "conversational, whole": (
        {
            "chosen": [
                said("system", "Be kind."),
                *EARLIER,
                said("user", ASK),
                said("assistant", GOOD),
            ],
            "rejected": [
                said("system", "Be kind."),
                *EARLIER,
                said("user", ASK),
                said("assistant", BAD),
            ],
        },
        HISTORY,
    ),
    "ultrafeedback": (
        {
            "prompt": ASK,
            "chosen": [said("user", ASK), said("assistant", GOOD)],
            "rejected": [said("user", ASK), said("assistant", BAD)],
            "score_chosen": 8.0,
            "score_rejected": 3.5,
        },
        (),
    ),
    "hh": (
        {
            "chosen": "\n\nHuman: Hello.\n\nAssistant: How are you?"
            f"\n\nHuman: {ASK}\n\nAssistant: {GOOD}",
            "rejected": "\n\nHuman: Hello.\n\nAssistant: How are you?"
            f"\n\nHuman: {ASK}\n\nAssistant: {BAD}",
        },
        HISTORY,
    ),
    "helpsteer2 preferences": (
        {"prompt": ASK, "response_1": BAD, "response_2": GOOD, "preference_strength": 2},
        (),
    ),
}


def written(folder: Path, *rows: dict[str, Any], name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def pair(found: Found) -> tuple[str, str]:
    ((chosen, rejected),) = found.pairs
    return found.answers[chosen].text, found.answers[rejected].text


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout(layout: str, tmp_path: Path) -> None:
    row, history = LAYOUTS[layout]
    (found,) = preferences.read(written(tmp_path, row), {})
    assert (found.text, found.history, pair(found)) == (ASK, history, (GOOD, BAD))
    if layout == "ultrafeedback":
        assert [answer.ratings[0][1] for answer in found.answers] == [8.0, 3.5]


def test_helpsteer2_ratings_pair_neighbours_and_no_pair_where_equal(tmp_path: Path) -> None:
    rows = [
        {"prompt": p, "response": r, "helpfulness": h, "coherence": 4}
        for p, r, h in ((ASK, BAD, 1), (ASK, GOOD, 4), ("Hi.", "a", 2), ("Hi.", "b", 2))
    ]
    one, two = preferences.read(written(tmp_path, *rows), {})
    assert pair(one) == (GOOD, BAD) and two.pairs == () and len(two.answers) == 2


def test_no_preference_is_no_pair(tmp_path: Path) -> None:
    (found,) = preferences.read(
        written(tmp_path, {**LAYOUTS["helpsteer2 preferences"][0], "preference_strength": 0}), {}
    )
    assert found.pairs == ()


def test_a_folder_of_parquet_keeps_its_splits(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("train", "test", "validation"):
        pl.DataFrame([LAYOUTS["conversational, whole"][0]]).write_parquet(
            tmp_path / "data" / f"{name}-00000-of-00001.parquet"
        )
    assert sorted(found.split for found in preferences.read(tmp_path, {})) == [
        "dev",
        "test",
        "train",
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": ASK}, "not a layout of preferences that is known"),
        ({"prompt": ASK, "chosen": GOOD, "rejected": None}, "line 1: 'rejected' is missing"),
        (
            {"chosen": "no turns", "rejected": "no turns"},
            "line 1: 'chosen' is a text without a prompt",
        ),
        (
            {
                "chosen": [said("user", "a"), said("assistant", "b")],
                "rejected": [said("user", "c"), said("assistant", "d")],
            },
            "not two replies to one client turn",
        ),
        (
            {"chosen": [said("doctor", "a")], "rejected": [said("assistant", "d")]},
            "not a list of messages",
        ),
        (
            {"prompt": ASK, "response_1": "a", "response_2": "b", "preference_strength": "2"},
            "'preference_strength' is missing or no finite number",
        ),
        (
            {"prompt": ASK, "response": "a", "helpfulness": None},
            "'helpfulness' is missing or no finite number",
        ),
    ],
)
def test_bad_rows_say_where_they_are_and_quote_nothing(
    row: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        list(preferences.read(written(tmp_path, row), {}))
    assert ASK not in str(caught.value) and "rows.jsonl" in str(caught.value)


USER, REPLY = said("user", ASK), said("assistant", BAD)
ODD: dict[str, tuple[dict[str, Any], str]] = {
    "dialogues that part earlier": (
        {
            "chosen": f"\n\nHuman: Hello.\n\nAssistant: Hi.\n\nHuman: {ASK}\n\nAssistant: {GOOD}",
            "rejected": f"\n\nHuman: Hello.\n\nAssistant: No.\n\nHuman: {ASK}\n\nAssistant: {BAD}",
        },
        "two prompts",
    ),
    "an empty last turn": (
        {
            "chosen": f"\n\nHuman: {ASK}\n\nAssistant: {GOOD}",
            "rejected": f"\n\nHuman: {ASK}\n\nAssistant: ",
        },
        "empty turn",
    ),
    "other system messages": (
        {
            "chosen": [said("system", "Be kind."), USER, said("assistant", GOOD)],
            "rejected": [said("system", "Be curt."), USER, REPLY],
        },
        "two prompts",
    ),
    "a call of a tool": (
        {
            "chosen": [
                USER,
                {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
                said("tool", "42"),
                said("assistant", GOOD),
            ],
            "rejected": [USER, REPLY],
        },
        "tool turns",
    ),
    "no content": (
        {"chosen": [USER, {"role": "assistant", "content": None}], "rejected": [USER, REPLY]},
        "empty turn",
    ),
    "a picture": (
        {
            "chosen": [USER, {"role": "assistant", "content": [{"type": "image_url"}]}],
            "rejected": [USER, REPLY],
        },
        "empty turn",
    ),
    "white space": (
        {"chosen": [USER, said("assistant", " ")], "rejected": [USER, REPLY]},
        "empty turn",
    ),
    "null": ({"prompt": ASK, "chosen": None, "rejected": BAD}, "no chosen"),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("first", [True, False])
def test_an_odd_row_is_dropped_and_the_rest_is_read(
    name: str, first: bool, tmp_path: Path, lab: Lab
) -> None:
    row, reason = ODD[name]
    layout = LAYOUTS["hh" if isinstance(row["chosen"], str) else "conversational, whole"][0]
    path = written(tmp_path, *([row, layout] if first else [layout, row]))
    out = lab.do(Collect(sources=(SourceSetting(name="preferences", path=path),)))
    assert len(out.preferences) == 1 and len(out.speeches) == 1
    (dropped,) = out.dropped
    assert dropped.reason == reason and dropped.origin.endswith(f"line {1 if first else 2}")


def test_parts_and_developers_are_read(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": GOOD[:5]}, {"type": "text", "text": GOOD[5:]}]
    row = {
        "prompt": [said("developer", "Be kind."), said("user", ASK)],
        "chosen": [{"role": "assistant", "content": parts}],
        "rejected": [said("assistant", BAD)],
    }
    (found,) = preferences.read(written(tmp_path, row), {})
    assert (found.text, pair(found)) == (ASK, (GOOD, BAD))


def test_not_json_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"prompt": "a", "chosen": "b", "rejected": "c"}\n\xff\n')
    with pytest.raises(SourceError, match="line 2: not JSON in UTF-8"):
        list(preferences.read(path, {}))


def mixed(tmp_path: Path, **more: Any) -> Collect:
    sources = []
    for name, count in (("psy", 40), ("help", 60)):
        rows = [
            {"prompt": f"{name} {n}: {ASK}", "chosen": GOOD, "rejected": BAD} for n in range(count)
        ]
        settings = {
            "name": "preferences",
            "label": name,
            "path": written(tmp_path, *rows, name=f"{name}.jsonl"),
            **more.get(name, {}),
        }
        sources.append(SourceSetting.model_validate(settings))
    return Collect(sources=tuple(sources), budget=more.get("budget"))


def test_sets_are_mixed_by_weight_and_by_count(lab: Lab, tmp_path: Path) -> None:
    def counted(collect: Collect) -> dict[str, int]:
        found = lab.do(collect)
        assert len(found.preferences) == len(found.speeches)
        return {name: sum(row.source == name for row in found.speeches) for name in ("psy", "help")}

    assert counted(mixed(tmp_path)) == {"psy": 40, "help": 60}
    assert counted(mixed(tmp_path, psy={"take": 10}, help={"take": 25})) == {"psy": 10, "help": 25}
    assert counted(mixed(tmp_path, budget=21, psy={"weight": 1.0}, help={"weight": 2.0})) == {
        "psy": 7,
        "help": 14,
    }
    assert counted(mixed(tmp_path, budget=20, psy={"weight": 1.0}, help={"weight": 2.0})) == {
        "psy": 7,
        "help": 13,
    }
    small, large = (
        {
            row.text
            for row in lab.do(mixed(tmp_path, psy={"take": n})).speeches
            if row.source == "psy"
        }
        for n in (10, 20)
    )
    assert small < large, "a larger share keeps what a smaller one had"


def test_mixing_mistakes_are_errors(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="'psy': 50 entries are asked for, it has 40"):
        lab.do(mixed(tmp_path, psy={"take": 50}))
    with pytest.raises(ValidationError, match="weights and a budget go together"):
        mixed(tmp_path, budget=10, psy={"weight": 1.0})
    with pytest.raises(ValidationError, match="has `take` although there is a `budget`"):
        mixed(tmp_path, budget=10, psy={"weight": 1.0, "take": 3}, help={"weight": 1.0})


def test_lists_of_right_and_wrong_answers_pair_each_with_each(tmp_path: Path) -> None:
    row = {
        "id": "1",
        "subset": "Safety",
        "prompt": ASK,
        "chosen": ["Yes."],
        "rejected": ["No.", "Never.", "Perhaps."],
        "models": ["a", "b", "c", "d"],
    }
    path = tmp_path / "bench.jsonl"
    path.write_text(
        json.dumps(row) + "\n" + json.dumps({**row, "chosen": ["One.", "Two."], "models": None}),
        encoding="utf-8",
    )
    first, second = preferences.read(path, {})
    assert (
        first.topic == "Safety"
        and [answer.model for answer in first.answers] == ["a", "b", "c", "d"]
        and first.pairs == ((0, 1), (0, 2), (0, 3))
    )
    assert second.pairs == ((0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)) and {
        answer.model for answer in second.answers
    } == {"unknown"}
    path.write_text(json.dumps({**row, "rejected": ["No.", ""]}), encoding="utf-8")
    with pytest.raises(SourceError, match="line 1: 'rejected' is not a list of texts"):
        list(preferences.read(path, {}))


def test_odd_pairs_are_told(tmp_path: Path, lab: Lab) -> None:
    scored = {"score_chosen": 2.0, "score_rejected": 7.0}
    rows = [
        {"prompt": "One and one.", "chosen": GOOD, "rejected": f"{GOOD}  "},
        {"prompt": "Two and two.", "chosen": GOOD, "rejected": BAD, **scored},
        {"prompt": "Three and three.", "chosen": GOOD, "rejected": BAD, "split": "test"},
        {"prompt": "Three and three.", "chosen": GOOD, "rejected": "No.", "split": "train"},
        {"prompt": "Four and four.", "chosen": GOOD, "rejected": BAD},
        {"prompt": "Four and four.", "chosen": BAD, "rejected": GOOD},
    ]
    path = written(tmp_path, *rows)
    out = lab.do(Collect(sources=(SourceSetting(name="preferences", label="set", path=path),)))
    told = {row.slice: row.value for row in out.metrics if row.name == "collect.pairs"}
    assert told == {
        "set: backwards": 1,
        "set: contradicted": 1,
        "set: equal": 1,
        "set: other split": 1,
    }
    assert len(out.preferences) == 4
