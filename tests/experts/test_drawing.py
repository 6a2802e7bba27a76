"""What is drawn, and who sees which side first."""

from collections import Counter

import pytest

from psycopref.experts.sampling import APART, arranged, repeated, shares

PAIRS = [f"preference-{n:016x}" for n in range(202)]


def test_shares_add_up():
    assert shares({"a": 5, "b": 3, "c": 2}, 4) == {"a": 2, "b": 1, "c": 1}
    assert sum(shares({"a": 7, "b": 7, "c": 7}, 10).values()) == 10


@pytest.mark.parametrize("seat", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 40, 200, 201, 202])
def test_each_sheet_is_balanced_within_one_and_in_every_block(seat, size):
    rows = arranged(PAIRS[:size], seat, 0)
    assert sorted(one for one, _ in rows) == sorted(PAIRS[:size])
    first = sum(first for _, first in rows)
    assert abs(2 * first - size) <= 1
    assert all(
        abs(2 * sum(one for _, one in rows[: at + 1]) - at - 1) <= 5 for at in range(size)
    ), "never far from even on the way"


def test_two_experts_see_half_of_the_pairs_with_opposite_sides_and_in_another_order():
    one, two = (dict(arranged(PAIRS[:200], seat, 0)) for seat in (1, 2))
    assert sum(one[pair] != two[pair] for pair in one) == 100
    assert list(one) != list(two)
    joint = Counter((one[pair], two[pair]) for pair in one)
    assert set(joint.values()) == {50}


def test_sides_and_order_follow_the_seed_and_nothing_else():
    assert arranged(PAIRS, 1, 0) == arranged(PAIRS[::-1], 1, 0) != arranged(PAIRS, 1, 1)


def test_repetitions_swap_sides_and_come_late():
    rows = arranged(PAIRS[:200], 1, 0)
    again = repeated(rows, 0.1, 1, 0)
    place = {one: at for at, (one, _) in enumerate(rows)}
    assert len(again) == 20 == len({one for one, _ in again})
    assert all(first != dict(rows)[one] for one, first in again)
    assert all(200 + at - place[one] >= APART for at, (one, _) in enumerate(again))
    assert repeated(rows, 0.0, 1, 0) == []
