"""Losses and gradients equal TRL's on the same batch, to 1e-6 (of the largest gradient where that
is over 1).

Needs the extra `bench`; skipped where TRL is not installed.
"""

import copy
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from psycopref.nets import attention, forward
from psycopref.nets.tokens import Encoded
from psycopref.train import losses
from psycopref.train.losses import Outcome, Values

trl = pytest.importorskip("trl", reason="TRL is not installed (extra `bench`)")
pytestmark = pytest.mark.filterwarnings("ignore")
VOCAB = 40


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(
        models.WordLevel(
            {"<pad>": 0, "<s>": 1, "</s>": 2, **{f"w{i}": i for i in range(3, VOCAB)}},
            unk_token="<pad>",
        )
    )
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        padding_side="right",
    )


def model(kind: str) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCAB,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_labels=1,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=0.1,
    )
    return (LlamaForCausalLM if kind == "policy" else LlamaForSequenceClassification)(config)


def texts(count: int = 4) -> list[dict[str, str]]:
    draw = torch.Generator().manual_seed(1)

    def words(low: int, high: int) -> str:
        many = int(torch.randint(low, high, (1,), generator=draw))
        return " ".join(f"w{int(i)}" for i in torch.randint(3, VOCAB, (many,), generator=draw))

    return [
        {"prompt": words(4, 9) + " ", "chosen": words(3, 12), "rejected": words(3, 12)}
        for _ in range(count)
    ]


def settings(kind: type[Any], folder: Path, **more: Any) -> Any:
    return kind(
        output_dir=str(folder),
        per_device_train_batch_size=4,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        disable_tqdm=True,
        max_length=64,
        **more,
    )


def first(trainer: Any) -> Any:
    trainer.model.train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return next(iter(trainer.get_train_dataloader()))


def graded(net: Any, loss: torch.Tensor) -> tuple[float, dict[str, torch.Tensor]]:
    net.zero_grad()
    loss.backward()
    return float(loss), {
        name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None
    }


def alike(
    theirs: tuple[float, dict[str, torch.Tensor]], ours: tuple[float, dict[str, torch.Tensor]]
) -> None:
    assert (
        ours[0] == pytest.approx(theirs[0], rel=1e-6, abs=1e-6)
        and theirs[1].keys() == ours[1].keys()
        and len(ours[1]) > 10
    )
    scale = max(1.0, *(float(one.abs().max()) for one in theirs[1].values()))
    assert (
        max(float((theirs[1][name] - ours[1][name]).abs().max()) for name in ours[1]) < 1e-6 * scale
    )


def rows(ids: torch.Tensor, mask: torch.Tensor, completion: torch.Tensor) -> list[Encoded]:
    out = []
    for one, real, done in zip(ids.tolist(), mask.tolist(), completion.tolist(), strict=True):
        length, start = sum(real), done.index(1)
        out.append(Encoded(one[:start], one[start:length]))
    return out


def values(net: Any, reference: Any, pairs: list[Encoded], **more: Any) -> Values:
    """TRL's batch is all chosen, then all rejected."""
    half = len(pairs) // 2
    order = [row for at in range(half) for row in (pairs[at], pairs[half + at])]
    with torch.no_grad():
        known = forward.logps(reference, order).view(half, 2)
    tokens = torch.tensor([len(row.response) for row in order]).view(half, 2)
    return Values(forward.logps(net, order).view(half, 2), known, tokens, **more)


# what TRL's DPOTrainer calls our losses, and on how many pairs it agrees: its `aot` compares sorted
# log-ratios with label smoothing, which is conservative DPO where there is one pair and nothing to
# sort; its `sft` is a mean over all chosen tokens, our anchor over those of each pair
DPO: dict[str, tuple[Callable[..., Outcome], dict[str, Any], int]] = {
    "dpo": (losses.dpo, {"loss_type": ["sigmoid"]}, 4),
    "dpo with anchor": (
        partial(losses.dpo, anchor=0.5),
        {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.5]},
        1,
    ),
    "cdpo": (
        partial(losses.cdpo, smoothing=0.2),
        {"loss_type": ["aot"], "label_smoothing": 0.2},
        1,
    ),
    "ipo": (losses.ipo, {"loss_type": ["ipo"]}, 4),
}


@pytest.mark.parametrize("name", DPO)
def test_dpo_and_its_kin(name: str, tmp_path: Path) -> None:
    from datasets import Dataset

    net, reference = model("policy"), model("policy").eval()
    with torch.no_grad():
        for p in reference.parameters():
            p.add_(
                0.05 * torch.randn(p.shape, generator=torch.Generator().manual_seed(int(p.numel())))
            )
    objective, options, count = DPO[name]
    args = settings(trl.DPOConfig, tmp_path, beta=0.3, **options)
    trainer = trl.DPOTrainer(
        model=net,
        ref_model=reference,
        args=args,
        processing_class=tokenizer(),
        train_dataset=Dataset.from_list(texts(count)),
    )
    batch = first(trainer)
    theirs = graded(net, trainer.compute_loss(net, batch))
    pairs = rows(batch["input_ids"], batch["attention_mask"], batch["completion_mask"])
    with attention.packed(net) as able:
        assert able
        alike(
            theirs, graded(net, objective(values(net, reference, pairs), beta=0.3).losses_B.mean())
        )


