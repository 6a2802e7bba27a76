"""Packed rows give what one sequence at a time gives: loss and gradients in float64, in the shapes
that people train.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    BloomConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    Olmo2Config,
    OlmoConfig,
    Phi3Config,
    PhiConfig,
    Qwen2Config,
    Qwen3Config,
)

from psycopref.nets import attention, device, forward
from psycopref.nets.batches import packed_batches
from psycopref.nets.flex import block_mask, seen_TT
from psycopref.nets.pack import pack
from psycopref.nets.tokens import Encoded

BASE: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
SHAPES: dict[str, Callable[[], Any]] = {
    "llama": lambda: LlamaConfig(**BASE),
    "qwen2": lambda: Qwen2Config(**BASE),
    "qwen3": lambda: Qwen3Config(**BASE, head_dim=8),
    "mistral, sliding window": lambda: MistralConfig(**BASE, sliding_window=6),
    "gemma2, soft caps and sliding window": lambda: Gemma2Config(
        **BASE, head_dim=8, sliding_window=6, query_pre_attn_scalar=8
    ),
    "gemma3, sliding window": lambda: Gemma3TextConfig(
        **BASE, head_dim=8, sliding_window=6, query_pre_attn_scalar=8
    ),
    "phi3": lambda: Phi3Config(**BASE),
    "phi": lambda: PhiConfig(**BASE),
    "olmo": lambda: OlmoConfig(**BASE),
    "olmo2": lambda: Olmo2Config(**BASE),
    "gpt2": lambda: GPT2Config(
        vocab_size=64,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=256,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    ),
}


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float64 all the way: transformers' norms go through float32, whose sums depend on the order
    of the tokens.
    """
    was_to, was_float = torch.Tensor.to, torch.Tensor.float

    def to(self: torch.Tensor, *given: Any, **named: Any) -> torch.Tensor:
        down = self.dtype == torch.float64 and torch.float32 in (*given, *named.values())
        return self if down else was_to(self, *given, **named)

    monkeypatch.setattr(torch.Tensor, "to", to)
    monkeypatch.setattr(
        torch.Tensor, "float", lambda self: self if self.dtype == torch.float64 else was_float(self)
    )


def some_rows() -> list[Encoded]:
    """Two prompts with three and two responses, and one row that stands twice."""
    draw = random.Random(0)

    def tokens(count: int) -> list[int]:
        return [draw.randrange(3, 64) for _ in range(count)]

    one, two = tokens(9), tokens(14)
    rows = [
        Encoded(one, tokens(12)),
        Encoded(one, tokens(5)),
        Encoded(two, tokens(8)),
        Encoded(two, tokens(1)),
        Encoded(one, tokens(7)),
    ]
    return [*rows, rows[0]]


