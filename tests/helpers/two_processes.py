"""Run by torch.distributed.run in a test: KTO with dropout on one dev item, in one go and killed in
between; prints the curves.
"""

import json
import sys
from pathlib import Path

from helpers.tiny import TINY, build_world
from psycopref.nets import device, forward, weights
from psycopref.progress import Progress
from psycopref.train import examples, loop, losses
from psycopref.train.losses import Outcome, Values
from psycopref.train.reference import with_reference
from psycopref.train.settings import Training


def curve(place: Path, stop: int = 0) -> list[tuple[str, int, float]]:
    world = build_world()
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    plan = Training(
        batch_size=4,
        steps=4,
        lr=1e-3,
        dropout=0.3,
        dev_every=2,
        keep_every=2,
        best="loss",
        size=TINY,
    )
    weights.set_dropout(loaded.model, plan.dropout)
    items, dev = (
        examples.with_others(examples.pairs(loaded.tokenizer, *world, split, 512).items)
        for split in ("train", "dev")
    )
    items, dev = (
        with_reference(loaded.model, forward.logps, part, plan, place / name)
        for part, name in ((items, "train.pt"), (dev[:1], "dev.pt"))
    )
    seen = 0

    def objective(v: Values) -> Outcome:
        nonlocal seen
        seen += v.values_BR.requires_grad
        if stop and seen > stop:
            raise KeyboardInterrupt
        return losses.kto(v, 0.1)

    points = loop.train(
        loaded.model,
        loop.Task("kto", forward.logps, objective),
        items,
        dev,
        plan,
        place,
        Progress(),
    )
    return [(point.name, point.step, point.value) for point in points]


def main() -> None:
    folder = Path(sys.argv[1])
    whole = curve(folder / "whole")
    try:
        curve(folder / "cut", stop=3)
    except KeyboardInterrupt:
        device.accelerator().wait_for_everyone()
    again = curve(folder / "cut")
    if device.accelerator().is_main_process:
        print("CURVES " + json.dumps([whole, again]))


if __name__ == "__main__":
    main()
