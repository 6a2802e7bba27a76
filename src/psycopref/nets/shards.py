"""Weights spread over processes (FSDP2): put together to be kept, spread again to be gone on
with.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor


def are_sharded(model: Any) -> bool:
    """Whether a model's weights are spread over processes."""
    return any(isinstance(one, DTensor) for one in model.parameters())


def gathered(state: Any) -> Any:
    """A state with every sharded tensor made whole, on the CPU; everything else as it is. All
    processes must call it together.
    """
    if isinstance(state, DTensor):
        return state.full_tensor().cpu()
    if isinstance(state, Mapping):
        return {name: gathered(value) for name, value in state.items()}
    if isinstance(state, list | tuple):
        return [gathered(value) for value in state]
    return state


def whole(model: Any) -> dict[str, Tensor] | None:
    """The weights of a sharded model, each once (tied ones under their first name); None where it
    is not sharded.
    """
    if not are_sharded(model):
        return None
    twice = (
        model.state_dict().keys()
        - dict(model.named_parameters()).keys()
        - dict(model.named_buffers()).keys()
    )
    return {
        name: gathered(value) for name, value in model.state_dict().items() if name not in twice
    }


@torch.no_grad()
def load_weights(model: Any, weights: Mapping[str, Tensor]) -> None:
    """Put whole weights into a model, sharded or not; names that are not given keep what they
    have.
    """
    own = model.state_dict()
    for name, value in weights.items():
        own[name].copy_(like(value, own[name]))


def like(value: Tensor, where: Tensor) -> Tensor:
    """A whole tensor spread as another one is."""
    if isinstance(where, DTensor):
        return distribute_tensor(
            value.to(where.device, where.dtype), where.device_mesh, where.placements
        )
    return value
