"""Traps that trainers have fallen into, one test each."""

import random
from pathlib import Path

import pytest
import torch
from helpers.tiny import TINY, World
from safetensors import safe_open
from transformers import LlamaConfig, LlamaForSequenceClassification

from psycopref.errors import TrainError
from psycopref.lab import Lab
from psycopref.nets import attention, device, forward, tokens, weights
from psycopref.nets.tokens import Encoded
from psycopref.progress import Progress
from psycopref.stages.policy import Policy
from psycopref.tables import Preference, Response, Speech, content_id
from psycopref.train import examples, loop, losses
from psycopref.train.packs import Item, batch
from psycopref.train.reference import with_reference
from psycopref.train.settings import Training


def classifier(pad: int, eos: int) -> LlamaForSequenceClassification:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_labels=1,
        pad_token_id=pad,
        bos_token_id=1,
        eos_token_id=eos,
    )
    return LlamaForSequenceClassification(config).eval()


@pytest.mark.parametrize("packed", [False, True])
def test_the_reward_is_read_at_the_last_token_where_pad_is_eos(packed: bool) -> None:
    """Transformers looks for the last token that is not pad: with pad = EOS it reads one token
    early.
    """
    rows = [Encoded([5, 6, 7], [8, 9, 2]), Encoded([5, 6], [10, 11, 12, 13, 2])]
    right, risky = classifier(pad=0, eos=2), classifier(pad=2, eos=2)
    risky.load_state_dict(right.state_dict())
    wanted = torch.cat([right(input_ids=torch.tensor([row.ids])).logits[:, 0] for row in rows])
    early = torch.cat([risky(input_ids=torch.tensor([row.ids])).logits[:, 0] for row in rows])
    assert not torch.allclose(wanted, early, atol=1e-3), "the trap is there"
    with attention.packed(risky) if packed else torch.no_grad():
        assert torch.allclose(forward.rewards(risky, rows), wanted, atol=1e-5)


def test_no_second_bos_through_the_chat_template(world: World) -> None:
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    tokenizer = loaded.tokenizer
    tokenizer.add_special_tokens({"bos_token": "<|bos|>"})
    tokenizer.chat_template = "{{ bos_token }}" + tokens.CHATML
    row = tokens.encode(tokenizer, tokens.messages(world.speeches[0]), "I hear you.")
    assert row.ids.count(tokenizer.bos_token_id) == 1 and row.prompt[0] == tokenizer.bos_token_id


def test_eos_is_learnt_and_scored(world: World) -> None:
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    row = next(iter(tokens.encoded(loaded.tokenizer, world.speeches, world.responses).values()))
    assert row.response[-1] == loaded.tokenizer.eos_token_id
    whole, cut = forward.logps(loaded.model, [row, row._replace(response=row.response[:-1])])
    assert float(whole.detach()) < float(cut.detach())


def test_too_long_is_left_out_and_counted_never_cut(world: World) -> None:
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    whole = examples.pairs(loaded.tokenizer, *world, "train", 512)
    limit = sorted(item.length for item in whole.items)[5]
    part = examples.pairs(loaded.tokenizer, *world, "train", limit)
    assert part.too_long == len(whole.items) - len(part.items) > 0
    assert all(item in whole.items for item in part.items)


def test_dropout_is_off_in_the_reference(world: World, tmp_path: Path) -> None:
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    weights.set_dropout(loaded.model, 0.5)
    loaded.model.train()
    items = examples.pairs(loaded.tokenizer, *world, "dev", 512).items
    kept = with_reference(
        loaded.model, forward.logps, items, Training(size=TINY), tmp_path / "one.pt"
    )
    again = with_reference(
        loaded.model, forward.logps, items, Training(size=TINY), tmp_path / "two.pt"
    )
    assert kept == again and loaded.model.training
    with torch.no_grad():
        plain = forward.logps(loaded.model.eval(), [row for item in items for row in item.rows])
    assert torch.allclose(
        plain, torch.tensor([value for item in kept for value in item.reference]), atol=1e-3
    )


def test_cached_and_recomputed_reference_agree_and_dtype_has_a_step_of_its_own(
    lab: Lab, world: World
) -> None:
    start = lab.do(
        Policy(objective="sft", steps=4, batch_size=4, lr=1e-2, size=TINY),
        world.speeches,
        world.responses,
        [],
        None,
    ).weights
    settings = {"batch_size": 4, "steps": 1, "dev": "", "size": TINY, "lr": 1e-5}
    steps = []
    for precision in ("fp32", "bf16"):
        made = lab.do(Policy.model_validate({**settings, "precision": precision}), *world, start)
        steps.append(made.weights.parent.name)
        assert next(point.value for point in made.curve if point.name == "loss") == pytest.approx(
            0.6931, abs=1e-4 if precision == "fp32" else 2e-2
        )
    assert len(set(steps)) == 2


