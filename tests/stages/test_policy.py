"""The policy stage: supervised, then DPO, both to folders that plain transformers loads."""

import pytest
import torch
from helpers.tiny import TINY, World, killed_at
from transformers import AutoModelForCausalLM, AutoTokenizer

from psycopref.errors import TrainError
from psycopref.lab import Lab
from psycopref.nets import tokens
from psycopref.nets.weights import load_policy
from psycopref.stages.policy import Policy

SFT = Policy(objective="sft", lr=1e-2, epochs=20, batch_size=4, size=TINY)


def last(curve, name):  # type: ignore[no-untyped-def]
    return [point.value for point in curve if point.name == name][-1]


def test_sft_then_dpo(lab: Lab, world: World) -> None:
    start = lab.do(SFT, world.speeches, world.responses, [], None)
    assert last(start.curve, "dev_loss") < 3.0
    tuned = lab.do(Policy(lr=1e-3, epochs=4, batch_size=4, size=TINY), *world, start.weights)
    assert last(tuned.curve, "accuracy") == 1.0 and last(tuned.curve, "dev_accuracy") == 1.0
    assert next(point.value for point in tuned.curve if point.name == "loss") == pytest.approx(
        0.6931, abs=1e-3
    )


def test_plain_transformers_loads_it_and_generates(lab: Lab, world: World) -> None:
    folder = lab.do(SFT, world.speeches, world.responses, [], None).weights
    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(folder),
        AutoTokenizer.from_pretrained(folder),
    )
    row = next(iter(tokens.encoded(tokenizer, world.speeches, world.responses).values()))
    inside = load_policy(folder).model
    assert torch.equal(
        model(input_ids=torch.tensor([row.ids])).logits,
        inside(input_ids=torch.tensor([row.ids])).logits,
    )
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": world.speeches[0].text}],
        add_generation_prompt=True,
        return_tensors="pt",
    )
    out = model.generate(**ids, max_new_tokens=40, do_sample=False)
    assert (
        out[0, -1] == tokenizer.eos_token_id
        and model.generation_config.pad_token_id == tokenizer.pad_token_id
    )


def test_sft_reads_its_split_only(lab: Lab, world: World) -> None:
    quick = SFT.model_copy(update={"steps": 3, "dev": ""})
    whole = lab.do(quick, world.speeches, world.responses, [], None).weights
    part = lab.do(quick, world.speeches[:12], world.responses[:24], [], None).weights
    assert (whole / "model.safetensors").read_bytes() == (part / "model.safetensors").read_bytes()


def test_dpo_needs_a_start(lab: Lab, world: World) -> None:
    with pytest.raises(TrainError, match="nothing to start from"):
        Policy(size=TINY).run(lab, *world, None)


def test_a_killed_dpo_goes_on_with_its_reference(lab: Lab, world: World) -> None:
    start = lab.do(
        SFT.model_copy(update={"steps": 3}), world.speeches, world.responses, [], None
    ).weights
    dpo = Policy(lr=1e-3, epochs=4, batch_size=4, size=TINY, keep_every=2)
    whole = (
        dpo.model_copy(update={"max_length": 1000}).run(_at(lab, "whole"), *world, start).weights
    )
    with killed_at(14, "logps"):
        dpo.run(_at(lab, "cut"), *world, start)
    assert (lab.place / "checkpoint" / "state.pt").exists() and (
        lab.place / "reference" / "train.pt"
    ).exists()
    again = dpo.run(lab, *world, start).weights
    assert (whole / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()


def _at(lab: Lab, name: str) -> Lab:
    lab.place = lab.work / name
    return lab


@pytest.mark.parametrize("objective", ["cdpo", "ipo", "simpo", "orpo", "kto"])
def test_every_objective_learns_the_pairs(lab: Lab, world: World, objective: str) -> None:
    start = lab.do(SFT, world.speeches, world.responses, [], None).weights
    stage = Policy.model_validate(
        {"objective": objective, "lr": 1e-3, "epochs": 4, "batch_size": 4, "size": TINY}
    )
    tuned = lab.do(stage, *world, start)
    losses = [point.value for point in tuned.curve if point.name == "loss"]
    assert last(tuned.curve, "dev_accuracy") == 1.0 and losses[-1] < losses[0]


def test_kto_is_the_same_whatever_the_micro_batches(lab: Lab, world: World) -> None:
    start = lab.do(
        SFT.model_copy(update={"steps": 5}), world.speeches, world.responses, [], None
    ).weights
    curves = [
        lab.do(
            Policy(objective="kto", lr=1e-3, batch_size=4, size=TINY, batch_tokens=tokens, dev=""),
            *world,
            start,
        ).curve
        for tokens in (64, 100_000)
    ]
    one, all_ = ([point.value for point in curve if point.name == "loss"] for curve in curves)
    assert one == pytest.approx(all_, abs=1e-4)


@pytest.mark.parametrize("more", [{}, {"lora": 4}])
def test_snapshots_are_the_states_on_the_way(lab: Lab, world: World, more: dict[str, int]) -> None:
    """The last one is where training ended; the one before is what a run of the same schedule had
    then, a kill or not.
    """
    if more:
        pytest.importorskip("peft")
    start = lab.do(
        SFT.model_copy(update={"steps": 3}), world.speeches, world.responses, [], None
    ).weights
    dpo = Policy(lr=1e-2, steps=4, batch_size=4, size=TINY, snapshots=2, keep_every=1, **more)
    made = lab.do(dpo, *world, start)
    kept = {
        path.name: AutoModelForCausalLM.from_pretrained(path).state_dict()
        for path in made.snapshots.iterdir()
    }
    last = AutoModelForCausalLM.from_pretrained(made.weights).state_dict()
    assert set(kept) == {"1", "2"} and all(
        torch.equal(kept["2"][name], last[name]) for name in last
    )
    assert not all(torch.equal(kept["1"][name], last[name]) for name in last)
    again = Policy(lr=1e-2, steps=4, batch_size=4, size=TINY, snapshots=2, keep_every=1, **more)
    with killed_at(5, "logps"):  # two passes for the reference, then the third step
        again.run(_at(lab, "cut"), *world, start)
    again.run(lab, *world, start)
    for name in ("1", "2"):
        assert (lab.place / "snapshots" / name / "model.safetensors").read_bytes() == (
            made.snapshots / name / "model.safetensors"
        ).read_bytes()


def test_more_snapshots_than_steps_is_an_error(lab: Lab, world: World) -> None:
    with pytest.raises(TrainError, match="5 snapshots of 3 steps"):
        lab.do(
            SFT.model_copy(update={"steps": 3, "snapshots": 5}),
            world.speeches,
            world.responses,
            [],
            None,
        )
