"""Ratings to preferences at scale: seconds, CPU seconds and peak memory of `Pair.run`, each size in
a process of its own.

python benchmarks/pairs.py [--sizes 100000,300000,1000000] [--judges 1] [--letters 900]

A size is a number of responses: a quarter as many speeches, four responses each, seven ratings a
response and judge. The tables are made once with polars and written as Parquet; the child process
opens them as a flow does (`store.parquet.read`), runs the stage and writes its tables. `--letters`
is the length of a response's text, which `pair` does not need and should not load.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from psycopref.config.instruments import load_instrument
from psycopref.lab import Lab
from psycopref.labels.topic_list import load_topics
from psycopref.stages.pair import Pair
from psycopref.store import parquet
from psycopref.tables import Preference, Rating, Response, Speech

ITEMS = [item.name for item in load_instrument("psychocounsel").items]


def ids(noun: str, count: int, seed: int) -> pl.Series:
    """`noun-` and 16 hex digits, distinct and in no order: an odd multiplier runs through all of 64
    bits.
    """
    numbers = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15 + 2 * seed)
    return pl.Series([f"{noun}-{number:016x}" for number in numbers.tolist()])


def make(folder: Path, count: int, judges: int, letters: int) -> None:
    """Speeches, responses and ratings of `count` responses as the stages before would have left
    them.
    """
    rng, speeches = np.random.default_rng(0), count // 4
    speech_ids, response_ids, names = (
        ids("speech", speeches, 1),
        ids("response", count, 2),
        load_topics().fine_names(),
    )
    text = pl.Series(["It has been hard at home since spring. " * 7]).gather(
        np.zeros(speeches, dtype=np.uint32)
    )
    split = pl.Series(np.where(rng.random(speeches) < 0.124, "test", "train"))
    topic = pl.Series(np.asarray(names)[rng.integers(0, len(names), speeches)])
    columns = {
        "speech_id": speech_ids,
        "source": "made-up",
        "text": text,
        "history": [],
        "topic": topic,
        "split": split,
    }
    pl.select(  # type: ignore[call-overload]
        **{
            k: (
                pl.lit(v)
                if isinstance(v, pl.Series | str)
                else pl.lit(v, dtype=parquet.schema(Speech)[k])
            )
            for k, v in columns.items()
        }
    ).write_parquet(folder / "speeches.parquet")
    said = pl.Series([f"{n:08d} " + "x" * (letters - 9) for n in range(count)])
    answers = pl.DataFrame(
        {
            "response_id": response_ids,
            "speech_id": speech_ids.gather(np.arange(count, dtype=np.uint32) // 4),
        }
    )
    answers = answers.with_columns(
        model=pl.lit("model"),
        text=said,
        draw=pl.lit(0),
        call_id=pl.lit("call-0123456789abcdef01234567"),
    )
    answers.write_parquet(folder / "responses.parquet")
    level, parts = rng.normal(3.4, 0.8, count), []
    for number in range(judges):
        for at, item in enumerate(ITEMS):
            score = np.clip(np.round(level + rng.normal(0, 0.7, count)), 1, 5)
            part = pl.DataFrame(
                {
                    "rating_id": ids("rating", count, 10 + 10 * number + at),
                    "subject_id": response_ids,
                    "item": [item] * count,
                }
            )
            why = pl.format(
                "It says {} and stays with what the client brought up in the first sentence.",
                "rating_id",
            )
            parts.append(
                part.with_columns(
                    judge=pl.lit(f"judge-{number}-2024-08-06"),
                    score=pl.Series(score),
                    rationale=why,
                    call_id=pl.lit("call-0"),
                )
            )
    pl.concat(parts).sort("rating_id").write_parquet(folder / "ratings.parquet")


def peak() -> float:
    """The most memory this process has held, in GB (ru_maxrss would count the parent's at the
    fork).
    """
    line = next(
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1e6


def child(folder: Path, settings: str) -> None:
    """One size, one line of JSON."""
    names = {"speeches": Speech, "responses": Response, "ratings": Rating}
    stage, bare = (
        Pair.model_validate({"instrument": "psychocounsel", **json.loads(settings)}),
        peak(),
    )
    with tempfile.TemporaryDirectory() as work, Lab(Path(work)) as lab:
        began, cpu = time.perf_counter(), time.process_time()
        tables: Any = [
            parquet.read(row_type, folder / f"{name}.parquet") for name, row_type in names.items()
        ]
        out = stage.run(lab, *tables)
        ran = time.perf_counter() - began
        parquet.write(parquet.table(Preference, out.preferences), folder / "preferences.parquet")
        seconds = {
            "run_s": round(ran, 2),
            "with_writing_s": round(time.perf_counter() - began, 2),
            "cpu_s": round(time.process_time() - cpu, 2),
        }
    rows = {
        "responses": len(tables[1]),
        "ratings": len(tables[2]),
        "pairs": len(out.preferences),
        "test_all": len(out.measure),
    }
    print(
        json.dumps({**rows, **seconds, "peak_gb": round(peak(), 2), "before_gb": round(bare, 2)}),
        flush=True,
    )


def main() -> None:
    """Every size once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100000,300000,1000000")
    parser.add_argument("--judges", type=int, default=1)
    parser.add_argument("--letters", type=int, default=900)
    parser.add_argument(
        "--settings",
        default="{}",
        help='more settings of the stage as JSON, such as {"train": "best_worst"}',
    )
    parser.add_argument("--child", default="")
    args = parser.parse_args()
    if args.child:
        child(Path(args.child), args.settings)
        return
    for size in map(int, args.sizes.split(",")):
        with tempfile.TemporaryDirectory() as place:
            make(Path(place), size, args.judges, args.letters)
            subprocess.run(
                [sys.executable, __file__, "--child", place, "--settings", args.settings],
                check=True,
            )


if __name__ == "__main__":
    main()
