"""Sentence encoders: pooling and length as their folder says, the same vectors alone and in a
batch.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.encoders import encoder
from helpers.tiny import World
from transformers import AutoModel, AutoTokenizer

from psycopref.errors import TrainError
from psycopref.nets import embeddings
from psycopref.progress import Progress

MODULES = [
    {"path": "", "type": "a.b.Transformer"},
    {"path": "1_Pooling", "type": "a.Pooling"},
    {"path": "2_Normalize", "type": "a.Normalize"},
]


def sentence_encoder(
    folder: Path, world: World, pooling: dict[str, object], modules: list[dict[str, str]] = MODULES
) -> Path:
    encoder(folder, world, "bert")
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")
    return folder


def alone(folder: Path, text: str, first: bool, limit: int = 256) -> np.ndarray:
    model, tokenizer = (
        AutoModel.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
    )
    with torch.no_grad():
        states = model(
            **tokenizer(text, return_tensors="pt", truncation=True, max_length=limit)
        ).last_hidden_state[0]
    vector = (states[0] if first else states.mean(0)).numpy()
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize(
    ("pooling", "first"),
    [
        (
            {
                "pooling_mode_cls_token": False,
                "pooling_mode_mean_tokens": True,
                "include_prompt": True,
            },
            False,
        ),
        (
            {
                "pooling_mode_cls_token": True,
                "pooling_mode_mean_tokens": False,
                "include_prompt": True,
            },
            True,
        ),
        ({"embedding_dimension": 32, "pooling_mode": "cls", "include_prompt": True}, True),
        ({"embedding_dimension": 32, "pooling_mode": "mean", "include_prompt": True}, False),
    ],
)
def test_pooled_as_the_folder_says(
    world: World, tmp_path: Path, pooling: dict[str, object], first: bool
) -> None:
    folder = sentence_encoder(tmp_path / "e", world, pooling)
    texts = [speech.text for speech in world.speeches]
    got = embeddings.embedded(str(folder), texts, 100, Progress())
    for text, vector in zip(texts, got, strict=True):
        assert vector == pytest.approx(alone(folder, text, first), abs=1e-5)


def test_a_folder_that_says_nothing_has_the_mean_and_long_texts_are_cut(
    world: World, tmp_path: Path
) -> None:
    folder = encoder(tmp_path, world, "bert")
    (folder / "sentence_bert_config.json").write_text(
        '{"max_seq_length": 8, "do_lower_case": false}', encoding="utf-8"
    )
    got = embeddings.embedded(str(folder), [world.speeches[4].text], 100, Progress())
    assert got[0] == pytest.approx(alone(folder, world.speeches[4].text, False, 8), abs=1e-5)


@pytest.mark.parametrize(
    ("pooling", "modules", "says"),
    [
        ({"pooling_mode": "lasttoken"}, MODULES, "lasttoken"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, MODULES, "cls.mean"),
        ({"pooling_mode": "mean"}, [*MODULES, {"path": "3_Dense", "type": "a.Dense"}], "Dense"),
    ],
)
def test_what_is_not_read_is_said(
    world: World,
    tmp_path: Path,
    pooling: dict[str, object],
    modules: list[dict[str, str]],
    says: str,
) -> None:
    folder = sentence_encoder(tmp_path / "e", world, pooling, modules)
    with pytest.raises(TrainError, match=says):
        embeddings.embedded(str(folder), ["a"], 100, Progress())


def test_no_encoder_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="no encoder"):
        embeddings.embedded(str(tmp_path), ["a"], 100, Progress())
