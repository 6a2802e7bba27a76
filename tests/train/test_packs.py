"""The order of items and the making of batches."""

from collections import Counter

import torch

from psycopref.nets.batches import left_padded, micro_batches, right_padded
from psycopref.train.packs import batch, count_steps, order


def test_every_step_has_exactly_batch_size_items_and_epochs_are_whole() -> None:
    picked = [batch(step, 10, 4, seed=3) for step in range(5)]
    assert all(len(one) == 4 for one in picked)
    assert Counter(i for one in picked for i in one) == dict.fromkeys(range(10), 2)
    assert [i for one in picked for i in one] == order(10, 3, 0) + order(10, 3, 1)


def test_a_batch_larger_than_the_data_runs_into_the_next_epochs() -> None:
    assert batch(0, 3, 7, seed=0) == (order(3, 0, 0) + order(3, 0, 1) + order(3, 0, 2))[:7]


def test_order_depends_on_seed_and_epoch() -> None:
    assert len({tuple(order(30, seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_count_steps() -> None:
    assert (
        count_steps(10, 4, 1.0),
        count_steps(10, 4, 2.0),
        count_steps(3, 64, 1.0),
        count_steps(100, 10, 0.5),
    ) == (3, 5, 1, 5)


def test_micro_batches_hold_everything_once_within_the_budget() -> None:
    lengths = [5, 9, 1, 7, 30, 2, 2]
    groups = list(micro_batches(lengths, 18, [2] * len(lengths)))
    assert sorted(i for group in groups for i in group) == list(range(7))
    assert all(
        len(group) == 1 or 2 * max(lengths[i] for i in group) * len(group) <= 18 for group in groups
    )
    assert groups[0] == [4]


def test_items_of_several_rows_count_all_of_them() -> None:
    lengths, rows = [4, 4, 3, 3, 2], [3, 1, 2, 1, 1]
    groups = list(micro_batches(lengths, 16, rows))
    assert groups == [[0, 1], [2, 3, 4]]
    assert all(sum(rows[i] for i in group) * lengths[group[0]] <= 16 for group in groups)


def test_padding_sides() -> None:
    ids, mask = right_padded([[5], [6, 7]], 0, torch.device("cpu"))
    assert ids.tolist() == [[5, 0], [6, 7]] and mask.tolist() == [[1, 0], [1, 1]]
    ids, mask = left_padded([[5], [6, 7]], 0, torch.device("cpu"))
    assert ids.tolist() == [[0, 5], [6, 7]] and mask.tolist() == [[0, 1], [1, 1]]
