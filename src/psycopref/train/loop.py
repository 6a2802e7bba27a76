"""The one training loop: every objective, any device, checkpoints from which a killed run goes on
to the same weights.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from psycopref.errors import TrainError
from psycopref.nets import device, shards
from psycopref.nets.batches import micro_batches, packed_batches
from psycopref.nets.forward import Measure, measure_all, packing
from psycopref.nets.tokens import Encoded
from psycopref.progress import Progress
from psycopref.tables import Point, content_id
from psycopref.train import optimiser
from psycopref.train.losses import Outcome, Values
from psycopref.train.packs import Item, batch, count_steps
from psycopref.train.settings import Training
from psycopref.train.trackers import Board


class Task(NamedTuple):
    """What to learn: a number for each sequence (`measure`) and a loss on those numbers
    (`objective`).
    """

    name: str
    measure: Measure
    objective: Callable[[Values], Outcome]


def snapshot(place: Path, number: int) -> dict[str, Tensor]:
    """The weights that were kept as snapshot `number` (from 1) of a run in `place`."""
    device.accelerator().wait_for_everyone()
    return torch.load(  # type: ignore[no-any-return]
        _snapshot(place, number), map_location="cpu", mmap=True, weights_only=True
    )


def _snapshot(place: Path, number: int) -> Path:
    return place / f"snapshot-{number}.pt"


class Means(NamedTuple):
    """Loss and accuracy over items; accuracy is None for objectives without pairs."""

    loss: float
    accuracy: float | None


def reference(
    model: Any, measure: Measure, items: Sequence[Item], plan: Training, kept: Path
) -> list[Item]:
    """The items with the reference model's log-probabilities (of rows and rows beside), computed
    once and kept in `kept` for a restart.
    """
    rows = [row for item in items for row in (*item.rows, *item.beside)]
    if kept.exists():
        values = torch.load(kept, weights_only=True).tolist()
    else:
        model.to(device.device())
        with device.autocast(plan, model.device):
            values = device.shared(
                rows, lambda own: measure_all(model, measure, own, plan.batch_tokens)
            )
        device.replace(kept, torch.tensor(values, dtype=torch.float64))
    each = iter(values)
    return [
        item._replace(reference=tuple(next(each) for _ in (*item.rows, *item.beside)))
        for item in items
    ]


def train(
    model: Any,
    task: Task,
    items: Sequence[Item],
    dev: Sequence[Item],
    plan: Training,
    place: Path,
    progress: Progress,
    board: Path | None = None,
) -> list[Point]:
    """Train `model` in place and give its curve; TrainError where there is nothing to learn from or
    the loss is not a number.

    A checkpoint found in `place` is gone on from, to the same weights bit for bit. With `plan.best`
    the model ends with the weights that were best on `dev`, otherwise with the last. `board` is the
    folder of the plan's tracker.
    """
    if not items:
        raise TrainError(
            f"{task.name}: nothing to train on; check split, gap and max_length, and that the"
            " tables belong together"
        )
    model.to(device.device())
    with packing(model) as able:  # tried before weights are wrapped or spread
        if not able:
            progress.say(
                f"  {task.name}: {type(model).__name__} does not take packed rows; batches are"
                " padded"
            )
        loop = _Loop(model, task, items, dev, plan, place)
        loop.packed = able
        _steps(loop, progress, Board(plan, board))
    return loop.points


def _steps(loop: "_Loop", progress: Progress, board: Board) -> None:
    with progress.track(loop.task.name, loop.steps) as tick:
        tick(loop.step)
        while loop.step < loop.steps:
            means = loop.advance()
            tick(1, f"loss {means.loss:.3f}")
            board.log(
                {
                    point.name: point.value
                    for point in takewhile(
                        lambda point: point.step == loop.step, reversed(loop.points)
                    )
                },
                loop.step,
            )
    board.close()
    loop.finish()


class _Measured(torch.nn.Module):
    """A model with what is asked of it, as one module, so that what wraps modules (DDP, FSDP2) sees
    every pass.
    """

    def __init__(self, model: Any, measure: Measure) -> None:
        super().__init__()
        self.model, self.measure = model, measure
        # what accelerate asks which layers to shard
        self._no_split_modules = model._no_split_modules

    def forward(self, rows: Sequence[Encoded]) -> Tensor:
        """What `measure` says of the rows; a copy, since FSDP2 hangs its backward pass on what
        leaves here.
        """
        return self.measure(self.model, rows).clone()


class _Loop:
    """The state of one run: model, optimiser, step, curve, best dev value.

    With several processes each takes its share of every batch; gradients are averaged by DDP or
    FSDP2, figures added up here. Under FSDP2 every pass is one that all processes make: who has
    fewer micro-batches goes along with passes that count for nothing.
    """

    def __init__(
        self,
        model: Any,
        task: Task,
        items: Sequence[Item],
        dev: Sequence[Item],
        plan: Training,
        place: Path,
    ) -> None:
        torch.manual_seed(plan.seed)
        self.task, self.items, self.dev, self.plan, self.place = task, items, dev, plan, place
        self.steps = plan.steps or count_steps(len(items), plan.batch_size, plan.epochs)
        self.dev_every = plan.dev_every or max(1, len(items) // plan.batch_size)
        self.step, self.best, self.packed = 0, math.inf, False
        self.points: list[Point] = []
        self.accelerator = device.accelerator()
        self.many, self.sharded = self.accelerator.num_processes, self.accelerator.is_fsdp2
        if self.steps < plan.snapshots:
            raise TrainError(
                f"{task.name}: {plan.snapshots} snapshots of {self.steps} steps; ask for fewer, or"
                " train longer"
            )
        if plan.batch_size < self.many:
            raise TrainError(
                f"{task.name}: batch_size {plan.batch_size} is less than the {self.many} processes;"
                " raise it, or launch fewer"
            )
        if plan.recompute:
            device.recompute(model)
        self.optimiser = optimiser.adamw(model, plan)
        self.model = model
        self.net, self.optimiser = self.accelerator.prepare(
            _Measured(model, task.measure), self.optimiser
        )
        self.resume()

    def advance(self) -> Means:
        """One optimiser step on exactly `batch_size` items, and what is due after it."""
        plan = self.plan
        rate = optimiser.learning_rate(self.step, self.steps, plan)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        items = [
            self.items[i] for i in batch(self.step, len(self.items), plan.batch_size, plan.seed)
        ]
        self.net.train()
        device.reseed(plan.seed, self.step, self.accelerator.process_index)
        means = self.gradients(items)
        self.accelerator.clip_grad_norm_(self.net.parameters(), plan.clip)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.step += 1
        self.note("loss", means.loss)
        self.note("lr", rate)
        if means.accuracy is not None:
            self.note("accuracy", means.accuracy)
        self.after()
        return means

    def gradients(self, items: Sequence[Item]) -> Means:
        """Add up the gradients of a batch's mean loss, micro-batch by micro-batch; this process has
        every `many`-th item.
        """
        total, loss, hits, pairs = sum(item.weight for item in items), 0.0, 0.0, False
        own = list(items)[self.accelerator.process_index :: self.many]
        shift = self.shift(own) if items[0].beside else None
        groups = list(self.groups(own))
        for number, group in enumerate(groups, 1):
            with (
                nullcontext()
                if self.sharded or number == len(groups)
                else self.accelerator.no_sync(self.net)
            ):
                outcome = self.outcome([own[i] for i in group] or items[:1], shift, self.net)
                part = outcome.losses_B.sum() / total * bool(group)
                value = float(part.detach())
                if not math.isfinite(value):
                    raise TrainError(
                        f"{self.task.name}: the loss is {value} at step {self.step + 1}; lower lr"
                        f" (now {self.plan.lr}) and run again"
                    )
                self.accelerator.backward(
                    part * self.many
                )  # DDP and FSDP2 take the mean over processes
            loss += value
            if outcome.margins_B is not None:
                pairs, hits = True, hits + int((outcome.margins_B > 0).sum()) * bool(group)
        loss, hits = self.added(loss, hits)
        return Means(loss, hits / len(items) if pairs else None)

    def added(self, loss: float, hits: float) -> tuple[float, float]:
        """The sums over all processes."""
        if self.many == 1:
            return loss, hits
        sums = self.accelerator.reduce(
            torch.tensor([loss, hits], dtype=torch.float64, device=self.accelerator.device), "sum"
        )
        return float(sums[0]), float(sums[1])

    def groups(self, items: Sequence[Item]) -> Iterator[list[int]]:
        """The items' positions, micro-batch by micro-batch; under FSDP2 empty ones follow until all
        processes have as many.
        """
        found: list[list[int]] = []
        if items and self.packed:
            found = list(packed_batches([item.rows for item in items], self.plan.batch_tokens))
        elif items:
            found = list(
                micro_batches(
                    [item.length for item in items], self.plan.batch_tokens, len(items[0].rows)
                )
            )
        most = (
            int(
                self.accelerator.gather(
                    torch.tensor([len(found)], device=self.accelerator.device)
                ).max()
            )
            if self.sharded
            else 0
        )
        return iter(found + [[]] * (most - len(found)))

    @torch.no_grad()
    def shift(self, items: Sequence[Item]) -> Tensor:
        """The mean log-ratio of the rows beside, over the whole batch, whatever micro-batches and
        processes it was spread over.
        """
        rows, known = [item.beside[0] for item in items], [item.reference[-1] for item in items]
        total = torch.zeros((), device=self.accelerator.device)
        for group in self.groups([Item((row,)) for row in rows]):
            with device.autocast(self.plan, self.accelerator.device):
                values = self.alone([rows[i] for i in group] or self.items[0].beside)
            if group:
                total += (
                    values - torch.tensor([known[i] for i in group], device=total.device)
                ).sum()
        whole, count = self.added(float(total), len(rows))
        return torch.tensor(whole / count, device=total.device)

    def alone(self, rows: Sequence[Encoded]) -> Tensor:
        """What is measured without a gradient: past DDP, whose passes must be as many in every
        process; through FSDP2, which holds the weights.
        """
        return self.net(rows) if self.sharded else self.task.measure(self.model, rows)

    def outcome(
        self,
        items: Sequence[Item],
        shift: Tensor | None,
        measure: Callable[[Sequence[Encoded]], Tensor],
    ) -> Outcome:
        """The objective on one micro-batch."""
        rows = [row for item in items for row in item.rows]
        shape = (len(items), len(items[0].rows))
        with device.autocast(self.plan, self.accelerator.device):
            values = measure(rows).view(shape)
        known = torch.tensor(
            [(item.reference or (0.0,) * shape[1])[: shape[1]] for item in items],
            device=values.device,
            dtype=values.dtype,
        )
        tokens = torch.tensor(
            [[len(row.response) for row in item.rows] for item in items], device=values.device
        )
        gaps = torch.tensor([item.gap for item in items], device=values.device, dtype=values.dtype)
        return self.task.objective(Values(values, known, tokens, gaps, shift))

    def after(self) -> None:
        """What is due after a step: a look at dev, a snapshot, a checkpoint."""
        last = self.step == self.steps
        self.snap()
        if self.dev and (last or self.step % self.dev_every == 0):
            self.look()
        if not last and self.step % self.plan.keep_every == 0:
            self.keep()

    @torch.no_grad()
    def look(self) -> None:
        """Loss and accuracy on dev; the weights are kept where they are the best so far."""
        self.net.eval()
        loss, hits, weight, pairs = 0.0, 0.0, sum(item.weight for item in self.dev), False
        own = list(self.dev)[self.accelerator.process_index :: self.many]
        shift = self.shift(own) if self.dev[0].beside else None
        for group in self.groups(own):
            outcome = self.outcome([own[i] for i in group] or self.dev[:1], shift, self.alone)
            loss += float(outcome.losses_B.sum()) * bool(group)
            if outcome.margins_B is not None:
                pairs, hits = True, hits + int((outcome.margins_B > 0).sum()) * bool(group)
        loss, hits = self.added(loss, hits)
        pairs = pairs or len(self.dev[0].rows) > 1
        self.note("dev_loss", loss / weight)
        if pairs:
            self.note("dev_accuracy", hits / len(self.dev))
        value = -hits / len(self.dev) if self.plan.best == "accuracy" and pairs else loss / weight
        if self.plan.best and value < self.best:
            self.best = value
            device.replace(self.place / "best.pt", self.weights())

    def finish(self) -> None:
        """Leave the model with the weights that were asked for, ready to be used."""
        if self.plan.best and self.dev:
            self.accelerator.wait_for_everyone()
            shards.load_weights(
                self.model,
                torch.load(
                    self.place / "best.pt", map_location="cpu", mmap=True, weights_only=True
                ),
            )
            self.accelerator.wait_for_everyone()
        self.model.eval()

    def snap(self) -> None:
        """Keep the weights where one of the plan's snapshots is due."""
        count = self.plan.snapshots
        for number in range(1, count + 1):
            if round(self.steps * number / count) == self.step:
                device.replace(_snapshot(self.place, number), self.weights())

    def weights(self) -> dict[str, Tensor]:
        """The model's weights as they are now; only those that are trained where others are frozen
        (they come with the start).
        """
        trained = {
            name
            for name, one in self.model.named_parameters(remove_duplicate=False)
            if one.requires_grad
        }
        every = all(one.requires_grad for one in self.model.parameters())
        learnt = {
            name: one for name, one in self.model.state_dict().items() if every or name in trained
        }
        return shards.gathered(learnt) if self.sharded else learnt

    def note(self, name: str, value: float) -> None:
        """One point of the curve at the present step."""
        self.points.append(Point(content_id("point", name, self.step), name, self.step, value))

    def keep(self) -> None:
        """Write a checkpoint in place of the one before."""
        points = [(point.name, point.step, point.value) for point in self.points]
        state = {"step": self.step, "best": self.best, "points": points}
        moments = self.optimiser.state_dict()
        device.replace(
            self.place / "state.pt",
            {
                **state,
                "model": self.weights(),
                "optimiser": shards.gathered(moments) if self.sharded else moments,
            },
        )

    def resume(self) -> None:
        """Go on from the checkpoint that an interrupted run left, if there is one."""
        path = self.place / "state.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu", weights_only=True)
        shards.load_weights(self.model, state["model"])
        shards.load_optimiser(self.optimiser, state["optimiser"])
        self.step, self.best = state["step"], state["best"]
        self.points = [
            Point(content_id("point", name, step), name, step, value)
            for name, step, value in state["points"]
        ]
