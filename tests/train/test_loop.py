"""The loop: micro-batches change nothing, a killed run goes on to the same weights, bad losses are
errors.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.tiny import TINY, World

from psycopref.errors import TrainError
from psycopref.nets import forward, weights
from psycopref.progress import Progress
from psycopref.train import examples, losses
from psycopref.train.loop import Task, train
from psycopref.train.optimiser import learning_rate
from psycopref.train.packs import Item
from psycopref.train.reference import with_reference
from psycopref.train.settings import Training

REWARD = Task("reward", forward.rewards, losses.bradley_terry)


def plan(**more: Any) -> Training:
    return Training(
        **{
            "lr": 1e-3,
            "batch_size": 4,
            "epochs": 3,
            "size": TINY,
            "keep_every": 2,
            "dropout": 0.1,
            "best": "loss",
            "dev_every": 2,
            **more,
        }
    )


def ready(world: World, seed: int = 0) -> tuple[weights.Loaded, list[Item], list[Item]]:
    loaded = weights.fresh_reward(
        examples.texts(world.speeches, world.responses, "train"), TINY, seed
    )
    train_, dev = (
        examples.pairs(loaded.tokenizer, *world, split, 512).items for split in ("train", "dev")
    )
    return loaded, train_, dev


def trained(
    world: World, place: Path, settings: Training, task: Task = REWARD
) -> tuple[dict[str, torch.Tensor], list[Any]]:
    loaded, items, dev = ready(world)
    weights.set_dropout(loaded.model, settings.dropout)
    points = train(loaded.model, task, items, dev, settings, place, Progress())
    return dict(loaded.model.state_dict()), points


def test_it_learns_and_tells(world: World, tmp_path: Path) -> None:
    _, points = trained(world, tmp_path, plan(epochs=6, lr=3e-3))
    last = {point.name: point.value for point in points}
    assert last["dev_accuracy"] == 1.0 and last["loss"] < 0.5
    assert {"loss", "accuracy", "dev_loss", "dev_accuracy", "lr"} == set(last)
    assert len({point.point_id for point in points}) == len(points)


def test_a_killed_run_goes_on_to_the_same_weights_bit_for_bit(world: World, tmp_path: Path) -> None:
    whole, curve = trained(world, tmp_path / "whole", plan())

    class Killed(Exception):
        pass

    calls = 0

    def dying(model: Any, rows: Sequence[Any]) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 10:
            raise Killed
        return forward.rewards(model, rows)

    with pytest.raises(Killed):
        trained(world, tmp_path / "cut", plan(), Task("reward", dying, losses.bradley_terry))
    assert (tmp_path / "cut" / "state.pt").exists()
    torch.rand(7)
    resumed, resumed_curve = trained(world, tmp_path / "cut", plan())
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert curve == resumed_curve


def test_micro_batches_do_not_change_the_gradient(world: World, tmp_path: Path) -> None:
    one, _ = trained(world, tmp_path / "1", plan(dropout=0.0, batch_tokens=64))
    all_, _ = trained(world, tmp_path / "2", plan(dropout=0.0, batch_tokens=100_000))
    assert all(torch.allclose(one[name], all_[name], atol=1e-4) for name in one)


def test_recomputed_activations_change_nothing(world: World, tmp_path: Path) -> None:
    one, _ = trained(world, tmp_path / "1", plan(dropout=0.0))
    two, _ = trained(world, tmp_path / "2", plan(dropout=0.0, recompute=True))
    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)


def test_a_loss_that_is_not_a_number_is_an_error(world: World, tmp_path: Path) -> None:
    bad = Task(
        "reward",
        lambda model, rows: forward.rewards(model, rows) * float("nan"),
        losses.bradley_terry,
    )
    with pytest.raises(TrainError, match="the loss is nan at step 1; lower lr"):
        trained(world, tmp_path, plan(), bad)


def test_nothing_to_train_on_is_an_error(world: World, tmp_path: Path) -> None:
    loaded, _, _ = ready(world)
    with pytest.raises(TrainError, match="nothing to train on"):
        train(loaded.model, REWARD, [], [], plan(), tmp_path, Progress())


def test_the_best_weights_by_dev_are_kept(world: World, tmp_path: Path) -> None:
    got, points = trained(world, tmp_path, plan(lr=5e-3, epochs=8))
    loaded, _, dev = ready(world)
    loaded.model.load_state_dict(got)
    best = min(point.value for point in points if point.name == "dev_loss")
    rows = [row for item in dev for row in item.rows]
    found = {
        i: v
        for group, values in forward.measure_all(loaded.model, forward.rewards, rows, 4096)
        for i, v in zip(group, values, strict=True)
    }
    margins = torch.tensor([found[2 * i] - found[2 * i + 1] for i in range(len(dev))])
    assert float(-torch.nn.functional.logsigmoid(margins).mean()) == pytest.approx(best, abs=1e-5)


def test_reference_is_computed_once(world: World, tmp_path: Path) -> None:
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    items = examples.pairs(loaded.tokenizer, *world, "train", 512).items
    first = with_reference(loaded.model, forward.logps, items, plan(), tmp_path / "ref.pt")
    again = with_reference(
        loaded.model, lambda *_: pytest.fail("computed twice"), items, plan(), tmp_path / "ref.pt"
    )
    assert first == again and all(
        len(item.reference) == 2 and item.reference[0] < 0 for item in first
    )


def test_learning_rate_warms_up_and_decays() -> None:
    rates = [
        learning_rate(step, 10, Training(lr=1.0, warmup=0.2, decay="linear")) for step in range(10)
    ]
    assert rates[:3] == [0.5, 1.0, 1.0] and rates[-1] == pytest.approx(1 / 8)
    assert learning_rate(9, 10, Training(lr=1.0, warmup=0, decay="constant")) == 1.0


def test_a_tracker_gets_the_curve_and_no_path(world: World, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    loaded, items, dev = ready(world)
    settings = plan(epochs=1, tracker="tensorboard", base=str(tmp_path / "clinic"))
    train(
        loaded.model,
        REWARD,
        items,
        dev,
        settings,
        tmp_path / "place",
        Progress(),
        tmp_path / "trackers" / "reward-1",
    )
    files = [path for path in (tmp_path / "trackers" / "reward-1").rglob("*") if path.is_file()]
    kept = b"".join(path.read_bytes() for path in files)
    assert (
        all(name in kept for name in (b"loss", b"dev_accuracy", b"lr"))
        and str(tmp_path).encode() not in kept
    )


def test_a_tracker_that_is_not_installed_is_an_error(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accelerate.tracking.get_available_trackers", list)
    loaded, items, dev = ready(world)
    with pytest.raises(TrainError, match="wandb is not installed"):
        train(
            loaded.model,
            REWARD,
            items,
            dev,
            plan(tracker="wandb"),
            tmp_path,
            Progress(),
            tmp_path / "board",
        )
