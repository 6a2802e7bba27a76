"""Training side by side with TRL in one run: the same weights, pairs, batches, dtype and gradient
checkpointing, each case in a fresh process.

pip install -c constraints.txt -e '.[train,bench]' python benchmarks/train_vs_trl.py [--steps 5]
[--threads 1] [--only dpo,reward,bf16,score,memory] [--out FILE]

Pairs are synthetic token ids of realistic lengths (prompt about 90, responses about 245 and 225
tokens, log-normal), the model a Llama of 6 layers x 512 with random weights, AdamW, 8 pairs a step.
"Real tokens" are prompt + chosen + prompt + rejected of each pair, the same for every row, so
tokens per second compare. CPU seconds are of the process, one thread by default: the steadiest
figure on a shared machine. The reference is live where its pass is inside the time (ours makes it
once before the first step, so its seconds are added), cached where it is not; its own seconds stand
in a column. Peak memory is the process's maximum resident size.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
PAD, BOS, EOS = 0, 1, 2
BATCH = 8
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {  # name: (who, task, options)
    "trl dpo live": ("trl", "dpo", {}),
    "ours dpo live": ("ours", "dpo", {"live": True}),
    "trl dpo cached": ("trl", "dpo", {"cached": True}),
    "ours dpo cached": ("ours", "dpo", {}),
    "trl dpo padding-free": ("trl", "dpo", {"padding_free": True}),
    "trl reward": ("trl", "reward", {}),
    "ours reward": ("ours", "reward", {}),
    "trl dpo live bf16": ("trl", "dpo", {"bf16": True}),
    "ours dpo live bf16": ("ours", "dpo", {"live": True, "bf16": True}),
    "trl dpo cached bf16": ("trl", "dpo", {"cached": True, "bf16": True}),
    "ours dpo cached bf16": ("ours", "dpo", {"bf16": True}),
    "trl reward bf16": ("trl", "reward", {"bf16": True}),
    "ours reward bf16": ("ours", "reward", {"bf16": True}),
    "padded score of 8": ("padded", "score", {}),
    "ours score of 8": ("ours", "score", {}),
    "trl dpo cached, vocabulary 128,256, memory": ("trl", "dpo", {"cached": True, "vocab": 128256}),
    "ours dpo cached, vocabulary 128,256, memory": ("ours", "dpo", {"vocab": 128256}),
}


class Clock:
    """Wall and CPU time after every optimiser step."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Forget what was before."""
        self.wall, self.cpu = [time.perf_counter()], [time.process_time()]

    def tick(self) -> None:
        """One step is done."""
        self.wall.append(time.perf_counter())
        self.cpu.append(time.process_time())


def make_pairs(count: int, vocab: int) -> list[dict[str, list[int]]]:
    """Token ids of prompts and responses; responses end in EOS."""
    import numpy as np

    rng = np.random.default_rng(0)
    prompts, chosen, rejected = (
        np.clip(rng.lognormal(np.log(median), spread, count), low, high).astype(int)
        for median, spread, low, high in (
            (83, 0.4, 20, 300),
            (245, 0.4, 100, 500),
            (215, 0.45, 100, 500),
        )
    )

    def ids(length: int) -> list[int]:
        return [int(one) for one in rng.integers(10, min(vocab, 8192), length)]

    return [
        {"prompt": [BOS, *ids(p - 1)], "chosen": [*ids(c - 1), EOS], "rejected": [*ids(r - 1), EOS]}
        for p, c, r in zip(prompts, chosen, rejected, strict=True)
    ]


def real_tokens(pair: dict[str, list[int]]) -> int:
    """Tokens of a pair when nothing is shared or padded."""
    return 2 * len(pair["prompt"]) + len(pair["chosen"]) + len(pair["rejected"])


