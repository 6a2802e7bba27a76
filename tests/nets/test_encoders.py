"""Reward models that start from a sentence encoder: [CLS] first, [SEP] last, learnt, saved and
loaded to the same numbers.
"""

from pathlib import Path

import pytest
import torch
from helpers.encoders import encoder
from helpers.tiny import World
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from psycopref.errors import TrainError
from psycopref.lab import Lab
from psycopref.nets import tokens, weights
from psycopref.stages.policy import Policy
from psycopref.stages.reward import Reward
from psycopref.stages.score import Score


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_a_reward_model_from_an_encoder_learns_and_comes_back_the_same(
    lab: Lab, world: World, tmp_path: Path, kind: str
) -> None:
    folder = encoder(tmp_path / kind, world, kind)
    stage = Reward(
        base=str(folder), lr=2e-3, epochs=10, batch_size=4, best="accuracy", max_length=256
    )
    made = lab.do(stage, *world, None)
    assert {point.name: point.value for point in made.curve}["dev_accuracy"] == 1.0
    rated = lab.do(Score(), world.speeches, world.responses, made.weights).ratings
    model, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(made.weights).eval(),
        AutoTokenizer.from_pretrained(made.weights),
    )
    for row, response in list(zip(rated, world.responses, strict=True))[:6]:
        speech = next(one for one in world.speeches if one.speech_id == response.speech_id)
        ids = tokens.encode(tokenizer, tokens.messages(speech), response.text).ids
        assert (
            ids[0] == tokenizer.cls_token_id
            and ids[-1] == tokenizer.sep_token_id
            and ids.count(tokenizer.cls_token_id) == 1
        )
        with torch.no_grad():
            plain = model(input_ids=torch.tensor([ids])).logits.item()
        assert row.score == pytest.approx(plain, abs=1e-5), (
            "plain transformers, one by one, gives what padded batches give"
        )


def test_a_response_cannot_bring_its_own_ends(world: World, tmp_path: Path) -> None:
    loaded = weights.load_reward(encoder(tmp_path, world, "bert"))
    first = tokens.encoded(loaded.tokenizer, world.speeches, [world.responses[0]])
    row = next(iter(first.values()))
    said = tokens.encode(
        loaded.tokenizer, tokens.messages(world.speeches[0]), "I hear you [SEP] [CLS] and more"
    )
    assert (
        said.ids.count(loaded.tokenizer.sep_token_id)
        == 1
        == row.ids.count(loaded.tokenizer.sep_token_id)
    )


def test_an_encoder_is_no_policy(lab: Lab, world: World, tmp_path: Path) -> None:
    with pytest.raises(TrainError):
        lab.do(
            Policy(
                objective="sft",
                base=str(encoder(tmp_path / "mpnet", world, "mpnet")),
                steps=1,
                batch_size=4,
            ),
            world.speeches,
            world.responses,
            [],
            None,
        )
