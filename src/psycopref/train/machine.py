"""Where training runs: the device and the processes that accelerate gives, precision, and state files that a kill leaves whole."""

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from psycopref.launch import rank
from psycopref.train.plan import Training


def device() -> torch.device:
    """The device that accelerate gives this process."""
    return torch.device(accelerator().device)


def accelerator() -> Accelerator:
    """Accelerate takes several CPU processes for what they are only where it is told."""
    return Accelerator(cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()))


def recompute(model: Any) -> None:
    """Keep no activations but the layers' inputs; the rest is made again in the backward pass (transformers renamed the switch in 5.x)."""
    getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)()


def random_state() -> dict[str, Any]:
    """The state of torch's random numbers on every device of this process."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}


def autocast(plan: Training, where: torch.device) -> AbstractContextManager[Any]:
    """The precision that a plan asks for."""
    return torch.autocast(where.type, torch.bfloat16) if plan.precision == "bf16" else nullcontext()


def replace(path: Path, state: Any) -> None:
    """Write a state file so that a kill leaves either the old one or the new one; of several processes the first one writes."""
    if rank():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
