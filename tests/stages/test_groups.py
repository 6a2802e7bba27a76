"""What belongs together stays together: groups of dropped duplicates count, and a test speech is
one whichever source is read first.
"""

import json
import random
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from psycopref.lab import Lab
from psycopref.stages.collect import Collect, SourceSetting
from psycopref.stages.dedup import Dedup
from psycopref.stages.topics import Topics
from psycopref.tables import FIRST, Speech
from psycopref.text.duplicates.shingling import jaccard, shingles
from psycopref.text.normal import folded

GROUP = {"group": "client"}
VOCABULARY = [
    "".join(random.Random(at).choices("abcdefghijklmnoprstuvwy", k=3 + at % 6)) for at in range(400)
]


def jsonl(folder: Path, name: str, rows: list[dict[str, Any]]) -> SourceSetting:
    (folder / f"{name}.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
    )
    return SourceSetting(
        name="jsonl",
        label=name,
        path=folder / f"{name}.jsonl",
        columns=GROUP if any("client" in row for row in rows) else {},
    )


def said(seed: str, words: int = 40) -> str:
    return " ".join(random.Random(seed).choices(VOCABULARY, k=words))


@pytest.mark.parametrize(
    "change",
    [str.upper, lambda text: text.rsplit(" ", 1)[0] + " end"],
    ids=["duplicate", "near duplicate"],
)
def test_what_else_a_client_of_a_published_test_speech_said_is_no_train_speech(
    lab: Lab, tmp_path: Path, change: Any
) -> None:
    public = jsonl(
        tmp_path, "public", [{"text": said(f"a{at}"), "split": "test"} for at in range(30)]
    )
    rows = [{"text": change(said(f"a{at}")), "client": f"c{at}"} for at in range(30)] + [
        {"text": said(f"b{at}"), "client": f"c{at}"} for at in range(30)
    ]
    collected = lab.do(Collect(sources=(public, jsonl(tmp_path, "intake", rows)), mask=False))
    deduped = lab.do(Dedup(), collected.speeches)
    placed = lab.do(Topics(), deduped.speeches).speeches
    assert len(placed) == 60 and {one.split for one in placed} == {"test"}
    assert len(collected.dropped) + len(deduped.dropped) == 30 and not any(
        " " in one.group for one in placed
    )


def test_two_clients_with_one_text_are_of_one_group(lab: Lab, tmp_path: Path) -> None:
    rows = [
        {"text": said("one"), "client": "a"},
        {"text": said("one"), "client": "b"},
        {"text": said("two"), "client": "b"},
    ]
    collected = lab.do(Collect(sources=(jsonl(tmp_path, "intake", rows),), mask=False))
    first, second = collected.speeches
    assert first.group.split()[1] == second.group and len(first.group.split()) == 2
    kept = lab.do(Dedup(), collected.speeches).speeches
    assert len({one.group for one in kept}) == 1 and kept[0].group == first.group.split()[0]


def test_a_corpus_keeps_the_groups_of_all_rows_of_a_question(lab: Lab, tmp_path: Path) -> None:
    rows = [
        {"instruction": "", "input": text, "output": "Yes.", "client": client}
        for text, client in (("q", "a"), ("q", "b"), ("r", "b"))
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows), encoding="utf-8")
    collected = lab.do(
        Collect(sources=(SourceSetting(name="psych8k", path=tmp_path / "a.json", columns=GROUP),))
    )
    first, second = collected.speeches
    assert len(first.group.split()) == 2 and first.group.split()[1] == second.group


def test_newcomers_that_bridge_two_published_splits_go_and_the_published_speeches_stay(
    lab: Lab,
) -> None:
    """A newcomer repeats a test speech and a train speech: what else it says is of both sides, and
    goes, whether it is read before or after.
    """
    rows = [
        Speech("t", "s", said("x"), split="test"),
        Speech("u", "s", said("y"), split="train"),
        Speech("g1", "n", said("v"), group="g"),
        Speech("g2", "n", said("x") + " end", group="g"),
        Speech("g3", "n", said("y") + " end", group="g"),
        Speech("g4", "n", said("w"), group="g"),
        Speech("free", "n", said("z"), group="h"),
    ]
    out = lab.do(Dedup(), rows)
    assert [(one.speech_id, one.split) for one in out.speeches] == [
        ("t", "test"),
        ("u", "train"),
        ("free", ""),
    ]
    assert {one.speech_id: one.reason for one in out.dropped} == {
        "g1": "straddles",
        "g4": "straddles",
        "g2": "near duplicate",
        "g3": "near duplicate",
    }
    assert all(one.near in ("t", "u") for one in out.dropped)


def test_a_published_group_that_a_repeat_would_put_on_two_sides_loses_the_less_held_out_side(
    lab: Lab,
) -> None:
    """g2 goes as a repeat of the test speech; so client g has said that, and g1 may not train."""
    rows = [
        Speech("t", "s", said("x"), split="test"),
        Speech("g1", "s", said("y"), split="train", group="g"),
        Speech("g2", "s", said("x") + " end", split="train", group="g"),
        Speech("free", "s", said("z"), split="train", group="h"),
    ]
    out = lab.do(Dedup(), rows)
    assert [(one.speech_id, one.split) for one in out.speeches] == [
        ("t", "test"),
        ("free", "train"),
    ]
    assert [(one.speech_id, one.reason, one.near) for one in out.dropped] == [
        ("g1", "straddles", "t"),
        ("g2", "near duplicate", "t"),
    ]


