"""What drives the weights: AdamW on two groups of parameters, and the learning rate by step."""

import math
from typing import Any

import torch

from psycopref.train.settings import Training


def learning_rate(step: int, steps: int, plan: Training) -> float:
    """The learning rate of optimiser step `step` (from 0): a linear warm-up over a share of the
    steps, then the decay to 0.
    """
    warm = math.ceil(steps * plan.warmup)
    if step < warm:
        return plan.lr * (step + 1) / warm
    done = (step - warm) / max(1, steps - warm)
    match plan.decay:
        case "linear":
            return plan.lr * (1 - done)
        case "cosine":
            return plan.lr * 0.5 * (1 + math.cos(math.pi * done))
        case "constant":
            return plan.lr


def adamw(model: Any, plan: Training) -> torch.optim.AdamW:
    """AdamW on what is to be learnt, fused; weight decay for matrices, none for norms and
    biases.
    """
    learnt = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learnt if p.ndim > 1], "weight_decay": plan.weight_decay},
        {"params": [p for p in learnt if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.lr, fused=True)