def test_the_drift_of_half_precision_is_small_but_there(world: World) -> None:
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    rows = list(tokens.encoded(loaded.tokenizer, world.speeches, world.responses).values())[:8]
    with torch.no_grad(), attention.packed(loaded.model.eval()):
        exact = forward.logps(loaded.model, rows)
        with torch.autocast("cpu", torch.bfloat16):
            rough = forward.logps(loaded.model, rows)
    per_token = ((exact - rough).abs() / torch.tensor([len(row.response) for row in rows])).max()
    assert rough.dtype == torch.float32 and 0 < float(per_token) < 0.02


def test_tied_embeddings_are_saved_once(world: World, tmp_path: Path) -> None:
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    folder = weights.save(loaded, tmp_path / "w", "policy", Training(size=TINY), {})
    with safe_open(folder / "model.safetensors", "pt") as file:
        names = set(file.keys())
    assert "lm_head.weight" not in names and "model.embed_tokens.weight" in names


def test_a_new_head_is_made_by_the_seed(world: World, tmp_path: Path) -> None:
    policy = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    folder = weights.save(policy, tmp_path / "w", "policy", Training(size=TINY), {})
    one, same, other = (weights.load_reward(folder, seed).model.score.weight for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_an_added_pad_row_is_the_same_at_every_load(world: World, tmp_path: Path) -> None:
    policy = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    folder = weights.save(policy, tmp_path / "w", "policy", Training(size=TINY), {})
    policy.tokenizer.pad_token = policy.tokenizer.eos_token
    policy.tokenizer.add_tokens(["<|more|>"])
    policy.tokenizer.save_pretrained(folder)
    one, two = (weights.load_policy(folder).model.state_dict() for _ in range(2))
    assert one["model.embed_tokens.weight"].shape[0] > policy.model.config.vocab_size
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_kto_sets_responses_beside_prompts_of_others(world: World) -> None:
    loaded = weights.fresh_policy(examples.texts(world.speeches, world.responses, "train"), TINY, 0)
    items = examples.pairs(loaded.tokenizer, *world, "train", 512).items
    doubled = [one for item in items for one in (item, item, item)]
    assert all(
        one.beside[0].prompt != one.rows[0].prompt
        and one.beside[0].response == one.rows[0].response
        for one in examples.with_others(doubled)
    )
    with pytest.raises(TrainError, match="same prompt"):
        examples.with_others(items[:1] * 2)


def test_accelerate_s_own_precision_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert device.accelerator().mixed_precision == "no"


def test_an_odd_batch_is_filled_from_the_next_epoch() -> None:
    assert [len(batch(step, 7, 4, 0)) for step in range(4)] == [4] * 4
    assert sorted(i for step in range(7) for i in batch(step, 7, 4, 0)) == sorted(
        list(range(7)) * 4
    )


def test_a_planted_preference_is_learnt(lab: Lab, tmp_path: Path) -> None:
    """Responses that ask back are chosen, whatever else they say: a fresh reward model finds the
    rule, and holds it on new speeches.
    """
    draw, sentences = (
        random.Random(0),
        [
            "You sound tired.",
            "That is a lot.",
            "Others felt so too.",
            "Sleep matters.",
            "I am listening.",
            "Work can be hard.",
        ],
    )
    speeches, responses, pairs = [], [], []
    for number in range(160):
        split = "train" if number < 120 else "dev"
        speech = Speech(
            content_id("speech", number),
            "test",
            f"It is week {number} and I am worn out.",
            split=split,
        )  # type: ignore[arg-type]
        said = [draw.sample(sentences, 3), draw.sample(sentences, 3)]
        said[0].insert(draw.randrange(4), "What would help?")
        said[1].insert(draw.randrange(4), "That would help.")
        rows = [
            Response(content_id("response", number, one), speech.speech_id, "m", " ".join(text))
            for one, text in enumerate(said)
        ]
        speeches.append(speech)
        responses += rows
        pairs.append(
            Preference(
                content_id("preference", number),
                speech.speech_id,
                rows[0].response_id,
                rows[1].response_id,
                1.0,
                split,
            )
        )  # type: ignore[arg-type]
    loaded = weights.fresh_reward(examples.texts(speeches, responses, "train"), TINY, 0)
    items, dev = (
        examples.pairs(loaded.tokenizer, speeches, responses, pairs, split, 512).items
        for split in ("train", "dev")
    )
    task = loop.Task("reward", forward.rewards, losses.bradley_terry)
    points = loop.train(
        loaded.model,
        task,
        items,
        dev,
        Training(batch_size=8, epochs=8, lr=5e-3, size=TINY),
        tmp_path,
        Progress(),
    )
    assert [point.value for point in points if point.name == "dev_accuracy"][-1] > 0.99
    assert isinstance(items[0], Item)
