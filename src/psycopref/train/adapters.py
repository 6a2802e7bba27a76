"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685) by peft, put into a model and merged into its weights at the end."""

import importlib.util
from typing import Any

import torch

from psycopref.errors import TrainError
from psycopref.train import machine
from psycopref.train.plan import Training


def attach(model: Any, plan: Training) -> Any:
    """Put adapters of rank `plan.lora` on every linear layer but the output, so that they alone (and a reward head) are trained.

    Gives what `merge` takes, None where the plan asks for none. The model stays the object it was; with fresh adapters its
    numbers are those it had, so log-probabilities taken before training are the reference with the adapters off.
    """
    if not plan.lora:
        return None
    if importlib.util.find_spec("peft") is None:
        raise TrainError("lora: peft is not installed; `pip install -c constraints.txt -e '.[lora]'`, or set lora = 0")
    if machine.accelerator().is_fsdp2:
        raise TrainError("lora: adapters are trained with the model whole in each process; launch with launch/ddp.yaml, or set lora = 0")
    from peft import LoraConfig, LoraModel

    torch.manual_seed(plan.seed)
    head = getattr(model, "score", None)
    config = LoraConfig(r=plan.lora, lora_alpha=plan.lora_alpha or 2 * plan.lora, target_modules="all-linear", exclude_modules=["score"] if head else None)
    adapter = LoraModel(model, config, "default")
    if head is not None:
        head.requires_grad_(True)
    if plan.recompute:
        model.enable_input_require_grads()
    return adapter


def merge(adapter: Any) -> None:
    """Add what the adapters learnt to the weights they stand beside, and take them out."""
    if adapter is not None:
        adapter.merge_and_unload()
