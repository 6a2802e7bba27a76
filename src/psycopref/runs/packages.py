"""Packages that a recipe needs beyond the base, looked for before a call is paid for."""

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel

from psycopref.errors import RecipeError
from psycopref.models.entries import ModelEntry
from psycopref.settings import TORCH, Stage

_EXTRAS = {
    **dict.fromkeys(TORCH, "'psycopref[train]'"),
    "peft": "'psycopref[lora]'",
    "bitsandbytes": "'psycopref[qlora]'",
    "tensorboard": "'psycopref[track]'",
}
# What an entry's kind is answered by.
_KINDS = {"local": TORCH, "weights": TORCH, "vllm": ("vllm",)}
# Trackers break at their import where one of their own packages is too old; found out here, that
# costs nothing, and after the calls and the first training it costs a day.
_IMPORTED = ("tensorboard", "trackio", "wandb")
# Either package writes TensorBoard's files.
_INSTEAD = {"tensorboard": "tensorboardX"}

Found = Callable[[str], bool]


def check_packages(name: str, recipe: BaseModel, found: Found | None = None) -> None:
    """RecipeError where a package is lacking that a stage or a model of a recipe needs; `found`
    says of an import name whether it is there.
    """
    there = found or _there
    for place, package in _wanted(recipe, name):
        if there(package) or there(_INSTEAD.get(package, package)):
            continue
        install = _EXTRAS.get(package, package)
        raise RecipeError(
            f"{place} needs the package {package}, which is not installed here (or does not"
            f" import); `pip install {install}`"
        )


def _wanted(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """(where it is said, import name) of everything below some settings."""
    if isinstance(value, Stage):
        yield from ((place, one) for one in value.packages())
    elif isinstance(value, ModelEntry):
        yield from ((f"{place}: {value.name}", one) for one in _KINDS.get(value.kind, ()))
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _wanted(getattr(value, name), f"{place} {name.rstrip('_')}")
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _wanted(one, f"{place} {name}")
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _wanted(one, place)


def _there(package: str) -> bool:
    if importlib.util.find_spec(package) is None:
        return False
    if package not in _IMPORTED:
        return True
    try:
        importlib.import_module(package)
    except Exception:  # noqa: BLE001 whatever its own packages raise, it cannot be used
        return False
    return True
