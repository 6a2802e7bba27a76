"""Run by torch.distributed.run in a test: DPO and a reward model with weights spread over two CPU
processes; prints curves and digests.

accelerate shards on GPUs alone, so its state is told here that this is such a launch; everything
after that is what runs there.
"""

import json
import sys
from pathlib import Path

import pytest
import torch
from accelerate import PartialState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin

from helpers.tiny import TINY, build_world
from psycopref.errors import TrainError
from psycopref.nets import device, forward, shards, weights
from psycopref.progress import Progress
from psycopref.train import adapters, examples, loop, losses
from psycopref.train.losses import Outcome, Values
from psycopref.train.reference import with_reference
from psycopref.train.settings import Training

PLAN = Training(
    batch_size=3,
    batch_tokens=128,
    steps=4,
    lr=1e-3,
    dev_every=2,
    keep_every=2,
    best="loss",
    size=TINY,
)


def spread() -> None:
    state = device.accelerator().state
    if state.num_processes > 1:
        PartialState().distributed_type = state.distributed_type = DistributedType.FSDP
        state.fsdp_plugin = (
            FullyShardedDataParallelPlugin()
        )  # from the environment that fsdp2.yaml makes


def trained(kind: str, place: Path, stop: int = 0) -> list[tuple[str, int, float]]:
    world = build_world()
    texts = examples.texts(world.speeches, world.responses, "train")
    fresh, measure = (
        (weights.fresh_policy, forward.logps)
        if kind == "policy"
        else (weights.fresh_reward, forward.rewards)
    )
    loaded = fresh(texts, TINY, 0)
    items, dev = (
        examples.pairs(loaded.tokenizer, *world, split, 512).items for split in ("train", "dev")
    )
    items, dev = (
        with_reference(loaded.model, forward.logps, p, PLAN, place / n) if kind == "policy" else p
        for p, n in ((items, "a.pt"), (dev[:1], "b.pt"))
    )
    seen = 0

    def objective(v: Values) -> Outcome:
        nonlocal seen
        seen += 1
        if stop and seen > stop:
            raise KeyboardInterrupt
        return losses.dpo(v, 0.1) if kind == "policy" else losses.bradley_terry(v)

    points = loop.train(
        loaded.model, loop.Task(kind, measure, objective), items, dev, PLAN, place, Progress()
    )
    assert shards.are_sharded(loaded.model) == (device.accelerator().num_processes > 1)
    weights.save(loaded, place / "weights", kind, PLAN, {})
    if device.accelerator().num_processes > 1:
        with pytest.raises(TrainError, match="recipes copy ddp"):
            adapters.attach(loaded.model, PLAN.model_copy(update={"lora": 4}))
    return [(point.name, point.step, point.value) for point in points]


def main() -> None:
    folder = Path(sys.argv[1])
    spread()
    curves = {kind: trained(kind, folder / kind) for kind in ("policy", "reward")}
    try:
        trained("policy", folder / "cut", stop=int(sys.argv[2]))
    except KeyboardInterrupt:
        device.accelerator().wait_for_everyone()
    curves["again"] = trained("policy", folder / "cut")
    if device.accelerator().is_main_process:
        print("CURVES " + json.dumps(curves))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
