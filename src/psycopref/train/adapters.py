"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685) by peft, put into a model and merged
into its weights at the end.
"""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from psycopref.errors import TrainError
from psycopref.nets import device, shards
from psycopref.train.settings import Training


def attach(model: Any, plan: Training) -> Any:
    """Put adapters of rank `plan.lora` on every linear layer but the output, so that they alone
    (and a reward head) are trained.

    Gives peft's handle on them, None where the plan asks for none. The model stays the object it
    was; with fresh adapters its numbers are those it had, so log-probabilities taken before
    training are the reference with the adapters off.
    """
    if not plan.lora:
        return None
    if importlib.util.find_spec("peft") is None:
        raise TrainError(
            "lora: peft is not installed; `pip install -c constraints.txt -e '.[lora]'`, or set"
            " lora = 0"
        )
    if plan.quantise and not getattr(model, "is_loaded_in_4bit", False):
        raise TrainError(
            "quantise: there are no weights to quantise in a fresh model; give `base`, or set"
            ' quantise = ""'
        )
    if device.accelerator().is_fsdp2:
        raise TrainError(
            "lora: adapters are trained with the model whole in each process; launch with"
            " ddp.yaml (`psycopref recipes copy ddp`), or set lora = 0"
        )
    from peft import LoraConfig, LoraModel

    torch.manual_seed(plan.seed)
    named = next((name for name in ("score", "classifier") if hasattr(model, name)), None)
    head = getattr(model, named) if named else None
    config = LoraConfig(
        r=plan.lora,
        lora_alpha=plan.lora_alpha or 2 * plan.lora,
        target_modules="all-linear",
        exclude_modules=[named] if named else None,
    )
    adapter = LoraModel(model, config, "default")
    if head is not None:
        head.requires_grad_(True)
    if plan.recompute:
        model.enable_input_require_grads()
    return adapter


def finished(
    model: Any, plan: Training, whole: Callable[[], Any], learnt: Mapping[str, Tensor] | None = None
) -> Any:
    """The model with the weights `learnt` (those it has where none are given), ready to be saved.

    Adapters are added to the weights they stand beside, in a model that `whole` makes anew: in full
    precision, and without what others left.
    """
    if not plan.lora:
        if learnt is not None:
            shards.load_weights(model, learnt)
        return model
    own = learnt or {
        name: one.detach().cpu() for name, one in model.named_parameters() if one.requires_grad
    }
    fresh = whole()
    adapter = attach(fresh, plan.model_copy(update={"quantise": ""}))
    shards.load_weights(fresh, own)
    return adapter.merge_and_unload()
