"""Recipes in a notebook: loaded, or built from objects."""

import os
from typing import Any

from psycopref import recipes
from psycopref.recipes import Recipe


def load_recipe(name: str | os.PathLike[str]) -> Recipe:
    """A recipe: the name of a shipped one or the path of a TOML file. It is frozen;
    `recipe.model_copy(update=...)` gives a changed one. RecipeError lists every mistake.
    """
    return recipes.load_recipe(str(name))[1]


def recipe(**settings: Any) -> Recipe:
    """A recipe from settings, named and nested as in a TOML file; in the place of a section or of a
    name its object may stand (`model(...)`, a `Pool`, an `Instrument`). RecipeError lists every
    mistake.
    """
    return recipes.recipe_of(settings, "recipe")
