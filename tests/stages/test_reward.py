"""The reward stage: learns, resumes, and writes a folder that plain transformers reads to the same
numbers.
"""

from pathlib import Path

import pytest
import torch
from helpers.tiny import TINY, World
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from psycopref.errors import TrainError
from psycopref.lab import Lab
from psycopref.stages.policy import Policy
from psycopref.stages.reward import Reward
from psycopref.stages.score import Score

QUICK = Reward(lr=3e-3, epochs=6, batch_size=4, size=TINY)


def test_plain_transformers_gives_the_same_numbers_alone_and_padded(lab: Lab, world: World) -> None:
    made = lab.do(QUICK, *world, None)
    ours = [
        rating.score
        for rating in lab.do(Score(), world.speeches, world.responses, made.weights).ratings
    ]
    tokenizer = AutoTokenizer.from_pretrained(made.weights)
    model = AutoModelForSequenceClassification.from_pretrained(made.weights)
    assert (
        tokenizer.pad_token_id != tokenizer.eos_token_id
        and model.config.pad_token_id == tokenizer.pad_token_id
    )
    text = {speech.speech_id: speech.text for speech in world.speeches}
    chats = [
        [{"role": "user", "content": text[r.speech_id]}, {"role": "assistant", "content": r.text}]
        for r in world.responses
    ]
    with torch.no_grad():
        alone = [
            float(model(**tokenizer.apply_chat_template(chat, return_tensors="pt")).logits)
            for chat in chats
        ]
        padded = model(
            **tokenizer.apply_chat_template(chats, padding=True, return_tensors="pt")
        ).logits[:, 0]
    assert ours == pytest.approx(alone, abs=1e-4) and ours == pytest.approx(
        padded.tolist(), abs=1e-4
    )


def test_it_learns_and_is_done_once(lab: Lab, world: World) -> None:
    made = lab.do(QUICK, *world, None)
    again = lab.do(QUICK, *world, None)
    assert [point.value for point in made.curve if point.name == "dev_accuracy"][-1] == 1.0
    assert made.weights == again.weights and lab.taken[-1]["found"]
    assert {path.name for path in made.weights.iterdir()} >= {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "chat_template.jinja",
        "README.md",
    }
    assert not (made.weights.parent / "checkpoint").exists()


def test_it_starts_from_a_policys_backbone(lab: Lab, world: World) -> None:
    policy = lab.do(
        Policy(objective="sft", size=TINY, steps=1, batch_size=2),
        world.speeches,
        world.responses,
        [],
        None,
    )
    made = lab.do(Reward(steps=1, lr=1e-9, batch_size=2, size=TINY), *world, policy.weights)
    from safetensors.torch import load_file

    before, after = (
        load_file(folder / "model.safetensors") for folder in (policy.weights, made.weights)
    )
    assert torch.allclose(
        before["model.layers.0.mlp.up_proj.weight"],
        after["model.layers.0.mlp.up_proj.weight"],
        atol=1e-6,
    )


def test_pairs_that_are_too_long_are_counted(lab: Lab, world: World) -> None:
    with pytest.raises(TrainError, match="nothing to train on"):
        Reward(size=TINY, max_length=16).run(lab, *world, None)


def test_no_pairs_and_missing_responses_are_errors(lab: Lab, world: World) -> None:
    with pytest.raises(TrainError, match="no text in split 'gold'"):
        Reward(size=TINY, split="gold").run(lab, *world, None)
    with pytest.raises(TrainError, match="responses are not in the tables"):
        Reward(size=TINY).run(lab, world.speeches, world.responses[2:], world.preferences, None)
    with pytest.raises(TrainError, match="no weights that load"):
        Reward(base=str(lab.work / "nowhere")).run(lab, *world, None)


def test_gold_uses_its_own_split_only(lab: Lab, world: World) -> None:
    from dataclasses import replace

    def marked(row, split):  # type: ignore[no-untyped-def]
        return replace(row, split=split)

    speeches = [marked(s, "gold") if i < 6 else s for i, s in enumerate(world.speeches)]
    preferences = [marked(p, "gold") if i < 6 else p for i, p in enumerate(world.preferences)]
    gold = Reward(split="gold", dev="", lr=1e-3, steps=4, batch_size=2, size=TINY)
    first = lab.do(gold, speeches, world.responses, preferences, None)
    fewer = lab.do(gold, speeches[:6], world.responses[:12], preferences[:6], None)
    assert (first.weights / "model.safetensors").read_bytes() == (
        fewer.weights / "model.safetensors"
    ).read_bytes()


def test_only_rows_of_scored_responses(lab: Lab, world: World) -> None:
    made = lab.do(QUICK, *world, None)
    with pytest.raises(TrainError, match="answer speeches that are not in the table"):
        Score().run(lab, world.speeches[1:], world.responses, made.weights)


def test_weights_path_is_in_place(lab: Lab, world: World) -> None:
    lab.place = Path(lab.work) / "here"
    assert (
        QUICK.model_copy(update={"steps": 1}).run(lab, *world, None).weights
        == lab.place / "weights"
    )