def make_model(task: str, vocab: int) -> Any:
    """A Llama with random weights of seed 0; tied embeddings where the vocabulary is large."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocab,
        hidden_size=512,
        intermediate_size=1376,
        num_hidden_layers=6,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
        tie_word_embeddings=vocab > 10_000,
        num_labels=1,
    )
    return (LlamaForCausalLM if task == "dpo" else LlamaForSequenceClassification)(config).float()


def run_ours(
    task: str, options: dict[str, Any], pairs: list[dict[str, list[int]]], clock: Clock
) -> dict[str, Any]:
    """The project's own loop on the pairs."""
    from contextlib import contextmanager
    from functools import partial

    from psycopref.nets import forward
    from psycopref.nets.tokens import Encoded
    from psycopref.progress import Progress
    from psycopref.train import loop, losses
    from psycopref.train.packs import Item
    from psycopref.train.reference import with_reference
    from psycopref.train.settings import Training

    class Ticking(Progress):
        @contextmanager
        def track(self, name: str, total: int | None = None) -> Any:
            clock.start()
            yield lambda more=1, note="": clock.tick() if more and note else None

    model = make_model(task, options.get("vocab", 8192))
    items = [
        Item((Encoded(p["prompt"], p["chosen"]), Encoded(p["prompt"], p["rejected"])))
        for p in pairs
    ]
    plan = Training(
        batch_size=BATCH,
        lr=1e-5,
        decay="constant",
        warmup=0.0,
        batch_tokens=10**6,
        precision="bf16" if options.get("bf16") else "fp32",
    )
    facts: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        if task == "dpo":
            began = time.process_time()
            items = with_reference(
                model,
                forward.logps,
                items,
                plan.model_copy(update={"batch_tokens": 8192}),
                Path(place) / "reference.pt",
            )
            facts["reference"] = time.process_time() - began
            steps = loop.Task("dpo", forward.logps, partial(losses.dpo, beta=0.1))
        else:
            steps = loop.Task("reward", forward.rewards, losses.bradley_terry)
        points = loop.train(model, steps, items, [], plan, Path(place) / "checkpoint", Ticking())
    facts["loss"] = statistics.mean(point.value for point in points if point.name == "loss")
    return facts


