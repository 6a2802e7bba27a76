"""The last layer of a packed row, worked out at the tokens that are read and nowhere else.

A reward is read at one token of a row. What the last layer makes of the other tokens' queries,
outputs and MLP is never looked at; only their keys and values are. The layer's own modules run as
they are, on fewer tokens; the places left out hold zeros.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from psycopref.nets import attention
from psycopref.nets.pack import Pack, pack

_OUTSIDE = ("mlp",)
# of the attention: not what makes keys and values
_INSIDE = ("q_proj", "o_proj", "dense", "c_proj")


@contextmanager
def narrowed(model: Any, layout: Pack) -> Iterator[bool]:
    """The model's last layer at the last token of each response, where that gives its own numbers;
    gives whether it does.

    Not where activations are made again in the backward pass: the layer would then run without what
    was set here.
    """
    again = any(getattr(module, "gradient_checkpointing", False) for module in model.modules())
    able = not again and all(layout.pieces) and works(model)
    with _set(model, layout) if able else nullcontext():
        yield able


def works(model: Any) -> bool:
    """Whether the last layer can be narrowed, tried once on a few tokens and remembered on the
    model, which must be packed.
    """
    known = getattr(model, "_psycopref_narrows", None)
    if known is None:
        known = _attention(_last_layer(model)) is not None and _same(model)
        model._psycopref_narrows = known
    return bool(known)


@contextmanager
def _set(model: Any, layout: Pack) -> Iterator[None]:
    read_R = last_tokens(layout)
    layer = _last_layer(model)
    inside = _attention(layer)
    with ExitStack() as stack:
        for module in _parts(layer):
            stack.enter_context(_at(module, read_R))
        setattr(inside, attention.LAST, True)
        stack.callback(delattr, inside, attention.LAST)
        yield


def last_tokens(layout: Pack) -> Tensor:
    """Where the rows of a packed row end."""
    return torch.tensor([end - 1 for _, _, end in layout.rows], device=layout.ids_1T.device)


@contextmanager
def _at(module: Any, read_R: Tensor) -> Iterator[None]:
    """A module that treats every token by itself, at some tokens only.

    Its `forward` is covered by an attribute of the instance, which Python finds before the class's
    own: no model code is copied and no other instance is touched. Taking the attribute away leaves
    the module as it was, so `_linear` must see to it that it had none (wrappers of others, such as
    accelerate's hooks, cover `forward` in the same way).
    """
    inner: Callable[[Tensor], Tensor] = module.forward
    places = torch.unique(read_R)  # equal rows end at the same token

    def at(states_1TH: Tensor) -> Tensor:
        made_1RH = inner(states_1TH[:, places])
        return made_1RH.new_zeros(1, states_1TH.shape[1], made_1RH.shape[2]).index_copy(
            1, places, made_1RH
        )

    module.forward = at
    try:
        yield
    finally:
        del module.forward


def _last_layer(model: Any) -> Any:
    """The last layer of a model, by the names that models give to their layers; None where it has
    none of them.
    """
    backbone = model.base_model
    layers = getattr(backbone, "layers", None) or getattr(backbone, "h", None)
    return layers[-1] if layers is not None else None


def _attention(layer: Any) -> Any:
    return getattr(layer, "self_attn", None) or getattr(layer, "attn", None)


def _parts(layer: Any) -> list[Any]:
    """The modules of a layer that may be narrowed: by name, and only where nothing but linear
    layers is in them.
    """
    inside = _attention(layer)
    named = [getattr(layer, name, None) for name in _OUTSIDE] + [
        getattr(inside, name, None) for name in _INSIDE
    ]
    return [module for module in named if module is not None and _linear(module)]


def _linear(module: Any) -> bool:
    """Whether all parameters in a module are those of linear layers, so that no token hears of
    another.
    """
    from transformers.pytorch_utils import Conv1D

    holders = [
        one for one in module.modules() if next(one.parameters(recurse=False), None) is not None
    ]
    return (
        bool(holders)
        and all(isinstance(one, torch.nn.Linear | Conv1D) for one in holders)
        and "forward" not in vars(module)
    )


@torch.no_grad()
def _same(model: Any) -> bool:
    """Whether the tokens read are the same when only they are worked out."""
    training = model.training
    model.eval()
    layout = pack(attention.TRIAL, model.device)
    read_R = last_tokens(layout)
    with torch.autocast(model.device.type, enabled=False):
        whole_RH = attention.hidden(model, layout)[read_R]
        with _set(model, layout):
            few_RH = attention.hidden(model, layout)[read_R]
    model.train(training)
    low = whole_RH.dtype in (torch.bfloat16, torch.float16)
    return torch.allclose(
        whole_RH.float(), few_RH.float(), atol=5e-2 if low else 1e-4, rtol=5e-2 if low else 1e-3
    )
