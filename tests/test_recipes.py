# mypy: disable-error-code="attr-defined"
# recipes are read as their base class here, whose kinds have different fields
"""Every shipped recipe is valid, and the resolved recipe leaves nothing unsaid."""

import re
import tomllib
from contextlib import nullcontext
from pathlib import Path

import pytest

from psycopref import recipes
from psycopref.errors import RecipeError
from psycopref.flows import paper
from psycopref.flows.base import Done
from psycopref.lab import Lab
from psycopref.recipes import load_recipe, resolved
from psycopref.tables import Preference

RECIPES = sorted(recipes.RECIPES.glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    name, recipe = load_recipe(str(path))
    assert name == path.stem
    text = resolved(recipe)
    assert tomllib.loads(text)["flow"] == recipe.flow
    assert ("test_share" in text and "responses_per_call" in text) or recipe.dataset.rate is None


def test_the_paper_s_settings() -> None:
    _, recipe = load_recipe(str(RECIPES[0].parent / "paper.toml"))
    assert recipe.flow == "paper"
    dataset, training = recipe.dataset, recipe.training
    assert dataset.respond and dataset.rate and dataset.pair
    assert (
        len(dataset.respond.pool.models),
        dataset.respond.per_speech,
        dataset.rate.responses_per_call,
    ) == (20, 4, 4)
    assert (dataset.clean.low, dataset.clean.high, dataset.pair.gap) == (100, 1000, 1.0)
    assert abs(dataset.topics.test_share - 3291 / 26483) < 1e-4
    assert (training.reward.epochs, training.reward.batch_size, training.reward.lr) == (
        2,
        128,
        9e-6,
    )
    assert (
        training.policy.beta,
        training.policy.batch_size,
        training.policy.lr,
        training.policy.steps,
    ) == (0.1, 64, 5e-7, 1600)
    assert (training.draft.samples, training.round_speeches) == (8, 6400)


def test_a_key_in_a_recipe_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('flow = "dataset"\n[dataset]\ncolect = 1\n', encoding="utf-8")
    with pytest.raises(RecipeError, match="did you mean 'collect'"):
        load_recipe(str(path))


PUBLISHED = RECIPES[0].parent / "quickstart.toml"


@pytest.mark.parametrize(
    ("section", "line", "stage"),
    [
        ("[training.policy]", 'split = "gold"', "policy"),
        ("[training.reward]", 'dev = "gold"', "reward"),
        ("[training.start]", 'split = "gold"', "start"),
        ("[training.online]", 'split = "gold"', "online"),
        ("[training.gold]", 'dev = "train"', "gold"),
        ("[training.gold]", 'split = "train"', "gold"),
        ("[training.gold]", "", "gold"),
    ],
)
def test_the_gold_split_is_used_for_nothing_else(
    tmp_path: Path, section: str, line: str, stage: str
) -> None:
    text, path = PUBLISHED.read_text(encoding="utf-8"), tmp_path / "r.toml"
    table = re.search(rf"^{re.escape(section)}.*?(?=^\[)", text, re.DOTALL | re.MULTILINE)
    assert table
    key = line.partition(" ")[0] or "dev"
    kept = re.sub(rf"^{key} = .*\n", "", table[0], flags=re.MULTILINE)
    path.write_text(text.replace(table[0], kept + line + "\n"), encoding="utf-8")
    with pytest.raises(RecipeError, match=rf"\[training.{stage}\]: split"):
        load_recipe(str(path))


def test_a_gold_model_may_look_at_gold_pairs(tmp_path: Path) -> None:
    text = PUBLISHED.read_text(encoding="utf-8").replace(
        'split = "gold"\ndev = ""', 'split = "gold"\ndev = "gold"'
    )
    (tmp_path / "r.toml").write_text(text, encoding="utf-8")
    _, recipe = load_recipe(str(tmp_path / "r.toml"))
    assert recipe.flow == "paper" and recipe.training.gold and recipe.training.gold.dev == "gold"


def test_training_without_pairs_is_refused_before_anything_trains(lab: Lab) -> None:
    _, recipe = load_recipe(str(PUBLISHED))
    assert recipe.flow == "paper"
    pairs = [
        Preference(f"p-{split}", "s", "a", "b", 1.0, split) for split in ("train", "test", "gold")
    ]
    built = Done(preferences=pairs)
    paper.trainable(recipe.training.model_copy(update={"rounds": 0}), lab, built)
    for left, says in (
        ([], r"training.reward\]: no preference pairs in split 'train' \(of 0"),
        (pairs[:2], r"training.gold\]: no preference pairs in split 'gold'"),
    ):
        with pytest.raises(RecipeError, match=says):
            paper.trainable(recipe.training, lab, built._replace(preferences=left))


def test_a_paper_run_without_pairs_trains_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper.dataset, "built", lambda recipe, lab: Done())
    _, recipe = load_recipe(str(PUBLISHED))
    with Lab(tmp_path / "work") as lab, pytest.raises(RecipeError, match="no preference pairs"):
        paper.run(recipe, lab)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("objective", "refused"), [("base", False), ("sft", False), ("dpo", True), ("simpo", True)]
)
def test_only_a_policy_that_learns_from_pairs_needs_them(
    lab: Lab, objective: str, refused: bool
) -> None:
    _, recipe = load_recipe(str(PUBLISHED))
    assert recipe.flow == "paper"
    training = recipe.training.model_copy(
        update={
            "policy": recipe.training.policy.model_copy(
                update={"objective": objective, "split": "dev"}
            ),
            "rounds": 0,
        }
    )
    pairs = [
        Preference(f"p-{split}", "s", "a", "b", 1.0, split) for split in ("train", "test", "gold")
    ]
    with (
        pytest.raises(RecipeError, match=r"training.policy\]: no preference pairs")
        if refused
        else nullcontext()
    ):
        paper.trainable(training, lab, Done(preferences=pairs))


