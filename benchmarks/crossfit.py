"""Cross-fitting on the sample: the quickstart's reward model against TF-IDF, every speech a test
speech once per seed.

python benchmarks/crossfit.py [--work DIR] [--folds 5] [--seeds 3] [--base FOLDER]

All 222 speeches are dealt into folds; on each fold's complement the reward model (settings of
the recipe `quickstart`) and the TF-IDF Bradley-Terry model learn from the same pairs with gap >= 1,
and both are measured on every pair of the fold with gap > 0. The difference is paired, its interval
resamples speeches. Prints one row per seed and one of their means.
"""

import argparse
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from psycopref.flows import dataset, paper
from psycopref.flows.base import Done
from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.recipes import load_recipe
from psycopref.stats.baselines import tfidf_fit, tfidf_scores
from psycopref.stats.calibration import correct
from psycopref.stats.intervals import Interval, mean_interval, paired_difference
from psycopref.store.parquet import table
from psycopref.tables import Preference, Speech


def dealt(speeches: Sequence[Speech], folds: int, seed: int) -> list[set[str]]:
    """Speech ids dealt into folds of (nearly) one size."""
    names = sorted(speech.speech_id for speech in speeches)
    random.Random(f"folds/{seed}").shuffle(names)
    return [set(names[at::folds]) for at in range(folds)]


def fold(
    recipe: paper.Recipe, lab: Lab, built: Done, test: set[str], seed: int, more: dict[str, object]
) -> pl.DataFrame:
    """The pairs of one fold, with whether each model is right (1, 0; a half for a tie)."""
    speeches = [
        replace(speech, split="test" if speech.speech_id in test else "train")
        for speech in built.speeches
    ]
    assert recipe.dataset.pair
    paired = lab.do(recipe.dataset.pair, speeches, built.responses, built.ratings)
    stage = recipe.training.reward.model_copy(update={"dev": "", "seed": seed, **more})
    weights = lab.do(stage, speeches, built.responses, paired.preferences, None).weights
    rated = lab.do(recipe.training.score, speeches, built.responses, weights).ratings
    reward = {row.subject_id: row.score for row in rated}
    texts = {row.response_id: row.text for row in built.responses}
    train = table(Preference, paired.preferences).frame.filter(pl.col("split") == "train")
    used = sorted({*train["chosen_id"], *train["rejected_id"]})
    place = {key: at for at, key in enumerate(used)}
    tfidf = tfidf_fit(
        [texts[key] for key in used],
        [place[key] for key in train["chosen_id"]],
        [place[key] for key in train["rejected_id"]],
    )
    words = dict(zip(texts, tfidf_scores(tfidf, list(texts.values())), strict=True))
    pairs = table(Preference, paired.measure).frame
    return pairs.select("preference_id", "speech_id").with_columns(
        **{name: right(pairs, scores) for name, scores in (("reward", reward), ("tfidf", words))},
        longer=right(pairs, {key: float(len(text.split())) for key, text in texts.items()}),
    )


def right(pairs: pl.DataFrame, scores: dict[str, float]) -> pl.Series:
    """Whether the chosen response has the higher score."""
    margins = [
        scores[a] - scores[b] for a, b in zip(pairs["chosen_id"], pairs["rejected_id"], strict=True)
    ]
    return pl.Series(np.asarray(correct(np.asarray(margins)), dtype=np.float64))


def shown(found: Interval) -> str:
    """A figure with its interval."""
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def line(name: str, rows: pl.DataFrame) -> str:
    """One row of the table."""
    clusters = rows["speech_id"].to_list()
    cells = [
        shown(mean_interval(rows[one].to_numpy(), clusters))
        for one in ("reward", "tfidf", "longer")
    ]
    return (
        f"| {name} | {rows.height} | {' | '.join(cells)} | "
        f"{shown(paired_difference(rows['reward'].to_numpy(), rows['tfidf'].to_numpy(), clusters))}"
        " |"
    )


def main() -> None:
    """Build the dataset, then fold by fold and seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--base",
        default="",
        help=(
            "start the reward model from this folder or hub id (a sentence encoder, say) instead of"
            " from nothing"
        ),
    )
    parser.add_argument("--lr", type=float, default=5e-5, help="its learning rate, with --base")
    args = parser.parse_args()
    _, recipe = load_recipe("quickstart")
    assert isinstance(recipe, paper.Recipe)
    seeds = []
    print(
        "| seed | pairs | reward model | TF-IDF | longer wins | reward - TF-IDF"
        " |\n|---|---|---|---|---|---|"
    )
    with Lab(args.work or Path(tempfile.mkdtemp(prefix="crossfit-")), Progress(quiet=True)) as lab:
        built = dataset.built(recipe.dataset, lab)
        more = {"base": args.base, "lr": args.lr, "max_length": 512} if args.base else {}
        for seed in range(args.seeds):
            rows = pl.concat(
                [
                    fold(recipe, lab, built, test, seed, more)
                    for test in dealt(list(built.speeches), args.folds, seed)
                ]
            )
            seeds.append(rows)
            print(line(str(seed), rows), flush=True)
    mean = pl.concat(seeds).group_by("preference_id", "speech_id", maintain_order=True).mean()
    print(line("mean", mean))


if __name__ == "__main__":
    main()