def gradients(
    model: Any, measured: Callable[[], torch.Tensor]
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad()
    values = measured()
    (values * torch.arange(1, len(values) + 1)).sum().backward()
    return values.detach(), {
        name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None
    }


def same(
    model: Any, measure: Callable[[Any, list[Encoded]], torch.Tensor], rows: list[Encoded]
) -> None:
    alone = gradients(model, lambda: torch.cat([measure(model, [row]) for row in rows]))
    with attention.packed(model) as able:
        assert able and attention.is_packed(model)
        together = gradients(model, lambda: measure(model, rows))
    assert not attention.is_packed(model)
    assert (alone[0] - together[0]).abs().max() < 1e-9 and alone[1].keys() == together[1].keys()
    assert max((alone[1][name] - together[1][name]).abs().max() for name in alone[1]) < 1e-9


@pytest.mark.parametrize("shape", [name for name in SHAPES if "caps" not in name])
def test_log_probabilities_equal_one_sequence_at_a_time(shape: str, double: None) -> None:
    torch.manual_seed(0)
    same(
        AutoModelForCausalLM.from_config(SHAPES[shape]()).double().eval(),
        forward.logps,
        some_rows(),
    )


@pytest.mark.parametrize(
    "shape", [name for name in SHAPES if name not in ("olmo", "olmo2") and "caps" not in name]
)
def test_rewards_equal_one_sequence_at_a_time(shape: str, double: None) -> None:
    torch.manual_seed(0)
    config = SHAPES[shape]()
    config.num_labels = 1
    same(
        AutoModelForSequenceClassification.from_config(config).double().eval(),
        forward.rewards,
        some_rows(),
    )


def test_soft_caps_equal_one_row_at_a_time() -> None:
    """Transformers softmaxes capped scores in float32, so its own hidden states are met to float32,
    and our own one by one to float64.
    """
    torch.manual_seed(0)
    model, rows = (
        AutoModelForCausalLM.from_config(SHAPES["gemma2, soft caps and sliding window"]())
        .double()
        .eval(),
        some_rows(),
    )
    alone = torch.cat(
        [
            model.base_model(input_ids=torch.tensor([row.ids])).last_hidden_state[0, -1:]
            for row in rows
        ]
    )
    with attention.packed(model) as able:
        assert able
        layout = pack(rows, model.device)
        together = attention.hidden(model, layout)[[end - 1 for _, _, end in layout.rows]]
        single = torch.cat(
            [attention.hidden(model, pack([row], model.device))[-1:] for row in rows]
        )
    assert torch.allclose(alone, together, atol=1e-5) and (single - together).abs().max() < 1e-9


@pytest.mark.parametrize(
    "config",
    [
        BloomConfig(vocab_size=64, hidden_size=32, n_layer=1, n_head=4),
        MambaConfig(vocab_size=64, hidden_size=32, num_hidden_layers=1),
    ],
)
def test_models_that_bypass_the_interface_are_left_as_they_are(config: Any) -> None:
    model = AutoModelForCausalLM.from_config(config)
    was = model.config._attn_implementation
    with attention.packed(model) as able:
        assert not able and not attention.is_packed(model)
    assert model.config._attn_implementation == was


def test_a_prompt_and_an_equal_row_stand_once() -> None:
    rows = some_rows()
    layout = pack(rows, torch.device("cpu"))
    assert layout.tokens == 9 + 12 + 5 + 7 + 14 + 8 + 1 == sum(layout.pieces)
    assert layout.rows[0] == layout.rows[5]
    ids = layout.ids_1T[0].tolist()
    for row, (before, start, end) in zip(rows, layout.rows, strict=True):
        assert (
            ids[start:end] == row.response
            and ids[before - len(row.prompt) + 1 : before + 1] == row.prompt
        )
    assert layout.positions_1T.max() == 21


def test_flexattention_s_mask_is_the_same_attention() -> None:
    """What runs on CUDA, tried here uncompiled: the block mask over the whole row against segment
    by segment.
    """
    torch.manual_seed(0)
    layout = pack(some_rows(), torch.device("cpu"))
    query, key, value = (torch.randn(1, 4, layout.tokens, 8) for _ in range(3))
    for window, cap in ((None, None), (6, None), (6, 5.0)):
        module = torch.nn.Module()
        ours, _ = attention.group_attention(
            module,
            query,
            key,
            value,
            None,
            scaling=0.3,
            groups=layout,
            sliding_window=window,
            softcap=cap,
        )
        seen = seen_TT(layout, window)
        scores = query @ key.transpose(-1, -2) * 0.3
        scores = scores if cap is None else torch.tanh(scores / cap) * cap
        whole = torch.softmax(scores.masked_fill(~seen, float("-inf")), -1) @ value
        assert torch.allclose(ours, whole.transpose(1, 2), atol=1e-5)


def test_a_block_mask_is_kept_for_its_layout_and_never_given_to_another() -> None:
    """The layers of a pass ask for the same one; the next row may lie where the last one was."""
    for number in range(3):
        layout = pack(some_rows()[number:], torch.device("cpu"))
        masks = {window: block_mask(layout, window) for window in (None, 6)}
        at = torch.arange(layout.tokens)
        zero = torch.zeros((), dtype=torch.long)
        for window, mask in masks.items():
            assert block_mask(layout, window) is mask
            seen = mask.mask_mod(zero, zero, at[:, None], at[None])
            assert torch.equal(seen, seen_TT(layout, window))
        del layout, masks


def test_what_attention_does_not_know_is_refused_by_name() -> None:
    layout = pack(some_rows(), torch.device("cpu"))
    states = torch.randn(1, 4, layout.tokens, 8)
    with pytest.raises(NotImplementedError, match="s_aux"):
        attention.group_attention(
            torch.nn.Module(), states, states, states, None, groups=layout, s_aux=torch.zeros(4)
        )


def test_packed_batches_hold_everything_once_and_keep_prompts_together() -> None:
    rows = some_rows()
    items = [(rows[0], rows[1]), (rows[2], rows[3]), (rows[0], rows[4])]
    assert list(packed_batches(items, 1000)) == [[0, 2, 1]]
    assert list(packed_batches(items, 33)) == [
        [0, 2],
        [1],
    ]  # 9 + 12 + 5 + 7 = 33: the shared prompt and row count once
    assert list(packed_batches(items, 1)) == [[0], [2], [1]]


def test_counted_work_is_at_most_55_percent_of_padded() -> None:
    """Matrix products forward and backward for 8 pairs of realistic lengths, against one padded
    batch as trainers feed it.
    """
    draw = random.Random(3)
    config = LlamaConfig(
        **{**BASE, "max_position_embeddings": 1024, "hidden_size": 64, "intermediate_size": 172}
    )
    model, rows = AutoModelForCausalLM.from_config(config), []
    for _ in range(8):
        prompt = [
            draw.randrange(3, 64) for _ in range(min(300, int(draw.lognormvariate(4.42, 0.4))))
        ]
        rows += [
            Encoded(
                prompt,
                [
                    draw.randrange(3, 64)
                    for _ in range(min(500, int(draw.lognormvariate(5.45, 0.43))))
                ],
            )
            for _ in range(2)
        ]
    longest = max(len(row.ids) for row in rows)
    ids = torch.tensor([row.ids + [0] * (longest - len(row.ids)) for row in rows])
    with FlopCounterMode(display=False) as padded:
        torch.log_softmax(model(input_ids=ids, attention_mask=ids != 0).logits, -1).sum().backward()
    with attention.packed(model), FlopCounterMode(display=False) as ours:
        forward.logps(model, rows).sum().backward()
    share = ours.get_total_flops() / padded.get_total_flops()
    assert 0.2 < share <= 0.55, share


def test_recomputed_activations_have_the_same_gradient() -> None:
    """Gradient checkpointing runs each layer again in the backward pass, with the layout it had."""
    torch.manual_seed(0)
    model, rows = AutoModelForCausalLM.from_config(SHAPES["llama"]()), some_rows()
    with attention.packed(model):
        plain = gradients(model, lambda: forward.logps(model, rows))
        device.recompute(model)
        model.train()
        again = gradients(model, lambda: forward.logps(model, rows))
    assert torch.allclose(plain[0], again[0], atol=1e-5)
    assert all(torch.allclose(plain[1][name], again[1][name], atol=1e-4) for name in plain[1])


def test_a_window_that_only_the_mask_knows_is_not_packed() -> None:
    from transformers import PhimoeConfig

    config = PhimoeConfig(
        **{**BASE, "num_local_experts": 2, "num_experts_per_tok": 1}, sliding_window=6
    )
    assert not attention.works(AutoModelForCausalLM.from_config(config))


def test_the_trial_does_not_depend_on_autocast() -> None:
    model = AutoModelForCausalLM.from_config(SHAPES["llama"]())
    with torch.autocast("cpu", torch.bfloat16), forward.packing(model) as able:
        assert able
