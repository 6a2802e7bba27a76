"""The one training loop: every objective, any device, checkpoints from which a killed run goes on
to the same weights.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from psycopref.errors import TrainError
from psycopref.nets import device
from psycopref.nets.batches import micro_batches, packed_batches
from psycopref.nets.forward import Measure, packing
from psycopref.nets.tokens import Encoded
from psycopref.progress import Progress
from psycopref.tables import Point, content_id
from psycopref.train import optimiser
from psycopref.train.checkpoints import Checkpoints, Reached
from psycopref.train.losses import Outcome, Values
from psycopref.train.packs import Item, batch, count_steps
from psycopref.train.settings import Training
from psycopref.train.trackers import Board
from psycopref.train.values import values_of


class Task(NamedTuple):
    """What to learn: what is measured of each sequence, a number for all of it or one for each
    response token (`forward.rewards`, `logps`, `token_logps`), and a loss on that.
    """

    name: str
    measure: Measure
    objective: Callable[[Values], Outcome]


class Means(NamedTuple):
    """Loss and accuracy over items; accuracy is None for objectives without pairs."""

    loss: float
    accuracy: float | None


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
            now = takewhile(lambda point: point.step == loop.step, reversed(loop.points))
            board.log({point.name: point.value for point in now}, loop.step)
    board.close()
    loop.finish()


class _Measured(torch.nn.Module):
    """A model with what is asked of it, as one module, so that what wraps modules (DDP, FSDP2) sees
    every pass.
    """

    def __init__(self, model: Any, measure: Measure) -> None:
        super().__init__()
        self.model = model
        self.measure = measure
        # what accelerate asks which layers to shard
        self._no_split_modules = model._no_split_modules

    def forward(self, rows: Sequence[Encoded]) -> Tensor:
        """What `measure` says of the rows; a copy, since FSDP2 hangs its backward pass on what
        leaves here.
        """
        return self.measure(self.model, rows).clone()


class _Loop:
    """One run: model, optimiser, step, curve, best dev value.

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
        self.task = task
        self.items = items
        self.dev = dev
        self.plan = plan
        self.model = model
        self.steps = plan.steps or count_steps(len(items), plan.batch_size, plan.epochs)
        self.dev_every = plan.dev_every or max(1, len(items) // plan.batch_size)
        self.packed = False
        self.step = 0
        self.best = math.inf
        self.points: list[Point] = []
        self.accelerator = device.accelerator()
        self.many = self.accelerator.num_processes
        self.sharded = self.accelerator.is_fsdp2
        self.check()
        if plan.recompute:
            device.recompute(model)
        self.net, self.optimiser = self.accelerator.prepare(
            _Measured(model, task.measure), optimiser.adamw(model, plan)
        )
        self.checkpoints = Checkpoints(place, model, self.optimiser, self.sharded)
        if (reached := self.checkpoints.resume()) is not None:
            self.step, self.best, self.points = reached

    def check(self) -> None:
        """TrainError where the plan asks for what its steps or processes cannot give."""
        name = self.task.name
        if self.steps < self.plan.snapshots:
            raise TrainError(
                f"{name}: {self.plan.snapshots} snapshots of {self.steps} steps; ask for fewer, or"
                " train longer"
            )
        if self.plan.batch_size < self.many:
            raise TrainError(
                f"{name}: batch_size {self.plan.batch_size} is less than the {self.many} processes;"
                " raise it, or launch fewer"
            )

    def advance(self) -> Means:
        """One optimiser step on exactly `batch_size` items, and what is due after it."""
        plan = self.plan
        rate = optimiser.learning_rate(self.step, self.steps, plan)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        picked = batch(self.step, len(self.items), plan.batch_size, plan.seed)
        self.net.train()
        _reseed(plan.seed, self.step, self.accelerator.process_index)
        means = self.gradients([self.items[i] for i in picked])
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
        total = sum(item.weight for item in items)
        loss, hits, pairs = 0.0, 0, 0
        own = list(items)[self.accelerator.process_index :: self.many]
        shift = self.shift(own) if items[0].beside else None
        groups = list(self.groups(own))
        for number, group in enumerate(groups, 1):
            # DDP averages the gradients in the last backward pass alone; FSDP2 in every one, since
            # a process has room for its own share of them only
            averaged = self.sharded or number == len(groups)
            with nullcontext() if averaged else self.accelerator.no_sync(self.net):
                outcome = self.outcome([own[i] for i in group] or items[:1], shift, self.net)
                # an empty group is a pass that is made for the other processes: it counts 0 times
                part = outcome.losses_B.sum() / total * bool(group)
                value = float(part.detach())
                if not math.isfinite(value):
                    raise TrainError(
                        f"{self.task.name}: the loss is {value} at step {self.step + 1}; lower lr"
                        f" (now {self.plan.lr}) and run again"
                    )
                # DDP and FSDP2 take the mean over processes
                self.accelerator.backward(part * self.many)
            loss += value
            hits += outcome.hits * bool(group)
            pairs += outcome.pairs * bool(group)
        return _means(*self.added(loss, hits, pairs))

    def added(self, *figures: float) -> list[float]:
        """The sums over all processes."""
        if self.many == 1:
            return list(figures)
        own = torch.tensor(figures, dtype=torch.float64, device=self.accelerator.device)
        sums: list[float] = self.accelerator.reduce(own, "sum").tolist()
        return sums

    def groups(self, items: Sequence[Item]) -> Iterator[list[int]]:
        """The items' positions, micro-batch by micro-batch; under FSDP2 empty ones follow until all
        processes have as many.
        """
        budget = self.plan.batch_tokens
        found: list[list[int]] = []
        if items and self.packed:
            found = list(packed_batches([item.rows for item in items], budget))
        elif items:
            rows = [len(item.rows) for item in items]
            found = list(micro_batches([item.length for item in items], budget, rows))
        if self.sharded:
            own = torch.tensor([len(found)], device=self.accelerator.device)
            found += [[]] * (int(self.accelerator.gather(own).max()) - len(found))
        return iter(found)

    @torch.no_grad()
    def shift(self, items: Sequence[Item]) -> Tensor:
        """The mean log-ratio of the rows beside, over the whole batch, whatever micro-batches and
        processes it was spread over.
        """
        rows = [item.beside[0] for item in items]
        known = [item.reference[-1] for item in items]
        total = torch.zeros((), device=self.accelerator.device)
        for group in self.groups([Item((row,)) for row in rows]):
            with device.autocast(self.plan, self.accelerator.device):
                values = self.alone([rows[i] for i in group] or self.items[0].beside)
            if group:
                reference = torch.tensor([known[i] for i in group], device=total.device)
                total += (values - reference).sum()
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
        with device.autocast(self.plan, self.accelerator.device):
            measured = measure([row for item in items for row in item.rows])
        return self.task.objective(values_of(items, measured, shift))

    def after(self) -> None:
        """What is due after a step: a snapshot, a look at dev, a checkpoint."""
        last = self.step == self.steps
        count = self.plan.snapshots
        for number in range(1, count + 1):
            if round(self.steps * number / count) == self.step:
                self.checkpoints.keep_snapshot(number)
        if self.dev and (last or self.step % self.dev_every == 0):
            self.look()
        if not last and self.step % self.plan.keep_every == 0:
            self.checkpoints.keep(Reached(self.step, self.best, self.points))

    @torch.no_grad()
    def look(self) -> None:
        """Loss and accuracy on dev; the weights are kept where they are the best so far."""
        self.net.eval()
        loss, hits, pairs = 0.0, 0, 0
        own = list(self.dev)[self.accelerator.process_index :: self.many]
        shift = self.shift(own) if self.dev[0].beside else None
        for group in self.groups(own):
            outcome = self.outcome([own[i] for i in group] or self.dev[:1], shift, self.alone)
            loss += float(outcome.losses_B.sum()) * bool(group)
            hits += outcome.hits * bool(group)
            pairs += outcome.pairs * bool(group)
        total, *judged = self.added(loss, hits, pairs)
        means = _means(total / sum(item.weight for item in self.dev), *judged)
        self.note("dev_loss", means.loss)
        value = means.loss
        if means.accuracy is not None:
            self.note("dev_accuracy", means.accuracy)
            if self.plan.best == "accuracy":
                value = -means.accuracy
        if self.plan.best and value < self.best:
            self.best = value
            self.checkpoints.keep_best()

    def finish(self) -> None:
        """Leave the model with the weights that were asked for, ready to be used."""
        if self.plan.best and self.dev:
            self.checkpoints.load_best()
        self.model.eval()

    def note(self, name: str, value: float) -> None:
        """One point of the curve at the present step."""
        self.points.append(Point(content_id("point", name, self.step), name, self.step, value))


def _means(loss: float, hits: float, pairs: float) -> Means:
    """With the share of pairs whose chosen row leads, where there are pairs."""
    return Means(loss, hits / pairs if pairs else None)


def _reseed(seed: int, step: int, process: int) -> None:
    """Random numbers (dropout) that depend on seed, step and process alone, so that a resumed run
    draws what an uninterrupted one does.
    """
    digest = hashlib.sha256(f"{seed}/{step}/{process}".encode()).digest()
    torch.manual_seed(int.from_bytes(digest[:7], "big"))
