"""A tiny sentence encoder."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizerFast,
    MPNetConfig,
    MPNetModel,
)

from helpers.tiny import World

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
        [row.text for row in (*world.speeches, *world.responses)],  # type: ignore[attr-defined]
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
