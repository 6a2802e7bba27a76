"""Every shipped recipe is valid, and the resolved recipe leaves nothing unsaid."""

import tomllib
from pathlib import Path

import pytest

from psycopref.errors import RecipeError
from psycopref.recipes import load_recipe, resolved

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    name, recipe = load_recipe(str(path))
    assert name == path.stem
    text = resolved(recipe)
    assert tomllib.loads(text)["flow"] == recipe.flow
    assert "test_share" in text and "responses_per_call" in text or recipe.dataset.rate is None


def test_the_paper_s_settings() -> None:
    _, recipe = load_recipe(str(RECIPES[0].parent / "paper.toml"))
    assert recipe.flow == "paper"
    dataset, training = recipe.dataset, recipe.training
    assert dataset.respond and dataset.rate and dataset.pair
    assert (len(dataset.respond.pool.models), dataset.respond.per_speech, dataset.rate.responses_per_call) == (20, 4, 4)
    assert (dataset.clean.low, dataset.clean.high, dataset.pair.gap) == (100, 1000, 1.0)
    assert abs(dataset.topics.test_share - 3291 / 26483) < 1e-4
    assert (training.reward.epochs, training.reward.batch_size, training.reward.lr) == (2, 128, 9e-6)
    assert (training.policy.beta, training.policy.batch_size, training.policy.lr, training.policy.steps) == (0.1, 64, 5e-7, 1600)
    assert (training.draft.samples, training.round_speeches) == (8, 6400)


def test_a_key_in_a_recipe_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('flow = "dataset"\n[dataset]\ncolect = 1\n', encoding="utf-8")
    with pytest.raises(RecipeError, match="did you mean 'collect'"):
        load_recipe(str(path))
