"""Collect: every row ends in speeches or dropped, masked before it has an id; what came along comes
with it.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from psycopref.errors import SourceError
from psycopref.lab import Lab
from psycopref.stages.collect import Collect, Collected, SourceSetting, prepared, speech_id
from psycopref.tables import LENT, content_id
from psycopref.text.privacy import Masker


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def collect(lab: Lab, *sources: dict[str, Any], mask: bool = True) -> Collected:
    return lab.do(Collect(sources=sources, mask=mask))  # type: ignore[arg-type]


def test_every_row_is_a_speech_or_dropped(lab: Lab, tmp_path: Path) -> None:
    texts = [
        "I am lost.",
        "i am LOST!",
        " ",
        "I am lost. ",
        "My name is Sarah.",
        "My name is Paula.",
        "Another.",
    ]
    path = write(
        tmp_path / "a.csv", [{"id": f"r{at}", "text": text} for at, text in enumerate(texts)]
    )
    out = collect(lab, {"name": "csv", "path": path})
    assert [(one.source, one.text) for one in out.speeches] == [
        ("csv", "I am lost."),
        ("csv", "My name is <NAME>."),
        ("csv", "Another."),
    ]
    first = out.speeches[0].speech_id
    assert [(one.origin, one.reason, one.near) for one in out.dropped] == [
        ("csv:row 2", "duplicate", first),
        ("csv:row 3", "empty", ""),
        ("csv:row 4", "duplicate", first),
        ("csv:row 6", "duplicate", out.speeches[1].speech_id),
    ]
    assert len(out.speeches) + len(out.dropped) == len(texts)
    assert first == content_id("speech", "I am lost.") == speech_id("I am lost.")
    assert out.dropped[0].dropped_id == content_id("dropped", "collect", "csv", "row 2")


def test_unmasked_text_is_nowhere_on_disk(lab: Lab, tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv", [{"id": "1", "text": "My name is Zebulon and I live at 12 Oak Street."}]
    )
    collect(lab, {"name": "csv", "path": path})
    kept = [file for file in lab.work.rglob("*") if file.is_file() and file.suffix != ".sqlite-shm"]
    assert kept and not any(
        word in file.read_bytes() for file in kept for word in (b"Zebulon", b"Oak Street")
    )
    everything = "".join(
        str(pl.read_parquet(file).to_dicts()) for file in kept if file.suffix == ".parquet"
    )
    assert "<NAME>" in everything and "Zebulon" not in everything


def test_masking_is_a_choice() -> None:
    assert prepared("I'm&nbsp;Tom, 34.", True) == "I'm <NAME>, 34."
    assert prepared("I'm&nbsp;Tom, 34.", False) == "I'm Tom, 34."


def test_what_was_masked_is_counted_by_source_and_type(lab: Lab, tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv",
        [
            {"text": "My name is Sarah, call 555-123-4567."},
            {"text": "me and tyler fight"},
            {"text": "nothing here"},
        ],
    )
    out = collect(lab, {"name": "csv", "path": path, "label": "mine"}, {"name": "sample"})
    figures = {
        one.slice: (one.value, one.count) for one in out.metrics if one.name == "collect.masked"
    }
    assert figures == {"mine": (3, 3), "mine: NAME": (2, 3), "mine: PHONE": (1, 3)}
    assert list(collect(lab, {"name": "csv", "path": path}, mask=False).metrics) == []


def test_a_model_s_spans_are_joined_with_the_rules() -> None:
    def model(texts: Sequence[str]) -> list[list[tuple[int, int, str]]]:
        return [
            [(text.index("zeb"), text.index("zeb") + 3, "NAME")] if "zeb" in text else []
            for text in texts
        ]

    masker = Masker(model)
    assert masker(["zeb and Priya went", "<NAME> left zeb", "me"]) == [
        "<NAME> and <NAME> went",
        "<NAME> left <NAME>",
        "me",
    ]
    assert masker.counts == {"NAME": 3} and masker.texts == 3


def test_entities_are_checked_and_their_bytes_are_in_the_key(tmp_path: Path) -> None:
    source = {"name": "sample"}
    with pytest.raises(ValidationError, match="'PERSON' is none of them"):
        Collect(
            sources=(source,),  # type: ignore[arg-type]
            entities={"model": "x", "labels": {"PER": "PERSON"}},  # type: ignore[arg-type]
        )
    with pytest.raises(ValidationError, match="`mask` is false"):
        Collect(sources=(source,), entities={"model": "x"}, mask=False)  # type: ignore[arg-type]
    folder = tmp_path / "ner"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    one = Collect(sources=(source,), entities={"model": str(folder)})  # type: ignore[arg-type]
    assert folder / "config.json" in one.reads() and str(folder) not in one.model_dump_json()
    hub = Collect(sources=(source,), entities={"model": "owner/name@abc"})  # type: ignore[arg-type]
    assert "owner/name@abc" in hub.model_dump_json()


def test_what_came_along_is_masked_and_keyed(lab: Lab, tmp_path: Path) -> None:
    fields = {"questionTitle": "", "topic": "anxiety", "upvotes": "1"}
    path = write(
        tmp_path / "a.csv",
        [
            {
                "questionID": "9",
                "questionText": "Why me?",
                "answerText": "Be well,\nRobin Roe, LPC",
                **fields,
            }
        ],
    )
    out = collect(lab, {"name": "counsel-chat", "path": path})
    (speech,), (response,) = out.speeches, out.responses
    assert (speech.topic, response.model, response.text) == (
        "Anxiety",
        "therapist",
        "Be well,\n<NAME>, LPC",
    )
    assert response.response_id == content_id(
        "response", speech.speech_id, "therapist", response.text
    )


def published(
    tmp_path: Path,
    train: list[tuple[str, str, str, int, int]],
    test: list[tuple[str, str, str, int, int]],
) -> Path:
    (tmp_path / "hf" / "data").mkdir(parents=True)
    for split, rows in (("train", train), ("test", test)):
        values = [
            {
                "ID": at,
                "question": q,
                "chosen": c,
                "rejected": r,
                "chosen_model": "m",
                "rejected_model": "n",
            }
            | {
                "chosen_empathy_rating": high,
                "rejected_empathy_rating": low,
                "chosen_safety_rating": high,
                "rejected_safety_rating": low + 1,
            }
            for at, (q, c, r, high, low) in enumerate(rows)
        ]
        pl.DataFrame(values).write_parquet(
            tmp_path / "hf" / "data" / f"{split}-00000-of-00001.parquet"
        )
    return tmp_path / "hf"


def test_published_pairs_with_their_gaps_and_no_train_pair_under_a_test_speech(
    lab: Lab, tmp_path: Path
) -> None:
    place = published(
        tmp_path,
        [("one", "a", "b", 5, 2), ("Two!", "c", "d", 4, 2), ("one", "a", "e", 5, 3)],
        [("two", "f", "g", 4, 1)],
    )
    out = collect(lab, {"name": "published", "path": place})
    assert [(one.text, one.split) for one in out.speeches] == [("two", "test"), ("one", "train")]
    assert [(one.reason, one.near) for one in out.dropped] == [
        ("duplicate", out.speeches[0].speech_id)
    ]
    texts = {one.response_id: one.text for one in out.responses}
    assert sorted(texts.values()) == ["a", "b", "e", "f", "g"]
    assert {
        (texts[one.chosen_id], texts[one.rejected_id], one.gap, one.split)
        for one in out.preferences
    } == {
        ("f", "g", 2.5, "test"),
        ("a", "b", 2.5, "train"),
        ("a", "e", 1.5, "train"),
    }
    assert len(out.ratings) == 10 and {one.judge for one in out.ratings} == {"published"}


def test_the_key_follows_the_bytes_not_the_path(lab: Lab, tmp_path: Path) -> None:
    for name, text in (("a", "same"), ("b", "same"), ("c", "other")):
        write(tmp_path / f"{name}.csv", [{"text": text}])
        collect(lab, {"name": "csv", "path": tmp_path / f"{name}.csv"})
    assert [entry["found"] for entry in lab.taken] == [False, True, False]


def test_missing_file_unknown_source_and_repeated_labels(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        collect(lab, {"name": "csv", "path": tmp_path / "none.csv"})
    with pytest.raises(ValidationError, match="did you mean 'counsel-chat'"):
        Collect(sources=({"name": "counselchat"},))  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="two sources are called 'sample'"):
        Collect(sources=({"name": "sample"}, {"name": "sample"}))  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="knows its columns"):
        Collect(sources=({"name": "sample", "columns": {"text": "x"}},))  # type: ignore[arg-type]
    path = write(tmp_path / "a.csv", [{"text": "one"}])
    two = collect(
        lab, {"name": "csv", "path": path}, {"name": "csv", "path": path, "label": "again"}
    )
    assert [one.origin for one in two.dropped] == ["again:row 1"]


def test_the_sample(lab: Lab) -> None:
    out = collect(lab, {"name": "sample"})
    assert (len(out.speeches), len(out.dropped), len(out.responses)) == (222, 0, 0)


@pytest.mark.real
def test_counsel_chat_adds_up(lab: Lab, real_data: Path) -> None:
    out = collect(
        lab,
        {"name": "counsel-chat", "path": real_data / "counsel-chat" / "20200325_counsel_chat.csv"},
    )
    assert (len(out.speeches), len(out.dropped), len(out.responses)) == (824, 9, 824)
    assert {one.reason for one in out.dropped} == {"duplicate"}
    assert all(one.topic for one in out.speeches)


def test_what_is_too_long_to_mask_is_dropped_with_its_origin(lab: Lab, tmp_path: Path) -> None:
    long = "My name is Sarah. " * 600_000  # over 10 MB in one cell
    path = write(
        tmp_path / "a.csv",
        [
            {"id": "1", "text": long},
            {"id": "2", "text": "I am lost."},
            {"id": "3", "text": "<!--" + "<script>" * 12_000},
        ],
    )
    out = collect(lab, {"name": "csv", "path": path})
    assert next(one.text for one in out.speeches) == "I am lost." and len(out.speeches) == 2
    assert [(one.origin, one.reason) for one in out.dropped] == [("csv:row 1", "long")]


def test_a_text_pasted_twice_and_a_telephones_signature_go(lab: Lab, tmp_path: Path) -> None:
    said = "I have not slept since my mother died, and nobody asks."
    path = write(
        tmp_path / "a.csv",
        [
            {"text": f"{said}\n\n{said}\n\nSent from my iPhone"},
            {"text": f"{said} {said}"},
            {"text": "Sent from my Samsung Galaxy"},
        ],
    )
    out = collect(lab, {"name": "csv", "path": path})
    (speech,) = out.speeches
    assert speech.text == said
    assert [(one.reason, one.near) for one in out.dropped] == [
        ("duplicate", speech.speech_id),
        ("empty", ""),
    ]


def test_speeches_keep_the_order_of_their_source_over_parts(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from psycopref.store import parquet

    monkeypatch.setattr(parquet, "PART", 3)
    texts = [f"Speech number {at}." for at in range(10)]
    out = collect(
        lab, {"name": "csv", "path": write(tmp_path / "a.csv", [{"text": text} for text in texts])}
    )
    assert [one.text for one in out.speeches] == texts


def test_a_group_is_stored_as_an_id_and_a_published_split_stands(lab: Lab, tmp_path: Path) -> None:
    """One client of one source has one id, which does not say who; a speech that a later source has
    placed is placed.
    """
    (tmp_path / "new.csv").write_text(
        "text,client\nI feel alone,Ann Smith\nI am tired,Ann Smith\nI cannot sleep,Bo\n",
        encoding="utf-8",
    )
    (tmp_path / "old.csv").write_text(
        "text,split,client\nI feel alone!,test,\nSomething else,train,Ann Smith\n", encoding="utf-8"
    )
    new = SourceSetting(
        name="csv", label="new", path=tmp_path / "new.csv", columns={"group": "client"}
    )
    old = SourceSetting(
        name="csv", label="old", path=tmp_path / "old.csv", columns={"group": "client"}
    )
    out = lab.do(Collect(sources=(new, old)))
    groups = [one.group for one in out.speeches]
    # the first is lent: a newcomer's, of a speech that another source has placed
    assert (
        groups[0] == LENT + groups[1]
        and len(set(groups)) == 4
        and not any("Ann" in group for group in groups)
    ), "lent: a newcomer's, where a source has placed it"
    assert [one.split for one in out.speeches] == ["test", "", "", "train"]
    assert [one.reason for one in out.dropped] == ["duplicate"]
