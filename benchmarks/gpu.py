"""Reward and DPO training of Llama shapes with random weights on one GPU: tokens per second,
memory, model FLOP utilisation.

python benchmarks/gpu.py [--shape 1b|8b|tiny] [--task reward|dpo] [--steps 6] [--padded] [--peak
TFLOPS]

Ours against the same loop with padded batches (`--padded`); TRL's figures come from
train_vs_trl.py. Pairs are those of train_vs_trl.py, weights bf16 with AdamW, gradient checkpointing
for 8b. Model FLOPs are 6 x parameters x real tokens (prompts counted once where they are computed
once), without attention and without what checkpointing computes again. `--peak` is the device's
dense bf16 peak; H100 and H200 SXM: 989. `--shape tiny` runs anywhere and shows that the script
works.
"""

import argparse
import json
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from train_vs_trl import make_pairs, real_tokens
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

from psycopref.nets import attention, forward
from psycopref.nets.tokens import Encoded
from psycopref.progress import Progress
from psycopref.train import loop, losses
from psycopref.train.packs import Item
from psycopref.train.settings import Training

SHAPES = {
    "tiny": {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 8192,
    },
    "1b": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
    },
    "8b": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
    },
}


class Clock(Progress):
    """The time after every step, when the device has done it."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.times: list[float] = []

    @contextmanager
    def track(self, name: str, total: int | None = None) -> Any:
        """Note the time at every tick."""

        def tick(more: int = 1, note: str = "") -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.times.append(time.perf_counter())

        yield tick


def main() -> None:
    """One case, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="1b")
    parser.add_argument("--task", choices=["reward", "dpo"], default="reward")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=32, help="pairs per optimiser step")
    parser.add_argument("--tokens", type=int, default=16384, help="tokens of a micro-batch")
    parser.add_argument("--padded", action="store_true", help="the same loop without packing")
    parser.add_argument("--peak", type=float, default=989.0, help="dense bf16 TFLOPS of the device")
    args = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = LlamaForSequenceClassification if args.task == "reward" else LlamaForCausalLM
    config = LlamaConfig(
        **SHAPES[args.shape],
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        num_labels=1,
        tie_word_embeddings=args.shape == "1b",
    )
    with device:
        model = kind(config).to(torch.bfloat16)
    pairs = make_pairs(args.steps * args.batch, 8192)
    items = [
        Item(
            (Encoded(p["prompt"], p["chosen"]), Encoded(p["prompt"], p["rejected"])),
            reference=(0.0, 0.0),
        )
        for p in pairs
    ]
    plan = Training(
        batch_size=args.batch,
        lr=1e-6,
        decay="constant",
        warmup=0.0,
        batch_tokens=args.tokens,
        precision="bf16",
        recompute=args.shape == "8b",
    )
    objective = losses.bradley_terry if args.task == "reward" else partial(losses.dpo, beta=0.1)
    task = loop.Task(
        args.task, forward.rewards if args.task == "reward" else forward.logps, objective
    )
    if args.padded:
        attention.works = lambda model: False
    clock = Clock()
    with tempfile.TemporaryDirectory() as place:
        loop.train(model, task, items, [], plan, Path(place), clock)
    seconds = (
        clock.times[-1] - clock.times[1]
    )  # the first tick is the start, the first step compiles
    share = (args.steps - 1) / args.steps
    shared = sum(len(p["prompt"]) + len(p["chosen"]) + len(p["rejected"]) for p in pairs)
    real, computed = (
        share * sum(map(real_tokens, pairs)),
        share * (sum(map(real_tokens, pairs)) if args.padded else shared),
    )
    body = sum(
        p.numel()
        for name, p in model.named_parameters()
        if "embed_tokens" not in name or (args.task == "dpo" and args.shape == "1b")
    )
    row = {
        "shape": args.shape,
        "task": args.task,
        "padded": args.padded,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "pairs_per_s": share * len(pairs) / seconds,
        "real_tokens_per_s": real / seconds,
        "mfu": 6 * body * computed / seconds / args.peak / 1e12,
        "peak_gb": torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else None,
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
