"""Leakage: over several sources, published and not, nothing alike and nothing of one client stands
on two sides of a split.
"""

import json
import random
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from psycopref.lab import Lab
from psycopref.stages.clean import Clean
from psycopref.stages.collect import Collect, SourceSetting
from psycopref.stages.dedup import Dedup
from psycopref.stages.topics import Topics
from psycopref.tables import FIRST, Dropped, Speech
from psycopref.text.duplicates.shingling import jaccard, shingles
from psycopref.text.normal import folded

PUBLISHED = {
    "paper": ("train", "train", "test"),
    "corpus": ("train", "dev", "gold"),
    "clinic": ("",),
    "forum": ("",),
}
COLUMNS = {"text": "said", "split": "part", "group": "client"}


def letters(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def planted(folder: Path, seed: int) -> dict[str, list[dict[str, str]]]:
    """Chains of edits over four sources, two of them with splits of their own, some rows with a
    client; files of JSON lines.
    """
    rng = random.Random(seed)
    rows: dict[str, list[dict[str, str]]] = {name: [] for name in PUBLISHED}
    for cluster in range(80):
        words = [letters(1000 * (cluster + 1) + number) for number in range(rng.randint(12, 40))]
        for _ in range(rng.randint(1, 7)):
            words = list(words)
            for _ in range(rng.randint(0, 3)):
                words[rng.randrange(len(words))] = letters(rng.randrange(10**6, 10**9))
            source = rng.choice(list(PUBLISHED))
            client = (
                f"Mr Client {rng.randrange(25)}"
                if source in ("clinic", "forum") and rng.random() < 0.4
                else ""
            )
            rows[source].append(
                {"said": " ".join(words), "part": rng.choice(PUBLISHED[source]), "client": client}
            )
    for name, some in rows.items():
        rng.shuffle(some)
        (folder / f"{name}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in some), encoding="utf-8"
        )
    return rows


def placed(lab: Lab, folder: Path, dedup: Dedup) -> tuple[list[Speech], list[Dropped]]:
    """The first four stages of the dataset flow."""
    sources = tuple(
        SourceSetting(
            name="jsonl",
            label=name,
            path=folder / f"{name}.jsonl",
            columns=COLUMNS,
            licence="CC0-1.0",
        )
        for name in PUBLISHED
    )
    found = lab.do(Collect(sources=sources, mask=False))
    clean = lab.do(Clean(low=0, high=10_000), found.speeches)
    unique = lab.do(dedup, clean.speeches)
    named = lab.do(Topics(test_share=0.3, gold_share=0.3, dev_share=0.3), unique.speeches)
    return list(named.speeches), [*found.dropped, *clean.dropped, *unique.dropped]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "dedup",
    [Dedup(), Dedup(cluster=0.5), Dedup(threshold=1.0)],
    ids=["usual", "wide", "no duplicate dropped"],
)
def test_nothing_alike_straddles(lab: Lab, tmp_path: Path, seed: int, dedup: Dedup) -> None:
    rows = planted(tmp_path, seed)
    speeches, dropped = placed(lab, tmp_path, dedup)
    assert len(speeches) + len(dropped) == sum(map(len, rows.values())), "nothing is lost"
    sets = {one.speech_id: shingles(one.text, 3) for one in speeches}
    clients = {
        (name, row["said"]): row["client"] for name, some in rows.items() for row in reversed(some)
    }
    together = 0
    for one, other in combinations(speeches, 2):
        client = clients[one.source, one.text]
        one_client = (
            client and one.source == other.source and client == clients[other.source, other.text]
        )
        if one_client or jaccard(sets[one.speech_id], sets[other.speech_id]) >= dedup.cluster:
            assert one.split == other.split
            together += 1
    assert together > 25
    for one in speeches:
        was = min(
            (
                row["part"]
                for some in rows.values()
                for row in some
                if folded(row["said"]) == folded(one.text)
            ),
            key=FIRST.index,
        )
        assert one.split == was if was not in ("", "train") else one.split != "", (
            "published splits stand, of two the one that is held out"
        )
        assert was != "train" or one.split in (
            "train",
            "dev",
            "gold",
        ), "nothing published as train is tested on"
    reasons = Counter(one.reason for one in dropped)
    assert (
        set(reasons) <= {"duplicate", "near duplicate", "straddles"}
        and reasons["straddles"] > 3
        and reasons["duplicate"] > 0
    )
    kept = {one.speech_id for one in speeches}
    later = {one.speech_id for one in dropped if one.reason != "duplicate"}
    assert all(
        one.near in (kept | later if one.reason == "duplicate" else kept) for one in dropped
    ), "each names a speech"
    assert not any("Client" in one.group for one in speeches), "a client's name is stored nowhere"


def test_without_groups_they_would_straddle(lab: Lab, tmp_path: Path) -> None:
    """The test above can fail: with clusters no wider than duplicates, pairs just below the
    threshold are parted.
    """
    planted(tmp_path, 0)
    speeches, _ = placed(lab, tmp_path, Dedup(cluster=1.0))
    sets = {one.speech_id: shingles(one.text, 3) for one in speeches}
    assert any(
        jaccard(sets[one.speech_id], sets[other.speech_id]) >= 0.7 and one.split != other.split
        for one, other in combinations(speeches, 2)
    )


def test_a_later_source_moves_no_published_speech(lab: Lab, tmp_path: Path) -> None:
    planted(tmp_path, 3)
    for name in ("clinic", "forum"):
        (tmp_path / f"{name}.jsonl").rename(tmp_path / f"{name}.later")
        (tmp_path / f"{name}.jsonl").write_text(
            json.dumps({"said": f"nothing but {name}", "part": "", "client": ""}) + "\n",
            encoding="utf-8",
        )
    before, _ = placed(lab, tmp_path, Dedup())
    for name in ("clinic", "forum"):
        (tmp_path / f"{name}.later").rename(tmp_path / f"{name}.jsonl")
    after, _dropped = placed(lab, tmp_path, Dedup())
    now = {one.speech_id: one for one in after}
    published = [one for one in before if one.source in ("paper", "corpus")]
    assert len(published) > 20
    assert all(one.speech_id in now for one in published), (
        "no published speech goes for what a later source brings"
    )
    assert all(
        now[one.speech_id].split == one.split or one.split in ("train", "dev", "gold")
        for one in published
    ), "test stays test"
    moved = [one for one in published if now[one.speech_id].split != one.split]
    assert all(now[one.speech_id].group for one in moved) and len(moved) < len(published) / 10
