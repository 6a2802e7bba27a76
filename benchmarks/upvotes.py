"""Learning what readers upvoted: CounselChat's answers in pairs by upvotes, cross-fitted by
question, beside TF-IDF and "longer wins".

python benchmarks/upvotes.py CSV [--folds 5] [--seeds 1]

A pair is two answers to one question with different upvotes (both masked); each question is a test
question once per seed. Upvotes are few and noisy, and depend on when an answer was written and how
often it was seen: this shows what can be learnt from them, not counseling quality.
"""

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from crossfit import dealt, fold, line

from psycopref.flows import paper
from psycopref.flows.base import Done
from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.recipes import load_recipe
from psycopref.stages.collect import prepared
from psycopref.stages.pair import Pair
from psycopref.tables import Rating, Response, Speech, content_id


def built(path: Path) -> Done:
    """Questions, their answers, and upvotes as ratings."""
    speeches: dict[str, Speech] = {}
    responses: dict[str, Response] = {}
    ratings: dict[str, Rating] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = prepared(f"{row['questionTitle']}\n{row['questionText']}".strip(), True)
            answer = prepared(row["answerText"] or "", True)
            if len(text) < 100 or not 20 <= len(answer.split()) <= 400:
                continue
            speech = Speech(content_id("speech", text), "counsel-chat", text)
            speeches[speech.speech_id] = speech
            key = content_id("response", speech.speech_id, "therapist", answer)
            responses.setdefault(key, Response(key, speech.speech_id, "therapist", answer))
            ratings.setdefault(
                key,
                Rating(
                    content_id("rating", key, "upvotes"),
                    key,
                    "upvotes",
                    "readers",
                    float(row["upvotes"]),
                ),
            )
    return Done(list(speeches.values()), list(responses.values()), list(ratings.values()))


def main() -> None:
    """Fold by fold, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    _, recipe = load_recipe("quickstart")
    assert isinstance(recipe, paper.Recipe)
    pair = Pair(item="upvotes", test="every", gap=1.0)
    reward = recipe.training.reward.model_copy(
        update={
            "max_length": 1024,
            "size": recipe.training.reward.size.model_copy(update={"vocab": 4096}),
        }
    )
    changed = recipe.model_copy(
        update={
            "dataset": recipe.dataset.model_copy(update={"pair": pair}),
            "training": recipe.training.model_copy(update={"reward": reward}),
        }
    )
    data = built(args.csv)
    print(
        f"{len(data.speeches)} questions, {len(data.responses)} answers,"
        f" {np.mean([row.score for row in data.ratings]):.2f} upvotes on average\n"
    )
    print(
        "| seed | pairs | reward model | TF-IDF | longer wins | reward - TF-IDF"
        " |\n|---|---|---|---|---|---|"
    )
    with Lab(args.work or Path(tempfile.mkdtemp(prefix="upvotes-")), Progress(quiet=True)) as lab:
        for seed in range(args.seeds):
            tests = dealt(data.speeches, args.folds, seed)
            print(
                line(
                    str(seed), pl.concat([fold(changed, lab, data, test, seed) for test in tests])
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
