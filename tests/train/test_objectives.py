"""The table of objectives: complete, true of the losses, read without torch, and all that a new one
needs beside its loss.
"""

import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import torch

from psycopref.stages.policy import Policy
from psycopref.stages.reward import Reward
from psycopref.train import losses
from psycopref.train.losses import Outcome, Values
from psycopref.train.objectives import OBJECTIVES, REWARD, Name, Objective

LEARNT = {name: one for name, one in OBJECTIVES.items() if one.rows} | {"reward": REWARD}


def test_a_policy_takes_the_objectives_of_the_table_and_no_other() -> None:
    assert typing.get_args(Name) == tuple(OBJECTIVES)
    assert [Policy(objective=name).learns for name in OBJECTIVES] == list(OBJECTIVES.values())
    with pytest.raises(ValueError, match="'base', 'sft', 'dpo', 'cdpo'") as error:
        Policy(objective="ppo")
    assert all(repr(name) in str(error.value) for name in OBJECTIVES)


def test_every_loss_is_an_objective_of_the_table() -> None:
    made = {
        name
        for name, one in vars(losses).items()
        if inspect.isfunction(one) and inspect.signature(one).return_annotation is Outcome
    }
    assert made == {one.loss for one in LEARNT.values()}


@pytest.mark.parametrize("name", LEARNT)
def test_a_loss_takes_the_settings_that_the_table_says(name: str) -> None:
    one = LEARNT[name]
    first, *others = inspect.signature(getattr(losses, one.loss)).parameters
    assert first == "v" and tuple(others) == one.settings
    stage = Reward if one is REWARD else Policy
    assert set(one.settings) <= stage.model_fields.keys()


@pytest.mark.parametrize("name", LEARNT)
def test_a_loss_reads_what_the_table_says_and_nothing_else(name: str) -> None:
    """The gradient by what it should not need is none, and by what it needs there is one."""
    one = LEARNT[name]
    torch.manual_seed(0)
    rows = max(one.rows, 1)
    values = (-torch.rand(3, rows) * 5 - 1).requires_grad_(True)
    reference = (-torch.rand(3, rows) * 5 - 1).requires_grad_(True)
    shift = torch.tensor(0.3, requires_grad=True)
    stage = Reward() if one is REWARD else Policy(objective=name)
    found = one.of(stage)(Values(values, reference, torch.full((3, rows), 4.0), None, shift))
    of_values, of_reference, of_shift = torch.autograd.grad(
        found.losses_B.sum(), (values, reference, shift), allow_unused=True
    )
    assert of_values is not None and of_values.abs().min() > 0, "every row is read"
    assert (of_reference is not None) == one.reference
    assert (of_shift is not None) == one.shift
    assert found.losses_B.shape == (3,) and (found.margins_B is not None) == (rows == 2)


def test_the_settings_of_the_stage_reach_the_loss() -> None:
    values = Values(torch.tensor([[-2.0, -8.0]]), torch.zeros(1, 2), torch.tensor([[4, 8]]))
    stage = Policy(objective="simpo", beta=2.0, gamma=1.5)
    assert torch.equal(
        stage.learns.of(stage)(values).losses_B, losses.simpo(values, 2.0, 1.5).losses_B
    )


def test_the_table_is_read_without_torch() -> None:
    code = """
import sys
from psycopref.stages.policy import Policy
from psycopref.stages.reward import Reward
assert Policy().learns.reference and Reward().learns.rows == 2
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_settings_say_beside_the_field_what_it_is() -> None:
    for stage in (Policy, Reward):
        untold = [name for name, field in stage.model_fields.items() if not field.description]
        assert not untold


def test_every_loss_is_held_to_trl_s() -> None:
    """The parity test needs the extra `bench`; which losses are in it is known without."""
    text = Path(__file__).with_name("test_trl_parity.py").read_text(encoding="utf-8")
    missing = {one.loss for one in LEARNT.values()} - set(re.findall(r"losses\.(\w+)", text))
    assert not missing


def test_an_objective_says_what_it_is() -> None:
    assert all(one.says and isinstance(one, Objective) for one in LEARNT.values())
