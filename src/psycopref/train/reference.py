"""What the reference model says of the items, before training starts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from psycopref.nets import device
from psycopref.nets.forward import Measure, measure_all
from psycopref.train.checkpoints import replace
from psycopref.train.packs import Item
from psycopref.train.settings import Training


def with_reference(
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
        replace(kept, torch.tensor(values, dtype=torch.float64))
    each = iter(values)
    return [
        item._replace(reference=tuple(next(each) for _ in (*item.rows, *item.beside)))
        for item in items
    ]
