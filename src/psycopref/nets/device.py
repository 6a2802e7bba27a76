"""Where models run: the device and the processes that accelerate gives, and the precision."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType

from psycopref.errors import TrainError
from psycopref.nets.start import Start


def device() -> torch.device:
    """The device that accelerate gives this process."""
    return torch.device(accelerator().device)


def accelerator() -> Accelerator:
    """Processes and device are accelerate's; what its config file says of precision, accumulation
    and compiling is the recipe's business.

    Several CPU processes are taken for what they are only where accelerate is told so.
    """
    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() == "true":
        raise TrainError(
            "DeepSpeed takes the optimiser's steps out of this loop's hands; launch with"
            " fsdp2.yaml (`psycopref recipes copy fsdp2`), which spreads the same state"
        )
    off = not (torch.cuda.is_available() or torch.backends.mps.is_available())
    here = Accelerator(
        cpu=off, mixed_precision="no", gradient_accumulation_steps=1, dynamo_backend="no"
    )
    if here.distributed_type == DistributedType.FSDP and (
        not here.is_fsdp2 or here.state.fsdp_plugin.cpu_ram_efficient_loading
    ):
        raise TrainError(
            "FSDP: version 2 with fsdp_cpu_ram_efficient_loading: false is what training is made"
            " for; launch with fsdp2.yaml (`psycopref recipes copy fsdp2`)"
        )
    return here


def shared(
    rows: Sequence[Any], measure: Callable[[Sequence[Any]], Iterable[tuple[list[int], list[float]]]]
) -> list[float]:
    """One number per row, each process measuring every so-many-th row, put together again in all of
    them.
    """
    here = accelerator()
    at = range(here.process_index, len(rows), here.num_processes)
    values_R = torch.zeros(len(rows), dtype=torch.float64)
    for group, got in measure([rows[i] for i in at]):
        values_R[[at[i] for i in group]] = torch.tensor(got, dtype=torch.float64)
    if here.num_processes > 1:
        values_R = here.reduce(values_R.to(here.device), "sum").cpu()
    return values_R.tolist()


def recompute(model: Any) -> None:
    """Keep no activations but the layers' inputs; the rest is made again in the backward pass
    (transformers renamed the switch in 5.x).
    """
    getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)()


def autocast(plan: Start, where: torch.device) -> AbstractContextManager[Any]:
    """The precision that a plan asks for."""
    return torch.autocast(where.type, torch.bfloat16) if plan.precision == "bf16" else nullcontext()
