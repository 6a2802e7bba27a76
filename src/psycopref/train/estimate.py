"""What training will take, before it starts: parameters, memory, GPUs, hours. Rules of thumb, each
said with its figure.
"""

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch

from psycopref.errors import TrainError
from psycopref.needs import ANSWER, CHARS, Need
from psycopref.nets.no_code import NO_CODE, needs_code, why
from psycopref.nets.start import Size
from psycopref.nets.weights import quiet
from psycopref.tables import Speech
from psycopref.train.objectives import Objective
from psycopref.train.packs import count_steps
from psycopref.train.settings import Training

GPU_BYTES = 80e9
GPU_FLOPS = 989e12  # dense bf16 of an H100
UTILISATION = 0.4  # of it in training
SAMPLING = 0.05  # of it while sampling: memory-bound
USABLE = 0.9  # of a GPU's memory


class Shape(NamedTuple):
    """A model's parameters, its layers x hidden size, and how both are known: 'config', 'name' or
    'size'.
    """

    parameters: float
    wide: float
    known: str


class Hardware(NamedTuple):
    """Memory in bytes of one process that holds the whole model, the GPUs of 80 GB that are enough,
    and hours on them in bf16.
    """

    bytes_whole: float
    gpus: int
    spread: bool
    hours: float


@lru_cache(maxsize=64)
def shape(base: str, size: Size) -> Shape | None:
    """The shape of the model that training starts from; None where neither a configuration on this
    machine nor the name tells.
    """
    from transformers import AutoConfig

    if not base:
        own = size.layers * (
            2 * size.hidden**2 * (1 + size.kv_heads / size.heads) + 3 * size.hidden * size.inner
        )
        return Shape(own + size.vocab * size.hidden, size.layers * size.hidden, "size")
    try:
        with quiet():
            config = AutoConfig.from_pretrained(
                base, local_files_only=True, **NO_CODE
            ).get_text_config()  # an estimate needs no network
            return Shape(_counted(config), config.num_hidden_layers * config.hidden_size, "config")
    except (OSError, ValueError, AttributeError, TypeError) as error:
        if needs_code(error):
            raise TrainError(f"{base}: {why(error)}; choose another model") from None
        return _named(base)


def _counted(config: object) -> float:
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, **NO_CODE)
    return float(sum(one.numel() for one in model.parameters()))


def _named(base: str) -> Shape | None:
    """From a name such as Llama-3.1-8B: layers x hidden size grows with about the two-thirds power
    of the parameters.
    """
    found = re.findall(r"(?<![\d.])(?:(\d+)x)?(\d+(?:\.\d+)?)[bB](?![a-zA-Z])", base)
    if not found:
        return None
    parameters = (
        max(float(many or 1) * float(each) for many, each in found) * 1e9
    )  # all experts of a mixture, not the active ones
    return Shape(parameters, 0.033 * parameters ** (2 / 3), "name")


def fits(size: float) -> bool:
    """Whether so many bytes fit into one GPU."""
    return size <= USABLE * GPU_BYTES


def states(plan: Training, model: Shape) -> float:
    """Bytes of weights, gradients and moments in float32 (16 a parameter; frozen beside adapters 4,
    or 0.9 in four bits), and of the copies that bf16 autocast makes (2 a trained parameter).
    """
    per = 16.0
    if plan.quantise:
        per = 0.9
    elif plan.lora:
        per = 4.0
    elif plan.precision == "bf16":
        per = 18.0
    return per * model.parameters + 16.0 * 18 * plan.lora * model.wide


def activations(plan: Training, model: Shape) -> float:
    """Bytes of a micro-batch's activations in each process (with `recompute` the layers' inputs and
    one layer).
    """
    hidden = model.parameters / (12 * model.wide)
    inside = (
        34 * hidden
    )  # bytes of one layer and token in half precision (Korthikanti et al. 2022, arXiv 2205.05198)
    kept = 2 * model.wide + inside if plan.recompute else inside * model.wide / hidden
    return kept * plan.batch_tokens * (1 if plan.precision == "bf16" else 2)


def need(plan: Training, model: Shape, tokens: float, reference: bool) -> Hardware:
    """Training on `tokens` tokens in all (every epoch counted), and a pass of a reference model
    over them where there is one.

    0 GPUs where no number of them is enough: adapters are trained with the model whole, and FSDP2
    begins with the weights whole in each GPU.
    """
    held, moving, room = states(plan, model), activations(plan, model), USABLE * GPU_BYTES
    spread = not fits(held + moving)
    gpus = 1
    if spread:
        able = not plan.lora and fits(4 * model.parameters) and moving < room
        gpus = 2 ** math.ceil(math.log2(held / (room - moving))) if able else 0
    flops = (8 if plan.recompute else 6) * model.parameters * tokens + (
        2 * model.parameters * tokens / max(plan.epochs, 1) if reference else 0
    )
    return Hardware(
        held + moving,
        max(gpus, 2) if spread and gpus else gpus,
        spread,
        flops / (max(gpus, 1) * UTILISATION * GPU_FLOPS) / 3600,
    )


def sampling_hours(model: Shape, tokens: float) -> float:
    """Hours on one GPU to sample so many tokens."""
    return 2 * model.parameters * tokens / (SAMPLING * GPU_FLOPS) / 3600


def learning(
    plan: Training, objective: Objective, examples: int, speeches: Sequence[Speech]
) -> Need:
    """Training on so many examples, each a speech (of mean length) with the objective's answers."""
    said = sum(len(one.text) for one in speeches) / max(1, len(speeches)) / CHARS
    steps = plan.steps or count_steps(examples, plan.batch_size, plan.epochs)
    tokens = steps * plan.batch_size * (said + objective.rows * ANSWER)
    return Need(examples, steps, tokens, objective.reference)
