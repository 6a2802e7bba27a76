"""Log-probabilities and rewards equal those of plain transformers."""

from typing import Any

import pytest
import torch
from helpers.tiny import TINY, World
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import GPT2Config, GPT2LMHeadModel

from psycopref.nets import forward, weights
from psycopref.train import examples


def test_logps_equal_a_plain_log_softmax_one_by_one(world: World) -> None:
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    rows = list(examples.encoded(loaded.tokenizer, world.speeches, world.responses).values())[:6]
    got = forward.logps(loaded.model, rows)
    for value, row in zip(got, rows, strict=True):
        logits = loaded.model(input_ids=torch.tensor([row.ids])).logits[0]
        each = torch.log_softmax(logits[:-1], -1)[
            torch.arange(len(row.ids) - 1), torch.tensor(row.ids[1:])
        ]
        assert torch.allclose(value, each[len(row.prompt) - 1 :].sum(), atol=1e-3)


@pytest.mark.parametrize("bias", [False, True])
def test_chunked_log_probabilities_have_the_gradient_of_a_log_softmax(
    bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "CELLS", 16 * 50)
    torch.manual_seed(0)
    head = torch.nn.Linear(8, 50, bias=bias, dtype=torch.float64)
    hidden, targets = (
        torch.randn(37, 8, dtype=torch.float64, requires_grad=True),
        torch.randint(0, 50, (37,)),
    )
    scale = torch.randn(37, dtype=torch.float64)
    inputs = [hidden, *head.parameters()]
    ours, plain = (
        forward.head_logps(head, hidden, targets),
        torch.log_softmax(head(hidden), -1).gather(-1, targets[:, None])[:, 0],
    )
    assert torch.allclose(ours, plain, atol=1e-12)
    for one, two in zip(
        torch.autograd.grad((ours * scale).sum(), inputs),
        torch.autograd.grad((plain * scale).sum(), inputs),
        strict=True,
    ):
        assert torch.allclose(one, two, atol=1e-11)


def test_half_precision_inside_and_single_outside() -> None:
    torch.manual_seed(0)
    head, hidden, targets = (
        torch.nn.Linear(16, 30, bias=False),
        torch.randn(9, 16, requires_grad=True),
        torch.randint(0, 30, (9,)),
    )
    with torch.autocast("cpu", torch.bfloat16):
        found = forward.head_logps(head, hidden, targets)
    found.sum().backward()
    plain = torch.log_softmax(head(hidden), -1).gather(-1, targets[:, None])[:, 0]
    assert found.dtype == torch.float32 and torch.allclose(found, plain, atol=5e-2)
    assert (
        hidden.grad is not None
        and hidden.grad.dtype == torch.float32
        and head.weight.grad.dtype == torch.float32
    )


class Largest(TorchDispatchMode):
    """The largest tensor that any operation made, and how many times memory of at least `block`
    bytes was taken anew.
    """

    cells = 0
    taken = 0

    def __init__(self, block: int = 2**40) -> None:
        super().__init__()
        self.block = block

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for one in out if isinstance(out, tuple | list) else (out,):
            if isinstance(one, torch.Tensor):
                self.cells = max(self.cells, one.numel())
                given = {
                    each.untyped_storage().data_ptr()
                    for each in (*args, *(kwargs or {}).values())
                    if isinstance(each, torch.Tensor)
                }
                self.taken += (
                    one.untyped_storage().nbytes() >= self.block
                    and one.untyped_storage().data_ptr() not in given
                )
        return out


def test_tokens_times_vocabulary_never_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory above weights and gradients stays flat in the vocabulary: no tensor is larger than the
    weight or the chunk.
    """
    monkeypatch.setattr(forward, "CELLS", 2**16)
    for vocab in (1000, 20_000):
        head, hidden = (
            torch.nn.Linear(4, vocab, bias=False),
            torch.randn(700, 4, requires_grad=True),
        )
        with Largest() as made:
            forward.head_logps(head, hidden, torch.randint(0, vocab, (700,))).sum().backward()
        assert made.cells <= max(2**16, 16 * vocab, 4 * vocab) < 700 * vocab


@pytest.mark.parametrize("half", [False, True])
def test_memory_for_logits_is_taken_once_however_many_chunks_there_are(
    half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of this size, taken and given back for every chunk, leave holes that a process never
    gives back.
    """
    monkeypatch.setattr(forward, "CELLS", 2**16)
    times = []
    for tokens in (40, 700):
        head, hidden = (
            torch.nn.Linear(4, 3000, bias=False),
            torch.randn(tokens, 4, requires_grad=True),
        )
        with (
            Largest(block=2 * 4 * 3000) as made,
            torch.autocast("cpu", torch.bfloat16, enabled=half),
        ):
            forward.head_logps(head, hidden, torch.randint(0, 3000, (tokens,))).sum().backward()
        times.append(made.taken)
    assert times[0] == times[1] <= 10


def test_a_model_that_changes_its_logits_is_read_whole() -> None:
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=50,
            n_embd=16,
            n_layer=1,
            n_head=2,
            n_positions=32,
            bos_token_id=0,
            eos_token_id=1,
        )
    )
    assert forward.plain_head(model)
    del model._psycopref_plain_head
    whole = model.forward
    model.forward = (  # type: ignore[method-assign]
        lambda **kw: type(out := whole(**kw))(logits=out.logits * 0.5)
    )
    assert not forward.plain_head(model)
