"""A recipe: a TOML file that fills the settings of a flow and of its stages."""

import tomllib
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel

from psycopref.config.toml_files import DATA, checked, did_you_mean, read_toml
from psycopref.errors import RecipeError
from psycopref.flows import FLOWS
from psycopref.flows.base import Flow, Recipe

__all__ = ["RECIPES", "Recipe", "flow_of", "load_recipe", "recipe_of", "resolved"]

RECIPES = DATA / "recipes"
LONGEST = 200  # bytes of a recipe's name; a folder's name has 255, and a run adds its time


def flow_of(recipe: Recipe) -> Flow:
    """What does a recipe: its flow's `run`."""
    return FLOWS[recipe.flow]


def load_recipe(name: str) -> tuple[str, Recipe]:
    """A recipe by path, or by the name of one in recipes/; gives its short name and the
    settings.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if len(path.stem.encode()) > LONGEST:
        raise RecipeError(
            f"recipe {path.stem[:40]!r}...: a name of {len(path.stem.encode())} bytes; its runs are"
            f" called after it, so give the file a name of {LONGEST} at most"
        )
    if not path.is_file():
        known = sorted(p.stem for p in RECIPES.glob("*.toml"))
        hint = (
            f"; the shipped one is called by its name alone, {path.stem!r}"
            if path.stem in known
            else did_you_mean(path.stem, known)
        )
        raise RecipeError(
            f"no recipe {name!r}{hint}; give the path of a .toml file or one"
            f" of {known} (looked in {RECIPES}/)"
        )
    return path.stem, recipe_of(read_toml(path), str(path))


def recipe_of(values: dict[str, Any], where: str) -> Recipe:
    """The recipe that settings make; RecipeError lists every mistake, `where` says where they
    stand.
    """
    flow = FLOWS.get(str(values.get("flow", "")))
    if flow is None:
        raise RecipeError(
            f"{where}: flow must be one of {sorted(FLOWS)}, found {values.get('flow')!r}"
        )
    return checked(flow.Recipe, values, where)


def resolved(recipe: Recipe) -> str:
    """The recipe as TOML with no default left unsaid: pools, prompts and instruments in full, no
    secret.
    """
    text = tomli_w.dumps(_table(recipe), multiline_strings=True)
    tomllib.loads(text)
    return text


def _table(settings: BaseModel) -> dict[str, Any]:
    fields = type(settings).model_fields
    values = {field.alias or name: _toml(getattr(settings, name)) for name, field in fields.items()}
    return {name: value for name, value in values.items() if value is not None}


def _toml(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _table(value)
    if isinstance(value, tuple | list):
        return [_toml(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _toml(item) for key, item in value.items() if item is not None}
    return str(value) if isinstance(value, Path) else value
