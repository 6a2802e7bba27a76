"""Dedup keeps the first of near duplicates, and a held-out test speech before any other."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from psycopref.lab import Lab
from psycopref.progress import Progress, Tick
from psycopref.stages.dedup import Dedup, Semantic, _Told
from psycopref.tables import Speech, Split
from psycopref.text.duplicates.shingling import jaccard, shingles

LONG = " ".join(f"word{number}" for number in range(60))


def speech(key: str, text: str, split: Split = "", group: str = "") -> Speech:
    return Speech(key, "test", text, split=split, group=group)


def words(first: int, last: int) -> str:
    return " ".join(f"word{number}" for number in range(first, last))


NEAR, FAR = words(10, 60) + " a b c d", words(20, 60) + " a b c d e f g h i j k l m n o p q"


def test_how_far_the_texts_are() -> None:
    sets = [shingles(one, 3) for one in (LONG, NEAR, FAR)]
    assert (
        0.8 > jaccard(sets[0], sets[1]) >= 0.7 > jaccard(sets[0], sets[2])
        and jaccard(sets[1], sets[2]) < 0.7
    )


def test_first_kept_wins_and_is_named(lab: Lab) -> None:
    out = lab.do(
        Dedup(),
        [
            speech("a", LONG),
            speech("b", "something else entirely here"),
            speech("c", LONG.upper() + "!"),
            speech("d", LONG + " more"),
        ],
    )
    assert [one.speech_id for one in out.speeches] == ["a", "b"]
    assert [(one.speech_id, one.reason, one.near) for one in out.dropped] == [
        ("c", "near duplicate", "a"),
        ("d", "near duplicate", "a"),
    ]


def test_a_test_speech_stays_and_the_order_too(lab: Lab) -> None:
    out = lab.do(
        Dedup(),
        [
            speech("a", LONG, "train"),
            speech("b", "something else entirely here", "train"),
            speech("c", LONG + " more", "test"),
        ],
    )
    assert [one.speech_id for one in out.speeches] == ["b", "c"]
    assert [(one.speech_id, one.near) for one in out.dropped] == [("a", "c")]


def test_the_threshold_is_a_setting(lab: Lab) -> None:
    half = (
        " ".join(f"word{number}" for number in range(30))
        + " "
        + " ".join(f"other{number}" for number in range(5))
    )
    assert len(lab.do(Dedup(), [speech("a", LONG), speech("b", half)]).dropped) == 0
    assert len(lab.do(Dedup(threshold=0.3), [speech("a", LONG), speech("b", half)]).dropped) == 1
    assert len(lab.do(Dedup(), []).speeches) == 0


def splits(out: object) -> list[tuple[str, str]]:
    return [(one.speech_id, one.split) for one in out.speeches]  # type: ignore[attr-defined]


def dropped(out: object) -> list[tuple[str, str, str]]:
    return [
        (one.speech_id, one.reason, one.near)
        for one in out.dropped  # type: ignore[attr-defined]
    ]


def test_what_is_alike_gets_one_group_and_the_split_of_what_is_placed(lab: Lab) -> None:
    out = lab.do(Dedup(), [speech("a", LONG), speech("b", NEAR, "train"), speech("c", FAR)])
    assert splits(out) == [("a", "train"), ("b", "train"), ("c", "")]
    groups = [one.group for one in out.speeches]
    assert groups[0] == groups[1] != "" and groups[2] == "" and not out.dropped
    loose = lab.do(
        Dedup(cluster=0.9), [speech("a", LONG), speech("b", NEAR, "train"), speech("c", FAR)]
    )
    assert splits(loose) == [("a", ""), ("b", "train"), ("c", "")] and {
        one.group for one in loose.speeches
    } == {""}


def test_of_published_speeches_on_two_sides_the_held_out_one_stays(lab: Lab) -> None:
    out = lab.do(
        Dedup(), [speech("a", LONG, "train"), speech("b", NEAR, "test"), speech("c", FAR, "dev")]
    )
    assert splits(out) == [("b", "test"), ("c", "dev")] and dropped(out) == [
        ("a", "straddles", "b")
    ]


def test_a_newcomer_that_bridges_two_splits_goes(lab: Lab) -> None:
    middle = words(0, 60)
    left, right = words(0, 50) + " q r s t", "u v w x " + words(10, 60)
    assert (
        jaccard(shingles(left, 3), shingles(right, 3))
        < 0.7
        <= min(jaccard(shingles(middle, 3), shingles(one, 3)) for one in (left, right))
    )
    out = lab.do(
        Dedup(), [speech("new", middle), speech("a", left, "train"), speech("b", right, "test")]
    )
    assert splits(out) == [("a", "train"), ("b", "test")] and dropped(out) == [
        ("new", "straddles", "b")
    ]
    assert {one.group for one in out.speeches} == {""}


def test_a_group_of_the_source_stays_together(lab: Lab) -> None:
    rows = [
        speech("a", LONG, group="g"),
        speech("b", "quite another thing", group="g"),
        speech("c", "and one more of mine", "test", "g"),
        speech("d", FAR),
    ]
    out = lab.do(Dedup(), rows)
    assert splits(out) == [("a", "test"), ("b", "test"), ("c", "test"), ("d", "")]
    assert [one.group for one in out.speeches] == ["g", "g", "g", ""]
    out = lab.do(Dedup(), [*rows, speech("e", "a client of two sides", "train", "g")])
    assert dropped(out) == [("e", "straddles", "c")]


def test_placed_speeches_come_before_newcomers(lab: Lab) -> None:
    out = lab.do(Dedup(), [speech("new", LONG), speech("a", LONG + " more", "train")])
    assert splits(out) == [("a", "train")] and dropped(out) == [("new", "near duplicate", "a")]


def test_the_same_meaning(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors by hand: what is left of near duplicates is compared by its meaning, across splits,
    the held-out speech first.
    """
    made = {
        "one thing": [1.0, 0.0],
        "the same thing": [0.99, 0.141],
        "another": [0.0, 1.0],
        LONG: [0.6, 0.8],
        LONG + " more": [1.0, 0.0],
    }

    def embedded(source: str, texts: list[str], batch_tokens: int, progress: object) -> np.ndarray:
        rows = np.array([made[text] for text in texts], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    from psycopref.nets import embeddings

    monkeypatch.setattr(embeddings, "embedded", embedded)
    rows = [
        speech("a", "one thing", "train"),
        speech("b", "another"),
        speech("c", LONG),
        speech("d", LONG + " more"),
        speech("e", "the same thing", "test"),
    ]
    out = lab.do(Dedup(semantic=Semantic(model="encoder", threshold=0.95)), rows)
    assert dropped(out) == [("a", "same meaning", "e"), ("d", "near duplicate", "c")]
    assert splits(out) == [("b", ""), ("c", ""), ("e", "test")]


def test_an_encoder_folder_is_part_of_the_key(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text("{}", encoding="utf-8")
    assert [file.name for file in Dedup(semantic=Semantic(model=str(tmp_path))).reads()] == [
        "config.json",
        "config.json",
    ]
    assert Dedup(semantic=Semantic(model="someone/encoder")).reads() == () == Dedup().reads()


def test_a_real_encoder(lab: Lab, tmp_path: Path) -> None:
    from helpers.encoders import encoder
    from helpers.tiny import build_world

    world = build_world()
    folder = encoder(tmp_path / "encoder", world, "bert")
    out = lab.do(
        Dedup(threshold=1.0, semantic=Semantic(model=str(folder), threshold=0.999)), world.speeches
    )
    assert len(out.speeches) + len(out.dropped) == len(world.speeches) and {
        one.reason for one in out.dropped
    } <= {"same meaning"}


class Lines(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.told: dict[str, int] = {}

    @contextmanager
    def track(self, name: str, total: int | None = None) -> Iterator[Tick]:
        with super().track(name, total) as tick:
            yield tick
        self.told[f"{name} of {total}"] = tick.done


@pytest.mark.parametrize("count", [0, 1, 500, 1234])
def test_progress_counts_every_speech(count: int) -> None:
    lines = Lines()
    assert list(_Told(lines, count)(range(count), "dedup")) == list(range(count))
    assert lines.told == {f"dedup of {count}": count}