@pytest.mark.parametrize(("margin", "centre"), [(0.0, 0.0), (0.0, 0.01), (0.3, 0.0)])
def test_bradley_terry(margin: float, centre: float, tmp_path: Path) -> None:
    from datasets import Dataset

    net = model("reward")
    gaps = [2.0, 0.5, 1.0, 3.0]
    pairs = []
    for one, gap in zip(texts(), gaps, strict=True):
        sides = {side: one["prompt"] + one[side] for side in ("chosen", "rejected")}
        pairs.append({**sides, **({"margin": margin * gap} if margin else {})})
    data = Dataset.from_list(pairs)
    args = settings(trl.RewardConfig, tmp_path, center_rewards_coefficient=centre or None)
    trainer = trl.RewardTrainer(
        model=net, args=args, processing_class=tokenizer(), train_dataset=data
    )
    batch = first(trainer)
    theirs = graded(net, trainer.compute_loss(net, dict(batch)))
    lengths = batch["attention_mask"].sum(1).tolist()
    each = [
        Encoded(ids[:2], ids[2:length])
        for ids, length in zip(batch["input_ids"].tolist(), lengths, strict=True)
    ]
    half = len(each) // 2
    order = [row for at in range(half) for row in (each[at], each[half + at])]
    with attention.packed(net) as able:
        assert able
        rewards = forward.rewards(net, order).view(half, 2)
        asked = batch["margin"] / margin if margin else None
        found = Values(rewards, torch.zeros(half, 2), torch.ones(half, 2), asked)
        ours = losses.bradley_terry(found, margin, centre).losses_B.mean()
        alike(theirs, graded(net, ours))


def test_sft(tmp_path: Path) -> None:
    """TRL's mean over the completions' tokens is ours weighted by their numbers."""
    from datasets import Dataset

    net = model("policy")
    data = [{"prompt": one["prompt"], "completion": one["chosen"]} for one in texts()]
    trainer = trl.SFTTrainer(
        model=net,
        args=settings(trl.SFTConfig, tmp_path),
        processing_class=tokenizer(),
        train_dataset=Dataset.from_list(data),
    )
    batch = first(trainer)
    theirs = graded(net, trainer.compute_loss(net, dict(batch)))
    learnt = batch["labels"] != -100
    each = rows(batch["input_ids"], batch["attention_mask"], learnt.long())
    assert all(row.response[-1] == 2 and len(row.prompt) > 3 for row in each)
    tokens = torch.tensor([[len(row.response)] for row in each])
    with attention.packed(net) as able:
        assert able
        sums = forward.logps(net, each)[:, None]
        out = losses.sft(Values(sums, torch.zeros_like(sums), tokens)).losses_B
        alike(theirs, graded(net, out.sum() / tokens.sum()))


def test_kto(tmp_path: Path) -> None:
    from datasets import Dataset

    net, reference = model("policy"), model("policy").eval()
    with torch.no_grad():
        reference.lm_head.weight.add_(
            0.1
            * torch.randn(
                reference.lm_head.weight.shape, generator=torch.Generator().manual_seed(5)
            )
        )
    data = [
        {"prompt": one["prompt"], "completion": one[side], "label": side == "chosen"}
        for one in texts(2)
        for side in ("chosen", "rejected")
    ]
    trainer = trl.KTOTrainer(
        model=net,
        ref_model=reference,
        args=settings(trl.KTOConfig, tmp_path, beta=0.3),
        processing_class=tokenizer(),
        train_dataset=Dataset.from_list(data),
    )
    batch = first(trainer)
    theirs = graded(net, trainer.compute_loss(net, copy.copy(batch)))
    each = rows(batch["input_ids"], batch["attention_mask"], batch["completion_mask"])
    beside = rows(batch["KL_input_ids"], batch["KL_attention_mask"], batch["KL_completion_mask"])
    labels = [bool(one) for one in batch["label"]]
    order = [row for row, good in zip(each, labels, strict=True) if good] + [
        row for row, good in zip(each, labels, strict=True) if not good
    ]
    with torch.no_grad():
        shift = (forward.logps(net, beside) - forward.logps(reference, beside)).mean()
    alike(
        theirs,
        graded(
            net, losses.kto(values(net, reference, order, shift=shift), beta=0.3).losses_B.mean()
        ),
    )


@pytest.mark.parametrize("name", ["simpo", "orpo"])
def test_simpo_and_orpo_on_log_probabilities(name: str) -> None:
    draw = torch.Generator().manual_seed(2)
    tokens = torch.randint(3, 30, (6, 2), generator=draw)
    sums = -(torch.rand(6, 2, generator=draw) * 2 + 0.05) * tokens
    means = (sums / tokens).requires_grad_(True)
    here = SimpleNamespace(
        alpha=0.0,
        beta=0.7,
        loss_type="simpo",
        simpo_gamma=0.4,
        label_smoothing=0.0,
        accelerator=SimpleNamespace(device="cpu"),
    )
    if name == "simpo":
        from trl.experimental.cpo import CPOTrainer

        theirs = CPOTrainer.cpo_loss(here, means[:, 0], means[:, 1])[0]
        ours: Callable[[Values], Outcome] = partial(losses.simpo, beta=0.7, gamma=0.4)
    else:
        from trl.experimental.orpo import ORPOTrainer

        theirs = -means[:, 0] - ORPOTrainer.odds_ratio_loss(here, means[:, 0], means[:, 1])[0]
        ours = partial(losses.orpo, beta=0.7)
    (wanted,) = torch.autograd.grad(theirs.mean(), means)
    again = means.detach().clone().requires_grad_(True)
    found = ours(Values(again * tokens, torch.zeros(6, 2), tokens)).losses_B
    (got,) = torch.autograd.grad(found.mean(), again)
    assert torch.allclose(theirs, found, atol=1e-6) and torch.allclose(wanted, got, atol=1e-6)
