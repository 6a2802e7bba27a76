"""The last layer at the tokens that are read: the same rewards and gradients, less work, and the
model left as it was.
"""

import random
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForSequenceClassification, LlamaConfig, PhiConfig, Qwen3Config

from psycopref.nets import attention, device, forward, shared_prefix
from psycopref.nets.pack import pack
from psycopref.nets.tokens import Encoded

SHAPE: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 64,
    "intermediate_size": 172,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "num_labels": 1,
}


def model_of(config: Any) -> Any:
    torch.manual_seed(0)
    return AutoModelForSequenceClassification.from_config(config)


def rows_of_eight() -> list[Encoded]:
    """Eight responses to one prompt; one of them stands twice."""
    draw = random.Random(0)
    prompt = [draw.randrange(3, 64) for _ in range(12)]
    rows = [
        Encoded(prompt, [draw.randrange(3, 64) for _ in range(draw.randrange(8, 40))])
        for _ in range(7)
    ]
    return [*rows, rows[2]]


def measured(model: Any, rows: list[Encoded]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad()
    values = forward.rewards(model, rows)
    (values * torch.arange(1, len(values) + 1)).sum().backward()
    return values.detach(), {
        name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None
    }


@pytest.mark.parametrize(
    "config",
    [
        LlamaConfig(**SHAPE),
        Qwen3Config(**SHAPE, head_dim=16),
        PhiConfig(**SHAPE),
        LlamaConfig(**SHAPE, mlp_bias=True),
    ],
)
def test_rewards_and_gradients_are_those_of_the_whole_layer(
    config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, rows = model_of(config), rows_of_eight()
    with attention.packed(model):
        few = measured(model, rows)
        assert shared_prefix.works(model)
        model._psycopref_narrows = False
        whole = measured(model, rows)
    assert torch.allclose(few[0], whole[0], atol=1e-6) and few[1].keys() == whole[1].keys()
    assert all(torch.allclose(few[1][name], whole[1][name], atol=1e-5) for name in whole[1])


def test_the_last_layer_s_work_shrinks_to_keys_and_values() -> None:
    model, rows, counts = model_of(LlamaConfig(**SHAPE)).eval(), rows_of_eight(), []
    with attention.packed(model), torch.no_grad():
        for able in (shared_prefix.works(model), False):
            model._psycopref_narrows = able
            with FlopCounterMode(display=False) as counted:
                forward.rewards(model, rows)
            counts.append(counted.get_total_flops())
    assert counts[0] < counts[1] * (1 - 0.8 / 3), counts


def test_the_model_is_left_as_it_was_even_after_an_error() -> None:
    model, rows = model_of(LlamaConfig(**SHAPE)).eval(), rows_of_eight()
    layout = pack(rows, torch.device("cpu"))
    with (
        attention.packed(model),
        pytest.raises(KeyboardInterrupt),
        shared_prefix.narrowed(model, layout) as able,
    ):
        assert able and "forward" in vars(model.base_model.layers[-1].mlp)
        raise KeyboardInterrupt
    assert not any(
        "forward" in vars(module) or attention.LAST in vars(module) for module in model.modules()
    )


def test_recomputed_activations_and_empty_responses_take_the_whole_layer() -> None:
    model, rows = model_of(LlamaConfig(**SHAPE)), rows_of_eight()
    with attention.packed(model):
        with shared_prefix.narrowed(
            model, pack([Encoded([5, 6], [])], torch.device("cpu"))
        ) as able:
            assert not able
        plain = measured(model, rows)
        device.recompute(model)
        model.train()
        with shared_prefix.narrowed(model, pack(rows, torch.device("cpu"))) as able:
            assert not able
        again = measured(model, rows)
    assert torch.allclose(plain[0], again[0], atol=1e-5)
    assert all(torch.allclose(plain[1][name], again[1][name], atol=1e-4) for name in plain[1])


def test_a_model_whose_tokens_mix_after_the_layer_is_left_whole() -> None:
    """Here the final norm hears of all tokens: the trial sees it."""

    class Mixing(torch.nn.Module):
        def forward(self, states: torch.Tensor) -> torch.Tensor:
            return states - states.mean(1, keepdim=True)

    model = model_of(LlamaConfig(**SHAPE)).eval()
    model.base_model.norm = Mixing()
    model._psycopref_packs = True
    with (
        attention.packed(model),
        shared_prefix.narrowed(model, pack(rows_of_eight(), torch.device("cpu"))) as able,
    ):
        assert not able


def test_experts_are_left_whole() -> None:
    """A mixture of experts routes tokens together: only modules of linear layers are narrowed."""

    class Experts(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(2, 4, 4))

    assert shared_prefix._linear(
        torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.SiLU())
    ) and not shared_prefix._linear(Experts())