def run_trl(
    task: str, options: dict[str, Any], pairs: list[dict[str, list[int]]], clock: Clock
) -> dict[str, Any]:
    """TRL's trainer on the pairs, its defaults but for what is said above."""
    import trl
    from datasets import Dataset
    from transformers import TrainerCallback

    class Ticking(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            clock.start()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.tick()

    vocab = options.get("vocab", 8192)
    model = make_model(task, vocab)
    common = {
        "output_dir": tempfile.mkdtemp(),
        "per_device_train_batch_size": BATCH,
        "num_train_epochs": 1,
        "learning_rate": 1e-5,
        "use_cpu": True,
        "bf16": bool(options.get("bf16")),
        "gradient_checkpointing": False,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": 1000,
        "max_length": 1024,
        "lr_scheduler_type": "constant",
        "seed": 0,
    }
    began = time.process_time()
    if task == "reward":
        rows = {
            side + "_ids": [p["prompt"] + p[side] for p in pairs] for side in ("chosen", "rejected")
        }
        trainer = trl.RewardTrainer(
            model=model,
            args=trl.RewardConfig(**common),
            processing_class=words(),
            train_dataset=Dataset.from_dict(rows),
            callbacks=[Ticking()],
        )
    else:
        reference = (
            None if options.get("cached") else make_model(task, vocab).eval().requires_grad_(False)
        )
        more = {
            "precompute_ref_log_probs": bool(options.get("cached")),
            "padding_free": bool(options.get("padding_free")),
        }
        texts = {
            name: [f"{text(p[name])}{end}" for p in pairs]
            for name, end in (("prompt", " "), ("chosen", ""), ("rejected", ""))
        }
        trainer = trl.DPOTrainer(
            model=model,
            ref_model=reference,
            args=trl.DPOConfig(**common, **more),
            processing_class=words(),
            train_dataset=Dataset.from_dict(texts),
            callbacks=[Ticking()],
        )
    before = time.process_time() - began
    result = trainer.train()
    return {
        "loss": result.training_loss,
        **({"reference": before} if options.get("cached") else {}),
    }


def words() -> Any:
    """A tokenizer of one word per id, for trainers that want text."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocab = {"<pad>": PAD, "<s>": BOS, "</s>": EOS, **{f"w{i}": i for i in range(3, 8192)}}
    raw = Tokenizer(models.WordLevel(vocab, unk_token="<pad>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        padding_side="right",
    )


def text(ids: list[int]) -> str:
    """Ids as the words of `words`."""
    return " ".join({PAD: "<pad>", BOS: "<s>", EOS: "</s>"}.get(one, f"w{one}") for one in ids)


def run_score(who: str, clock: Clock, groups: int) -> dict[str, Any]:
    """Rewards of 8 responses to each prompt: in packed rows, or in one padded batch a prompt."""
    import torch

    from psycopref.nets import forward
    from psycopref.nets.tokens import Encoded

    model = make_model("score", 8192).eval()
    pairs = make_pairs(4 * groups, 8192)
    rows = [
        [
            Encoded(pairs[4 * g]["prompt"], p[side])
            for p in pairs[4 * g : 4 * g + 4]
            for side in ("chosen", "rejected")
        ]
        for g in range(groups)
    ]
    values = []
    with torch.no_grad():
        clock.start()
        for group in rows:
            if who == "ours":
                values += [
                    value
                    for _, found in forward.measure_all(model, forward.rewards, group, 8192)
                    for value in found
                ]
            else:
                longest = max(len(row.ids) for row in group)
                ids = torch.tensor([row.ids + [PAD] * (longest - len(row.ids)) for row in group])
                values += model(input_ids=ids, attention_mask=ids != PAD).logits[:, 0].tolist()
            clock.tick()
    return {
        "loss": statistics.mean(values),
        "tokens": sum(len(row.ids) for group in rows[1:] for row in group),
        "done": 8 * (groups - 1),
    }


def one(name: str, steps: int, threads: int) -> dict[str, Any]:
    """One case in this process."""
    import torch

    torch.set_num_threads(threads)
    who, task, options = CASES[name]
    clock = Clock()
    if task == "score":
        facts = run_score(who, clock, 4 * steps)
    else:
        pairs = make_pairs(steps * BATCH, options.get("vocab", 8192))
        facts = (run_ours if who == "ours" else run_trl)(task, options, pairs, clock)
        mean = sum(map(real_tokens, pairs)) / len(pairs)
        facts["tokens"] = mean * BATCH * (steps - 1)
        facts["done"] = BATCH * (steps - 1)
    cpu, wall = (
        clock.cpu[-1] - clock.cpu[1],
        clock.wall[-1] - clock.wall[1],
    )  # the first step warms up
    if options.get("live") and "reference" in facts:
        cpu += facts["reference"] * (steps - 1) / steps
        wall += facts["reference"] * (steps - 1) / steps / threads
    return {
        "case": name,
        "pairs_per_s": facts["done"] / wall,
        "tokens_per_s": facts["tokens"] / wall,
        "cpu_s_per_1k_tokens": 1000 * cpu / facts["tokens"],
        "reference_cpu_s_per_pair": facts["reference"] / (steps * BATCH)
        if "reference" in facts
        else None,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "loss": facts["loss"],
    }


def main() -> None:
    """Run the cases one after another and print a table with ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--only", default="", help="words; a case runs when its name holds one of them"
    )
    parser.add_argument("--case")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.case:
        print("RESULT " + json.dumps(one(args.case, args.steps, args.threads)))
        return
    rows: dict[str, dict[str, Any]] = {}
    print(
        "| case | CPU s per 1,000 real tokens | pairs/s | real tokens/s | peak GB | reference, CPU"
        " s per pair | mean loss | times TRL |\n" + "|---|" + "---|" * 7
    )
    for name in CASES:
        if args.only and not any(word in name for word in args.only.split(",")):
            continue
        command = [
            sys.executable,
            __file__,
            "--case",
            name,
            "--steps",
            str(3 if "memory" in name else args.steps),
            "--threads",
            str(args.threads),
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": str(args.threads)},
            check=False,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not lines:
            print(f"| {name} | failed: {done.stderr.strip().splitlines()[-1][:120]} |")
            continue
        row = rows[name] = json.loads(lines[0][7:])
        other = "padded" if "score" in name else "trl"
        peer = rows.get(name.replace("ours", other, 1)) if name.startswith("ours") else None
        times = (
            f"{peer['cpu_s_per_1k_tokens'] / row['cpu_s_per_1k_tokens']:.2f}, memory"
            f" {row['peak_gb'] / peer['peak_gb']:.2f}"
            if peer
            else ""
        )
        reference = (
            f"{row['reference_cpu_s_per_pair']:.2f}"
            if row["reference_cpu_s_per_pair"] is not None
            else ""
        )
        cells = [
            f"{row['cpu_s_per_1k_tokens']:.3f}",
            f"{row['pairs_per_s']:.3f}",
            f"{row['tokens_per_s']:.0f}",
            f"{row['peak_gb']:.2f}",
            reference,
        ]
        print(f"| {name} | {' | '.join(cells)} | {row['loss']:.4f} | {times} |", flush=True)
    if args.out:
        args.out.write_text(json.dumps(list(rows.values()), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
