"""The paper's training half as a recipe of some seconds: a published dataset of short made-up
texts, models of a few thousand parameters.
"""

from pathlib import Path

import polars as pl

from helpers.tiny import BAD, GOOD

ITEMS = ("empathy", "relevance", "clarity", "safety", "exploration", "autonomy", "staging")
DATASET = """
[dataset.collect]
sources = [{ name = "published", path = "FOLDER" }]
[dataset.clean]
low = 1
[dataset.dedup]
threshold = 1.0
[dataset.topics]
labeller = "given"
"""
TRAINING = """
gold_share = 0.4

[training]
rounds = 1
round_speeches = 8
[training.start]
objective = "sft"
epochs = 30
batch_size = 4
lr = 1e-2
size = SIZE
keep_every = 8
[training.reward]
batch_size = 4
lr = 3e-3
epochs = 8
size = SIZE
keep_every = 4
[training.score]
[training.calibrate]
[training.gold]
split = "gold"
dev = ""
batch_size = 4
lr = 3e-3
epochs = 4
size = SIZE
keep_every = 4
[training.policy]
objective = "dpo"
batch_size = 4
lr = 1e-4
epochs = 4
keep_every = 4
[training.draft]
samples = 4
max_tokens = 48
rows = 8
[training.pair]
item = "reward"
train = "best_worst"
gap = 1e-6
[training.online]
objective = "dpo"
batch_size = 4
lr = 1e-4
epochs = 4
dev = ""
keep_every = 2
[training.answer]
samples = 1
max_tokens = 48
rows = 8
[training.constrained]
samples = 1
max_tokens = 48
rows = 8
[training.opponent]
per_speech = 1
pool = { name = "rival", models = [
    { name = "rival", kind = "openai", url = "URL", concurrency = 4 },
] }
[training.evaluate]
[validate]
pairs = 6
"""
SIZE = "{ vocab = 400, hidden = 32, layers = 2, heads = 2, kv_heads = 1, inner = 48 }"


def dataset(folder: Path) -> Path:
    """Preferences in the published layout: 32 train and 10 test questions with a good and a bad
    answer each.
    """
    (folder / "data").mkdir(parents=True)
    for split, numbers in (("train", range(32)), ("test", range(32, 42))):
        rows = [
            {
                "ID": n,
                "prefID": 0,
                "question": f"Week {n} was hard and I cannot sleep. " + "It goes on. " * (n % 5),
                "chosen": f"{GOOD} {n}",
                "rejected": f"{BAD} {n}",
                "chosen_model": "kind",
                "rejected_model": "curt",
                **{f"chosen_{item}_rating": 4 + (n % 2) for item in ITEMS},
                **{f"rejected_{item}_rating": 2 for item in ITEMS},
            }
            for n in numbers
        ]
        pl.DataFrame(rows).write_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    return folder


def write(folder: Path, url: str, flow: str = "paper", more: str = "") -> Path:
    """The dataset and the recipe in `folder`; the opponent answers at `url`; `more` goes to the
    end.
    """
    path = folder / "tiny.toml"
    text = f'flow = "{flow}"{DATASET}{TRAINING}{more}'
    path.write_text(
        text.replace("FOLDER", str(dataset(folder / "published")))
        .replace("URL", url)
        .replace("SIZE", SIZE),
        encoding="utf-8",
    )
    return path
