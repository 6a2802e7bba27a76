"""Frozen weights in four bits, for adapters beside them (QLoRA)."""

import importlib.util
from typing import Any

import torch

from psycopref.errors import TrainError
from psycopref.nets import device
from psycopref.nets.start import Start


def quantised(plan: Start | None) -> dict[str, Any]:
    """What `from_pretrained` is told so that frozen weights take four bits each (QLoRA, Dettmers et
    al. 2023, arXiv 2305.14314), by bitsandbytes.
    """
    if plan is None or not plan.quantise:
        return {}
    if importlib.util.find_spec("bitsandbytes") is None:
        raise TrainError(
            "quantise: bitsandbytes is not installed; `pip install -c constraints.txt -e"
            " '.[qlora]'`, or set quantise = \"\""
        )
    from transformers import BitsAndBytesConfig

    # each process on its own GPU before weights are loaded: four-bit ones go there at once
    device.accelerator()

    compute = torch.bfloat16 if plan.precision == "bf16" else torch.float32
    return {
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=plan.quantise,
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=compute,
        )
    }


def steady(model: Any) -> Any:
    """The model with four-bit layers that stay as they are: on some CPUs they would repack
    themselves at the first look at dev, and lose their gradients.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model
