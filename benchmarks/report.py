"""The report of a large dataset: CPU seconds and peak memory. `python benchmarks/report.py
[SPEECHES]` (default: the paper's 26,483, four replies each).
"""

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from psycopref.labels.topic_list import load_topics
from psycopref.report.data import ReportData
from psycopref.report.figures import draw, numbers
from psycopref.report.page import drawn_contents, render
from psycopref.store import parquet
from psycopref.tables import Dropped, Preference, Rating, Response, Speech, metric

ITEMS = ("empathy", "relevance", "clarity", "safety", "exploration", "autonomy", "staging")
WORDS = [
    "I",
    "feel",
    "so",
    "tired",
    "since",
    "my",
    "mother",
    "left",
    "and",
    "nobody",
    "at",
    "home",
    "wants",
    "to",
    "talk",
    "about",
    "what",
    "happened",
    "last",
    "spring",
]
TEXTS = [" ".join(np.random.default_rng(n).choice(WORDS, 60)) for n in range(500)]


def save(row_type: type, place: Path, name: str, **columns: Sequence[object]) -> None:
    """One table of made-up rows."""
    pl.DataFrame(columns, schema=parquet.schema(row_type)).write_parquet(place / f"{name}.parquet")


def ids(noun: str, count: int, step: int = 1, start: int = 0) -> list[object]:
    return [f"{noun}-{start + step * n:016x}" for n in range(count)]


def make(place: Path, size: int) -> None:
    """Speeches of five sources, half as many dropped, four responses and seven ratings each, two
    pairs a speech.
    """
    topics, replies = load_topics().fine_names(), 4 * size
    source = [f"source-{n % 5}" for n in range(size)]
    text = [f"{TEXTS[n % 500]} {n}" for n in range(size)]
    where = {
        "topic": [topics[n % 42] for n in range(size)],
        "split": [("train", "dev", "test", "train")[n % 4] for n in range(size)],
    }
    save(
        Speech,
        place,
        "speeches",
        speech_id=ids("speech", size),
        source=[*source],
        text=[*text],
        history=[[] for _ in range(size)],
        **where,
    )
    half = size // 2
    origin: list[object] = [f"source-{n * 7 % 5}:row {n}" for n in range(half)]
    near: list[object] = [f"speech-{n * 3 % size:016x}" for n in range(half)]
    save(
        Dropped,
        place,
        "dropped",
        dropped_id=ids("dropped", half),
        speech_id=ids("gone", half),
        origin=origin,
        reason=["duplicate"] * half,
        near=near,
    )
    speech: list[object] = [f"speech-{n // 4:016x}" for n in range(replies)]
    said = {
        "text": [TEXTS[n % 500] for n in range(replies)],
        "draw": [0] * replies,
        "call_id": ids("call", replies),
    }
    save(
        Response,
        place,
        "responses",
        response_id=ids("response", replies),
        speech_id=speech,
        model=[f"model-{n % 20}" for n in range(replies)],
        **said,  # type: ignore[arg-type]
    )
    for item in ITEMS:
        scores = [*np.random.default_rng(0).integers(1, 6, replies).astype(float)]
        rest = {
            "item": [item] * replies,
            "judge": ["judge"] * replies,
            "score": scores,
            "rationale": ["so and so"] * replies,
            "call_id": ids("call", replies),
        }
        save(
            Rating,
            place,
            item,
            rating_id=ids(item, replies),
            subject_id=ids("response", replies),
            **rest,
        )
    pl.concat([pl.scan_parquet(place / f"{item}.parquet") for item in ITEMS]).sink_parquet(
        place / "ratings.parquet"
    )
    pairs = 2 * size
    sides = {"chosen_id": ids("response", pairs, 2), "rejected_id": ids("response", pairs, 2, 1)}
    of: list[object] = [f"speech-{n // 2:016x}" for n in range(pairs)]
    save(
        Preference,
        place,
        "preferences",
        preference_id=ids("preference", pairs),
        speech_id=of,
        **sides,
        gap=[1.5] * pairs,
        split=["test"] * pairs,
    )


def main(size: int, place: Path) -> None:
    """Report what lies in `place` and say what it took."""
    kinds = {
        "speeches": Speech,
        "dropped": Dropped,
        "responses": Response,
        "ratings": Rating,
        "preferences": Preference,
    }
    tables: Any = {
        name: parquet.read(kind, place / f"{name}.parquet") for name, kind in kinds.items()
    }
    began, asked = time.process_time(), metric("ratings.asked", "all", 28 * size, count=28 * size)
    data = ReportData(
        title="large",
        read=tables["speeches"],
        **tables,
        metrics=[asked],
        sources=[f"source-{n}" for n in range(5)],
        listed={one.name: [topic.name for topic in one.topics] for one in load_topics().coarse},
        items=ITEMS,
    )
    contents = drawn_contents(data)
    page = render(data, draw(numbers(contents)), contents)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = time.process_time() - began
    print(
        f"{size:,} speeches, {4 * size:,} responses, {28 * size:,} ratings: {took:.1f} CPU seconds,"
        f" peak {peak:,.0f} MB, {len(page):,} letters"
    )


if __name__ == "__main__":
    speeches = int(sys.argv[1]) if len(sys.argv) > 1 else 26_483
    if len(sys.argv) > 2:
        main(speeches, Path(sys.argv[2]))
    else:
        import subprocess

        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), speeches)
            # a process of its own: its peak is the report's
            subprocess.run([sys.executable, __file__, str(speeches), folder], check=True)