def test_a_judge_that_pair_weighs_must_rate(tmp_path: Path) -> None:
    def write(judges: str) -> str:
        text = (
            (recipes.RECIPES / "open.toml")
            .read_text(encoding="utf-8")
            .replace("gap = 1.0\n", f"gap = 1.0\njudges = {judges}\n", 1)
        )
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        return str(tmp_path / "mine.toml")

    load_recipe(write('{ "Qwen/Qwen2.5-72B-Instruct" = 2.0 }'))
    with pytest.raises(
        RecipeError,
        match=(
            "judges: 'Qwen/Qwen2.5-72B' does not rate in .*did you mean 'Qwen/Qwen2.5-72B-Instruct'"
        ),
    ):
        load_recipe(write('{ "Qwen/Qwen2.5-72B" = 2.0 }'))


def test_every_new_setting_survives_in_the_resolved_recipe(tmp_path: Path) -> None:
    text = (
        (recipes.RECIPES / "open.toml")
        .read_text(encoding="utf-8")
        .replace("per_speech = 4\n", "per_speech = 4\nwords = [80, 160]\n", 1)
    )
    text = text.replace(
        "attempts = 3 ",
        'per_call = "all"\nrepeats = 2\njudges = ["judges/gpt-4o-2024-08-06"]\nattempts = 3 ',
        1,
    )
    weights = (
        'judges = { "gpt-4o-2024-08-06" = 2.0 }\ntopic_weights = { "Crisis and Safety Concerns" = {'
        " safety = 2.0 } }"
    )
    (tmp_path / "one.toml").write_text(
        text.replace("gap = 1.0\n", f"gap = 1.0\n{weights}\n", 1), encoding="utf-8"
    )
    recipe = load_recipe(str(tmp_path / "one.toml"))[1]
    (tmp_path / "two.toml").write_text(resolved(recipe), encoding="utf-8")
    assert load_recipe(str(tmp_path / "two.toml"))[1] == recipe
    rate, pair = recipe.dataset.rate, recipe.dataset.pair
    assert (
        rate
        and rate.prompt.name == "rate_all"
        and [entry.name for entry in rate.judges] == ["gpt-4o-2024-08-06"]
    )
    assert (
        pair and pair.topics and pair.topic_weights["Crisis and Safety Concerns"] == {"safety": 2.0}
    )
