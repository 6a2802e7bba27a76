"""Log-probabilities and rewards equal those of plain transformers."""

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from helpers.tiny import TINY, World
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import GPT2Config, GPT2LMHeadModel

from psycopref.nets import forward, tokens, weights
from psycopref.nets.tokens import Encoded
from psycopref.train import examples


def test_logps_equal_a_plain_log_softmax_one_by_one(world: World) -> None:
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    rows = list(tokens.encoded(loaded.tokenizer, world.speeches, world.responses).values())[:6]
    got = forward.logps(loaded.model, rows)
    for value, row in zip(got, rows, strict=True):
        logits = loaded.model(input_ids=torch.tensor([row.ids])).logits[0]
        each = torch.log_softmax(logits[:-1], -1)[
            torch.arange(len(row.ids) - 1), torch.tensor(row.ids[1:])
        ]
        assert torch.allclose(value, each[len(row.prompt) - 1 :].sum(), atol=1e-3)


def tiny_gpt2(change: bool = False) -> Any:
    """A model whose embeddings are tied; with `change` one that halves its logits."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=50,
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_positions=32,
        bos_token_id=0,
        eos_token_id=1,
    )
    model = GPT2LMHeadModel(config).eval()
    if change:
        halved(model)
    return model


def halved(model: Any) -> None:
    """Let the model do more to its logits than its output layer does."""
    whole = model.forward
    model.forward = lambda **given: type(out := whole(**given))(logits=out.logits * 0.5)


ROWS = [
    Encoded([5, 6, 7, 8], [9, 10, 11]),
    Encoded([5, 6, 7, 8], [12]),
    Encoded([13, 14], [15, 16, 17, 18, 19]),
    Encoded([5, 6, 7, 8], [9, 10, 11]),
]


@pytest.mark.parametrize("kind", ["packed", "padded", "read whole"])
def test_token_log_probabilities_are_those_of_a_log_softmax(kind: str) -> None:
    model = tiny_gpt2(change=kind == "read whole")
    with forward.packing(model) if kind == "packed" else nullcontext(False) as packed:
        assert packed == (kind == "packed")
        found_RT = forward.token_logps(model, ROWS)
    assert found_RT.shape == (4, 5) and torch.equal(found_RT[0], found_RT[3])
    for value_T, row in zip(found_RT, ROWS, strict=True):
        logits = model(input_ids=torch.tensor([row.ids])).logits[0, len(row.prompt) - 1 : -1]
        plain = torch.log_softmax(logits, -1).gather(-1, torch.tensor(row.response)[:, None])[:, 0]
        assert torch.allclose(value_T[: len(row.response)], plain, atol=1e-5)
        assert not value_T[len(row.response) :].any()


@pytest.mark.parametrize("packed", [False, True])
def test_sums_of_token_log_probabilities_and_their_gradients_are_the_sums(packed: bool) -> None:
    model = tiny_gpt2()
    weights_R = torch.tensor([1.0, -2.0, 0.5, 3.0])

    def gradients(measured_R: torch.Tensor) -> list[torch.Tensor]:
        return list(torch.autograd.grad((measured_R * weights_R).sum(), list(model.parameters())))

    with forward.packing(model) if packed else nullcontext():
        sums_R = forward.logps(model, ROWS)
        each_R = forward.token_logps(model, ROWS).sum(1)
        assert torch.allclose(sums_R, each_R, rtol=1e-6, atol=1e-6)
        one, two = gradients(sums_R), gradients(each_R)
    assert all(torch.allclose(a, b, rtol=1e-5, atol=1e-6) for a, b in zip(one, two, strict=True))


def test_token_log_probabilities_need_no_more_memory_than_their_sums() -> None:
    """But for the table itself: what is largest is a chunk of logits in both."""
    model, sizes = tiny_gpt2(), []
    for measure in (forward.logps, forward.token_logps):
        assert forward.plain_head(model)
        with Largest() as made:
            measure(model, ROWS).sum().backward()
        sizes.append(made.cells)
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("bias", [False, True])
def test_chunked_log_probabilities_have_the_gradient_of_a_log_softmax(bias: bool) -> None:
    torch.manual_seed(0)
    head = torch.nn.Linear(8, 50, bias=bias, dtype=torch.float64)
    hidden, targets = (
        torch.randn(37, 8, dtype=torch.float64, requires_grad=True),
        torch.randint(0, 50, (37,)),
    )
    scale = torch.randn(37, dtype=torch.float64)
    inputs = [hidden, *head.parameters()]
    ours, plain = (
        forward.head_logps(head, hidden, targets, cells=16 * 50),
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


def test_tokens_times_vocabulary_never_exists() -> None:
    """Memory above weights and gradients stays flat in the vocabulary: no tensor is larger than the
    weight or the chunk.
    """
    for vocab in (1000, 20_000):
        head, hidden = (
            torch.nn.Linear(4, vocab, bias=False),
            torch.randn(700, 4, requires_grad=True),
        )
        with Largest() as made:
            targets = torch.randint(0, vocab, (700,))
            forward.head_logps(head, hidden, targets, cells=2**16).sum().backward()
        assert made.cells <= max(2**16, 16 * vocab, 4 * vocab) < 700 * vocab


@pytest.mark.parametrize("half", [False, True])
def test_memory_for_logits_is_taken_once_however_many_chunks_there_are(
    half: bool,
) -> None:
    """Blocks of this size, taken and given back for every chunk, leave holes that a process never
    gives back.
    """
    times = []
    for count in (40, 700):
        head, hidden = (
            torch.nn.Linear(4, 3000, bias=False),
            torch.randn(count, 4, requires_grad=True),
        )
        with (
            Largest(block=2 * 4 * 3000) as made,
            torch.autocast("cpu", torch.bfloat16, enabled=half),
        ):
            logps = forward.head_logps(head, hidden, torch.randint(0, 3000, (count,)), 2**16)
            logps.sum().backward()
        times.append(made.taken)
    assert times[0] == times[1] <= 10


def test_a_model_that_changes_its_logits_is_read_whole() -> None:
    model = tiny_gpt2()
    assert forward.plain_head(model)
    del model._psycopref_plain_head
    halved(model)
    assert not forward.plain_head(model)
