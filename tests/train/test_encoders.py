"""Reward models that start from a sentence encoder: [CLS] first, [SEP] last, learnt, saved and
loaded to the same numbers.
"""

from pathlib import Path

import pytest
import torch
from tiny import World
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertModel,
    BertTokenizerFast,
    MPNetConfig,
    MPNetModel,
)

from psycopref.errors import TrainError
from psycopref.lab import Lab
from psycopref.stages.policy import Policy
from psycopref.stages.reward import Reward
from psycopref.stages.score import Score
from psycopref.train import examples, tokens, weights

SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 256,
}


def encoder(folder: Path, world: World, kind: str) -> Path:
    """A tiny encoder with random weights and a WordPiece tokenizer of the world's words, as
    sentence-transformers keeps them: no head, no chat template.
    """
    raw = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    raw.normalizer, raw.pre_tokenizer = (
        normalizers.BertNormalizer(),
        pre_tokenizers.BertPreTokenizer(),
    )
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    raw.train_from_iterator(
        [row.text for row in (*world.speeches, *world.responses)],
        trainers.WordPieceTrainer(vocab_size=300, special_tokens=special),
    )
    named = {
        "unk_token": "[UNK]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    BertTokenizerFast(tokenizer_object=raw, **named).save_pretrained(folder)
    torch.manual_seed(0)
    vocab = raw.get_vocab_size()
    model = (
        BertModel(BertConfig(vocab_size=vocab, **SHAPE))
        if kind == "bert"
        else MPNetModel(MPNetConfig(vocab_size=vocab, pad_token_id=0, **SHAPE))
    )
    model.save_pretrained(folder)
    return folder


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
    first = examples.encoded(loaded.tokenizer, world.speeches, [world.responses[0]])
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
