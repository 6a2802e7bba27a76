"""What a run leaves on the disk while it goes on: the state that a killed one goes on from, the
best weights so far, and snapshots.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from psycopref.nets import device, shards
from psycopref.processes import rank
from psycopref.tables import Point, content_id


class Reached(NamedTuple):
    """How far a run has come: optimiser steps done, the best value on dev (lower is better), and
    the curve.
    """

    step: int
    best: float
    points: list[Point]


class Checkpoints:
    """The files of one run in `place`. With weights that are spread over processes, all of them
    must call the same method together.
    """

    def __init__(self, place: Path, model: Any, optimiser: Any, sharded: bool) -> None:
        self.place = place
        self.model = model
        self.optimiser = optimiser
        self.sharded = sharded

    def keep(self, reached: Reached) -> None:
        """Write the state in place of the one before."""
        points = [(point.name, point.step, point.value) for point in reached.points]
        moments = self.optimiser.state_dict()
        state = {
            "step": reached.step,
            "best": reached.best,
            "points": points,
            "model": self._weights(),
            "optimiser": shards.gathered(moments) if self.sharded else moments,
        }
        replace(self.place / "state.pt", state)

    def resume(self) -> Reached | None:
        """Put the state that an interrupted run left into model and optimiser; None where there is
        none.
        """
        path = self.place / "state.pt"
        if not path.exists():
            return None
        state = torch.load(path, map_location="cpu", weights_only=True)
        shards.load_weights(self.model, state["model"])
        _load_optimiser(self.optimiser, state["optimiser"])
        points = [
            Point(content_id("point", name, step), name, step, value)
            for name, step, value in state["points"]
        ]
        return Reached(state["step"], state["best"], points)

    def keep_best(self) -> None:
        """The weights as they are now are the best."""
        replace(self.place / "best.pt", self._weights())

    def load_best(self) -> None:
        """Put the best weights back into the model."""
        # of several processes the first one writes, and all read
        device.accelerator().wait_for_everyone()
        shards.load_weights(self.model, _loaded(self.place / "best.pt"))
        device.accelerator().wait_for_everyone()

    def keep_snapshot(self, number: int) -> None:
        """The weights as they are now are snapshot `number`."""
        replace(_snapshot(self.place, number), self._weights())

    def _weights(self) -> dict[str, Tensor]:
        """The model's weights; only those that are trained where others are frozen (they come with
        the start).
        """
        # tied weights have two names and state_dict gives both, so both must be known as trained
        named = self.model.named_parameters(remove_duplicate=False)
        trained = {name for name, one in named if one.requires_grad}
        # buffers are no parameters: they go along where the whole model is trained
        every = all(one.requires_grad for one in self.model.parameters())
        learnt = {
            name: one for name, one in self.model.state_dict().items() if every or name in trained
        }
        return shards.gathered(learnt) if self.sharded else learnt


def snapshot(place: Path, number: int) -> Mapping[str, Tensor]:
    """The weights that were kept as snapshot `number` (from 1) of a run in `place`."""
    device.accelerator().wait_for_everyone()
    return _loaded(_snapshot(place, number))


def _snapshot(place: Path, number: int) -> Path:
    return place / f"snapshot-{number}.pt"


def _loaded(path: Path) -> dict[str, Tensor]:
    """Weights that stay in the file until they are copied."""
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    return weights


def replace(path: Path, state: Any) -> None:
    """Write a state file so that a kill leaves either the old one or the new one; of several
    processes the first one writes.
    """
    if rank():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        torch.save(state, file)
        file.flush()
        # the name may reach the disk before the bytes do: without this a power cut leaves an empty
        # file under the old name
        os.fsync(file.fileno())
    fresh.replace(path)


def _load_optimiser(optimiser: Any, state: dict[str, Any]) -> None:
    """Put whole moments into an optimiser whose parameters may be sharded."""
    params = [param for group in optimiser.param_groups for param in group["params"]]
    moments = {
        index: {name: _moment(value, params[index]) for name, value in kept.items()}
        for index, kept in state["state"].items()
    }
    optimiser.load_state_dict({**state, "state": moments})


def _moment(value: Any, param: Tensor) -> Any:
    """A moment spread as its parameter is; the count of steps is left as it is."""
    if isinstance(value, Tensor) and value.shape == param.shape:
        return shards.like(value, param)
    return value