def test_a_test_speech_is_one_whichever_source_is_read_first(lab: Lab, tmp_path: Path) -> None:
    """What came with it as a train speech goes; what came with it as a test speech stays; a topic
    is taken from where there is one.
    """
    texts = {"train": "chosen in train", "test": "chosen in test"}
    for split, chosen in texts.items():
        row = {
            "prompt": "I cannot sleep.",
            "chosen": chosen,
            "rejected": f"not {chosen}",
            "score_chosen": 4,
            "score_rejected": 2,
        }
        row |= {"split": split} | ({"subset": "Anxiety"} if split == "test" else {})
        (tmp_path / f"{split}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    for order in (("train", "test"), ("test", "train")):
        sources = tuple(
            SourceSetting(name="preferences", label=name, path=tmp_path / f"{name}.jsonl")
            for name in order
        )
        out = lab.do(Collect(sources=sources))
        assert [(one.split, one.topic) for one in out.speeches] == [("test", "Anxiety")]
        assert sorted(one.text for one in out.responses) == ["chosen in test", "not chosen in test"]
        assert [one.split for one in out.preferences] == ["test"] and len(out.ratings) == 2
        assert {one.subject_id for one in out.ratings} == {one.response_id for one in out.responses}


def test_dropped_rows_of_labels_with_colons_are_told_apart(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    sources = []
    for label, folder in (("a", tmp_path / "b"), ("a:b", tmp_path)):
        (folder / "b.csv").write_text("text\n \n", encoding="utf-8")
        sources.append(SourceSetting(name="csv", label=label, path=folder / "b.csv"))
    out = lab.do(Collect(sources=tuple(sources)))
    assert len({one.dropped_id for one in out.dropped}) == 2


@pytest.mark.parametrize("seed", range(40))
def test_random_flows(lab: Lab, tmp_path: Path, seed: int) -> None:
    """Nothing is lost, and texts that are alike or of one group, also through what was dropped, are
    never on two sides.
    """
    at = random.Random(seed)
    sources = {f"s{number}": _rows(at) for number in range(at.randint(1, 3))}
    threshold, cluster = at.choice([0.8, 0.6, 0.9]), at.choice([0.7, 0.5, 0.9])
    collected = lab.do(
        Collect(
            sources=tuple(jsonl(tmp_path, name, rows) for name, rows in sources.items()), mask=False
        )
    )
    deduped = lab.do(Dedup(threshold=threshold, cluster=cluster), collected.speeches)
    placed = lab.do(
        Topics(test_share=0.3, gold_share=0.2, dev_share=0.2), deduped.speeches
    ).speeches
    assert sum(map(len, sources.values())) == len(collected.dropped) + len(deduped.dropped) + len(
        placed
    )
    own, sets = (
        {one.speech_id: one for one in placed},
        {one.speech_id: shingles(one.text, 3) for one in placed},
    )
    for one, other in combinations(placed, 2):
        assert (
            jaccard(sets[one.speech_id], sets[other.speech_id]) < cluster
            or one.split == other.split
        )
    repeated = {
        one.speech_id: one.near for one in deduped.dropped if one.reason == "near duplicate"
    }
    given, key = defaultdict(set), {folded(one.text): one.speech_id for one in collected.speeches}
    sides: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    unplaced: set[tuple[str, str]] = set()
    for name, rows in sources.items():
        for row in rows:
            speech = key[folded(row["text"])]
            given[speech].add(row.get("split", ""))
            stands = own.get(repeated.get(speech, speech))
            if row.get("client") and stands:
                sides[name, row["client"]].add(stands.split)
                if stands.speech_id == speech and not any(given[speech]):
                    unplaced.add((name, row["client"]))
    assert all(len(sides[client]) == 1 for client in unplaced), (
        "who says something without a split stands on one side, also through what was dropped"
    )
    first = {
        one.speech_id: min(given[one.speech_id], key=FIRST.index) for one in collected.speeches
    }
    assert {one.speech_id: one.split for one in collected.speeches} == first


def _rows(at: random.Random) -> list[dict[str, Any]]:
    bases = [
        [VOCABULARY[at.randrange(60)] for _ in range(at.randint(8, 40))]
        for _ in range(at.randint(2, 8))
    ]
    splits, clients = at.random() < 0.6, at.random() < 0.7
    rows = []
    for _ in range(at.randint(1, 40)):
        words = list(at.choice(bases))
        for _ in range(at.choice([0, 0, 1, 2, 4])):
            words[at.randrange(len(words))] = at.choice(VOCABULARY)
        row: dict[str, Any] = {
            "text": " ".join(words).upper() if at.random() < 0.1 else " ".join(words)
        }
        if splits and at.random() < 0.7:
            row["split"] = at.choice(["train", "train", "test", "dev", "gold"])
        if clients and at.random() < 0.7:
            row["client"] = f"c{at.randrange(6)}"
        rows.append(row)
    return rows
