"""Weights folders load with plain transformers and say what they are for."""

from pathlib import Path
from typing import Literal

import pytest
import torch
from helpers.tiny import TINY, World
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
)

from psycopref.errors import TrainError
from psycopref.nets import weights
from psycopref.nets.tokens import END, learn_tokenizer
from psycopref.train import examples
from psycopref.train.settings import Training


def test_a_base_without_pad_or_template_gets_both(world: World, tmp_path: Path) -> None:
    tokenizer = learn_tokenizer(examples.texts(world.speeches, world.responses, "train"), 400)
    tokenizer.chat_template = None
    tokenizer.pad_token = END
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=512,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = weights.load_reward(tmp_path)
    assert loaded.tokenizer.pad_token_id not in (None, loaded.tokenizer.eos_token_id)
    assert (
        loaded.model.config.pad_token_id
        == loaded.tokenizer.pad_token_id
        < loaded.model.get_input_embeddings().weight.shape[0]
    )
    folder = weights.save(loaded, tmp_path / "out", "reward", Training(), {})
    model, again = (
        AutoModelForSequenceClassification.from_pretrained(folder),
        AutoTokenizer.from_pretrained(folder),
    )
    ids = torch.tensor([[5, 6, again.eos_token_id]])
    assert (
        torch.allclose(
            model(input_ids=ids).logits, loaded.model.eval()(input_ids=ids).logits, atol=1e-6
        )
        and model.config.num_labels == 1
    )


def test_the_card_names_the_intended_use(world: World, tmp_path: Path) -> None:
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    card = (
        weights.save(loaded, tmp_path / "w", "policy", Training(), {"objective": "sft"})
        / "README.md"
    ).read_text()
    assert (
        "Drafts for review by a licensed professional, never shown to clients unreviewed." in card
    )
    assert weights.name_of(tmp_path / "w").startswith("weights:")


def test_saving_twice_gives_the_same_digest(world: World, tmp_path: Path) -> None:
    loaded = weights.fresh_reward(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    assert (
        len(
            {
                weights.name_of(weights.save(loaded, tmp_path / name, "reward", Training(), {}))
                for name in ("a", "b")
            }
        )
        == 1
    )


def test_no_weights_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="no weights that load"):
        weights.load_policy(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["reward", "policy"])
def test_a_card_lists_the_facts_and_then_the_settings_in_their_order(
    world: World, tmp_path: Path, kind: Literal["reward", "policy"]
) -> None:
    """Its bytes are in the digest of the weights: another order would give what is trained anew
    another name than what was trained before.
    """
    fresh = weights.fresh_reward if kind == "reward" else weights.fresh_policy
    loaded = fresh(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    folder = weights.save(loaded, tmp_path, kind, Training(size=TINY), {"objective": "{x}"})
    card = (folder / "README.md").read_text(encoding="utf-8")
    head, _, made = card.partition("## How it was made\n")
    names = [line.split(":")[0].removeprefix("- ") for line in made.splitlines()]
    assert "{" not in head and made.startswith("- objective: {x}\n")
    # the order of 25adbae
    assert names == ["objective", "base", "seed", "epochs", "steps", "batch_size", "lr"] + [
        *("warmup", "decay", "weight_decay", "clip", "dropout", "batch_tokens", "max_length"),
        *("dev_every", "best", "precision", "recompute", "lora", "lora_alpha", "quantise"),
        *("size", "snapshots"),
    ]
