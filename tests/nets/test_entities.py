"""A named-entity model beside the rules: labels to kinds, tokens to whole words, and a folder that
collect masks by.
"""

import shutil
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertConfig, BertForTokenClassification, BertTokenizerFast

from psycopref.errors import SourceError
from psycopref.lab import Lab
from psycopref.nets.entities import Entities, spans, wanted
from psycopref.stages.collect import Collect, Collected

TEXT = "i told zebulon about it and zebulon laughed"
LABELS = {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC"}


def tagger(folder: Path, marked: str = "zebulon", label: int = 1) -> Path:
    """A tiny BERT with random weights, but for a head that knows one word."""
    raw = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    raw.normalizer, raw.pre_tokenizer = (
        normalizers.BertNormalizer(),
        pre_tokenizers.BertPreTokenizer(),
    )
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    raw.train_from_iterator(
        [TEXT] * 5, trainers.WordPieceTrainer(vocab_size=200, special_tokens=special)
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
    shape = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 64,
    }
    config = BertConfig(
        vocab_size=raw.get_vocab_size(),
        id2label=LABELS,
        label2id={name: number for number, name in LABELS.items()},
        **shape,
    )
    model = BertForTokenClassification(config)
    with torch.no_grad():  # the word has an embedding of its own, and the head points along it
        place = raw.token_to_id(marked)
        model.bert.embeddings.word_embeddings.weight[place] = (
            40 * torch.nn.functional.one_hot(torch.tensor(3), 16).float()
        )
        model.classifier.weight.zero_()
        model.classifier.bias.zero_()
        model.classifier.bias[0] = 30.0
        model.classifier.weight[label, 3] = 10.0
    model.save_pretrained(folder)
    return folder


def test_a_folder_is_read_and_its_words_are_found(tmp_path: Path) -> None:
    found = Entities(str(tagger(tmp_path / "ner")))
    assert found([TEXT, "nobody here", "zebulon"]) == [
        [(7, 14, "NAME"), (28, 35, "NAME")],
        [],
        [(0, 7, "NAME")],
    ]


def test_long_texts_are_read_in_windows(tmp_path: Path) -> None:
    found = Entities(str(tagger(tmp_path / "ner")))
    text = "about it and i told " * 60 + "zebulon"
    assert found([text]) == [[(len(text) - 7, len(text), "NAME")]]


def test_collect_masks_by_it_and_its_bytes_are_in_the_key(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\nmy brother told zebulon about Priya\n", encoding="utf-8")

    def masked(model: Path) -> Collected:
        sources = [{"name": "csv", "path": tmp_path / "a.csv"}]
        settings = {"sources": sources, "entities": {"model": str(model)}}
        return lab.do(Collect.model_validate(settings))

    folder = tagger(tmp_path / "one")
    out = masked(folder)
    assert [one.text for one in out.speeches] == ["my brother told <NAME> about <NAME>"]
    masked(shutil.copytree(folder, tmp_path / "two"))
    masked(tagger(tmp_path / "three", label=2))
    assert [entry["found"] for entry in lab.taken] == [
        False,
        True,
        False,
    ], "the same bytes in another folder, then other bytes"


def test_labels_are_mapped_and_an_unfit_model_is_refused(tmp_path: Path) -> None:
    assert wanted(LABELS, {"PER": "NAME"}, "m") == {1: "NAME", 2: "NAME"}
    assert wanted(LABELS, {"PER": "NAME", "LOC": "ADDRESS"}, "m")[3] == "ADDRESS"
    with pytest.raises(SourceError, match=r"it has \['LOC', 'O', 'PER'\]"):
        wanted(LABELS, {"PERSON": "NAME"}, "m")
    with pytest.raises(SourceError, match="no token-classification model"):
        Entities(str(tmp_path))


def test_tokens_become_whole_words() -> None:
    text = "Hi Oluwaseun Adeyemi, at Lagos"
    offsets = [
        (0, 0),
        (0, 2),
        (3, 6),
        (6, 9),
        (13, 17),
        (17, 20),
        (20, 21),
        (22, 24),
        (25, 30),
        (0, 0),
    ]
    assert spans(text, offsets, ["", "", "NAME", "", "", "NAME", "", "", "ADDRESS", ""]) == [
        (3, 20, "NAME"),
        (25, 30, "ADDRESS"),
    ]
    assert spans(" Ana", [(0, 4)], ["NAME"]) == [(1, 4, "NAME")]
