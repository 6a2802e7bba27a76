"""Low-rank adapters: they alone learn, the folder that comes out is an ordinary one."""

import pytest
import torch
from helpers.tiny import TINY, World, killed_at
from transformers import AutoModelForCausalLM

from psycopref.errors import TrainError
from psycopref.lab import Lab
from psycopref.nets import weights
from psycopref.stages.policy import Policy
from psycopref.stages.reward import Reward
from psycopref.train import adapters, examples
from psycopref.train.settings import Training

pytest.importorskip("peft")
SFT = Policy(objective="sft", lr=1e-2, epochs=20, batch_size=4, size=TINY)


def test_only_adapters_and_a_reward_head_are_trained(world: World) -> None:
    loaded = weights.fresh_reward(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    ids = torch.arange(3, 12)[None]
    before = loaded.model(input_ids=ids).logits
    adapter = adapters.attach(loaded.model, Training(lora=4, size=TINY))
    learnt = {name for name, one in loaded.model.named_parameters() if one.requires_grad}
    assert (
        all("lora_" in name or name == "score.weight" for name in learnt)
        and "score.weight" in learnt
        and len(learnt) == 2 * 7 * 2 + 1
    )
    assert torch.equal(loaded.model(input_ids=ids).logits, before), (
        "fresh adapters change nothing: the reference is the adapter switched off"
    )
    adapter.merge_and_unload()
    assert not any("lora_" in name for name, _ in loaded.model.named_parameters())


def test_dpo_with_adapters_learns_and_saves_an_ordinary_folder(lab: Lab, world: World) -> None:
    start = lab.do(SFT, world.speeches, world.responses, [], None).weights
    made = lab.do(
        Policy(lr=1e-2, epochs=8, batch_size=4, size=TINY, lora=4, best="loss"), *world, start
    )
    last = {point.name: point.value for point in made.curve}
    assert last["dev_accuracy"] == 1.0 and next(
        point.value for point in made.curve if point.name == "loss"
    ) == pytest.approx(0.6931, abs=1e-3)
    one, two = (
        AutoModelForCausalLM.from_pretrained(folder).state_dict()
        for folder in (start, made.weights)
    )
    assert one.keys() == two.keys()
    changed = {name for name in one if not torch.equal(one[name], two[name])}
    assert changed and all("_proj" in name for name in changed)


def test_a_killed_run_with_adapters_goes_on(lab: Lab, world: World) -> None:
    stage = Reward(lr=1e-2, epochs=4, batch_size=4, size=TINY, lora=4, keep_every=2, dev="")
    lab.place = lab.work / "whole"
    whole = stage.run(lab, *world, None).weights
    lab.place = lab.work / "cut"
    with killed_at(8, "rewards"):
        stage.run(lab, *world, None)
    kept = torch.load(lab.place / "checkpoint" / "state.pt", weights_only=True)["model"]
    assert kept and not any(name.endswith("embed_tokens.weight") for name in kept)
    again = stage.run(lab, *world, None).weights
    assert (whole / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()


def test_a_quantised_base_learns_and_what_is_saved_is_whole(lab: Lab, world: World) -> None:
    """QLoRA: four bits in training, the folder in full precision; only what the adapters stand
    beside has moved.
    """
    pytest.importorskip("bitsandbytes", reason="the extra `qlora` is not installed")
    size = TINY.model_copy(
        update={"hidden": 64, "inner": 128}
    )  # blocks of 64 numbers share a scale
    start = lab.do(
        SFT.model_copy(update={"size": size, "lr": 5e-3}), world.speeches, world.responses, [], None
    ).weights
    dpo = Policy(
        lr=1e-2,
        epochs=8,
        batch_size=4,
        size=size,
        lora=4,
        quantise="nf4",
        best="loss",
        keep_every=2,
    )
    loaded = weights.load_policy(start, dpo)
    assert (
        loaded.model.is_loaded_in_4bit
        and loaded.model.model.layers[0].mlp.up_proj.weight.dtype == torch.uint8
    )
    made = lab.do(dpo, *world, start)
    assert {point.name: point.value for point in made.curve}["dev_accuracy"] == 1.0
    one, two = (
        AutoModelForCausalLM.from_pretrained(folder).state_dict()
        for folder in (start, made.weights)
    )
    assert one.keys() == two.keys() and all(
        tensor.dtype == torch.float32 for tensor in two.values()
    )
    changed = {name for name in one if not torch.equal(one[name], two[name])}
    assert changed and all("_proj" in name for name in changed)
    whole = lab.do(
        Policy(objective="base", base=str(start), lora=4, quantise="nf4"), [], [], [], None
    ).weights
    assert all(
        tensor.dtype == torch.float32
        for tensor in AutoModelForCausalLM.from_pretrained(whole).state_dict().values()
    ), "a start is whole"
    first = next(
        p.value
        for p in lab.do(dpo.model_copy(update={"steps": 1, "lr": 1e-6}), *world, start, start).curve
        if p.name == "loss"
    )
    assert first == pytest.approx(0.693147, abs=1e-6), (
        "a reference that is given is quantised like the policy"
    )
    reward = Reward(
        lr=1e-2, epochs=8, batch_size=4, base=str(start), lora=4, quantise="nf4", best="accuracy"
    )
    assert {point.name: point.value for point in lab.do(reward, *world, None).curve}[
        "dev_accuracy"
    ] == 1.0, "the head is no quantised layer"


def test_quantising_needs_adapters_a_base_and_its_library(
    lab: Lab, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="set lora"):
        Reward(quantise="nf4")
    with pytest.raises(TrainError, match="give `base`"):
        Reward(quantise="nf4", lora=4, size=TINY, dev="").run(lab, *world, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(TrainError, match="bitsandbytes is not installed"):
        weights.load_policy("anything", Training(quantise="nf4", lora=4))
