# mypy: disable-error-code="func-returns-value"
# a lambda that notes and goes on: `noted.append(1) or ...`
"""Families: what is alike or of one group stands on one side; what would join two sides is left
out.
"""

import random
import time
from itertools import combinations

import pytest

from psycopref.tables import groups_of
from psycopref.text.duplicates import near
from psycopref.text.duplicates.select import Measure, Sifted, sifted
from psycopref.text.duplicates.shingling import jaccard, shingles


def linked(texts: list[str], threshold: float, groups: list[str], sides: list[str]) -> Sifted:
    """Families alone: only texts whose shingles are the same repeat one another."""
    known = [groups_of(group) for group in groups]
    return sifted(texts, sides, known, Measure(1.0, threshold, 3, 128), None)


RANK = ("test", "dev", "gold", "train", "")


def planted(seed: int) -> tuple[list[str], list[str], list[str]]:
    """Texts in the order of their sides: chains and clusters of edits at random distances, some
    with a side, some with a group.
    """
    rng = random.Random(seed)
    rows = []
    for cluster in range(25):
        words = [f"c{cluster}w{number}" for number in range(rng.randint(12, 50))]
        for _ in range(rng.randint(1, 7)):
            words = list(words)
            for _ in range(rng.randint(0, 4)):
                words[rng.randrange(len(words))] = f"e{rng.random()}"
            rows.append(
                (
                    " ".join(words),
                    rng.choice(["", "", "train", "test", "dev", "gold"]),
                    rng.choice(["", "", "", f"g{rng.randrange(12)}"]),
                )
            )
    rng.shuffle(rows)
    rows.sort(key=lambda row: RANK.index(row[1]))
    texts, sides, groups = map(list, zip(*rows, strict=True))
    return texts, sides, groups


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("threshold", [0.5, 0.7])
def test_nothing_alike_straddles(seed: int, threshold: float) -> None:
    texts, sides, groups = planted(seed)
    out = linked(texts, threshold, groups, sides)
    astride = {at: other for at, (reason, other) in out.gone.items() if reason == "straddles"}
    kept = [at for at in range(len(texts)) if at not in out.gone]
    sets = [shingles(one, 3) for one in texts]
    of = {at: out.first.get(at, at) for at in kept}
    side = {at: sides[of[at]] or f"by the hash of {of[at]}" for at in kept}
    said = [
        {groups[other] for other in range(len(texts)) if sets[other] == sets[one]} - {""}
        for one in range(len(texts))
    ]
    own = {at: {groups[at]} - {""} for at in kept}
    members, every = {at: set(own[at]) for at in kept}, {at: set(own[at]) for at in kept}
    for at, (reason, other) in out.gone.items():
        if reason == "near duplicate":
            every[other] |= {groups[at]} - {""}
            members[other] |= {groups[at]} - {""} if sides[at] else set()
    for one, other in combinations(kept, 2):
        newcomers = (not sides[one] and own[one] & every[other]) or (
            not sides[other] and own[other] & every[one]
        )
        if (
            jaccard(sets[one], sets[other]) >= threshold
            or members[one] & members[other]
            or newcomers
        ):
            assert of[one] == of[other] and side[one] == side[other]
    assert all(sides[at] in ("", side[at]) for at in kept), "what has a side keeps it"
    assert len(astride) > 5 and len(set(of.values())) < len(kept)
    for at, other in astride.items():
        assert other < at and other not in out.gone and sides[of[other]] not in ("", sides[at])
        near = [
            one
            for one in kept
            if one < at and (jaccard(sets[one], sets[at]) >= threshold or said[one] & said[at])
        ]
        barred = (
            not sides[at] and groups[at]
        )  # a group that bridged goes even where what it bridged goes with it
        assert (
            barred or len({side[one] for one in near if sides[of[one]]} | {sides[at]} - {""}) > 1
        ), "only what bridges goes"


def test_families_are_no_larger_than_their_links() -> None:
    texts = list(dict.fromkeys(planted(99)[0]))
    out = linked(texts, 0.6, [""] * len(texts), [""] * len(texts))
    sets = [shingles(one, 3) for one in texts]
    near = {at: {at} for at in range(len(texts))}
    for one, other in combinations(range(len(texts)), 2):
        if jaccard(sets[one], sets[other]) >= 0.6 and near[one] is not near[other]:
            near[one] |= near[other]
            for member in near[other]:
                near[member] = near[one]
    assert dict(out.first) == {at: min(members) for at, members in near.items() if len(members) > 1}
    assert out.gone == {}


def test_time_stays_near_linear_in_one_large_family() -> None:
    base, took = [f"base{number}" for number in range(60)], []
    for count in (1000, 8000):
        texts = [
            " ".join([*base, *(f"own{number}_{at}" for at in range(8))]) for number in range(count)
        ]
        before = time.process_time()
        out = linked(texts, 0.7, [""] * count, [""] * count)
        took.append(time.process_time() - before)
    assert set(out.first.values()) == {0} and len(out.first) == 8000
    assert took[1] < 25 * max(took[0], 0.05), took


def test_time_where_a_family_grows_out_of_templated_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty statements with one of two words each: about one pair in a hundred is alike, so links
    grow with the pairs; families need one each.
    """
    compared, took = [], []
    jaccards = near.jaccard  # type: ignore[attr-defined]
    monkeypatch.setattr(
        near,
        "jaccard",
        lambda one, other: compared.append(1) or jaccards(one, other),
    )
    for count in (1000, 6000):
        rng = random.Random(3)
        texts = [
            " ".join(f"I am {rng.choice(('often', 'never'))} x{item}." for item in range(30))
            for _ in range(count)
        ]
        compared.clear()
        before = time.process_time()
        out = sifted(texts, [""] * count, [()] * count, Measure(0.8, 0.7, 3, 128), None)
        took.append(time.process_time() - before)
        assert len(compared) < 4 * count, "no second link to one family is looked for"
        assert len(out.first) > 0.7 * (count - len(out.gone)) and len(set(out.first.values())) < 10
    assert took[1] < 16 * max(took[0], 0.2), took
