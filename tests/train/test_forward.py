"""Log-probabilities and rewards equal those of plain transformers."""

import torch
from tiny import TINY, World
from transformers import GPT2Config, GPT2LMHeadModel

from psycopref.train import examples, forward, weights


def test_logps_equal_a_plain_log_softmax_one_by_one(world: World) -> None:
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    rows = list(examples.encoded(loaded.tokenizer, world.speeches, world.responses).values())[:6]
    got = forward.logps(loaded.model, rows)
    for value, row in zip(got, rows, strict=True):
        logits = loaded.model(input_ids=torch.tensor([row.ids])).logits[0]
        each = torch.log_softmax(logits[:-1], -1)[torch.arange(len(row.ids) - 1), torch.tensor(row.ids[1:])]
        assert torch.allclose(value, each[len(row.prompt) - 1 :].sum(), atol=1e-3)


def test_recomputed_chunks_give_the_same_gradient(world: World, monkeypatch: object) -> None:
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    rows = list(examples.encoded(loaded.tokenizer, world.speeches, world.responses).values())[:4]
    grads = []
    for chunk, keep in ((1024, 2**25), (7, 0)):
        forward.CHUNK, forward.KEEP_LOGITS = chunk, keep
        loaded.model.zero_grad()
        forward.logps(loaded.model, rows).sum().backward()
        grads.append(loaded.model.model.embed_tokens.weight.grad.clone())
    forward.CHUNK, forward.KEEP_LOGITS = 1024, 2**25
    assert torch.allclose(grads[0], grads[1], atol=1e-4)


def test_a_model_that_changes_its_logits_is_read_whole() -> None:
    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2, n_positions=32, bos_token_id=0, eos_token_id=1))
    assert forward.plain_head(model)
    del model._psycopref_plain_head
    whole = model.forward
    model.forward = lambda **kw: type(out := whole(**kw))(logits=out.logits * 0.5)  # type: ignore[method-assign]
    assert not forward.plain_head(model)
