"""What leaves the workspace: preferences in the published dataset's layout, reward and policy folders, each with a card."""

import shutil
from pathlib import Path
from typing import Any

import polars as pl

from psycopref import runs
from psycopref.errors import StoreError
from psycopref.store import steps
from psycopref.toml_files import DATA

ITEMS = ("empathy", "relevance", "clarity", "safety", "exploration", "autonomy", "staging")


def export(what: str, folder: Path, work: Path, run: str = "") -> None:
    """Write `preferences`, `reward` or `policy` of a run (the newest by default) to an empty or new folder."""
    if folder.exists() and any(folder.iterdir()):
        raise StoreError(f"{folder}: is not empty; export writes to a new folder so that nothing is mixed or overwritten")
    taken = runs.taken(runs.latest(work, run))
    folder.mkdir(parents=True, exist_ok=True)
    if what == "preferences":
        _preferences(folder, work, taken)
    else:
        shutil.copytree(_weights(work, taken, what), folder, dirs_exist_ok=True)


def _step(work: Path, taken: list[dict[str, Any]], stage: str) -> Path:
    names = [str(entry["step"]) for entry in taken if entry["stage"] == stage]
    if not names:
        raise StoreError(f"{work}: the run has no {stage!r} step, so there is nothing of it to export")
    return work / "steps" / names[0]


def _weights(work: Path, taken: list[dict[str, Any]], what: str) -> Path:
    """The reward model trained on split 'train', or the last policy."""
    folders = [work / "steps" / str(entry["step"]) for entry in taken if entry["stage"] == what]
    kept = [folder for folder in folders if steps.load_manifest(folder)["settings"].get("split", "train") == "train"]
    if not kept:
        raise StoreError(f'{work}: the run trained no {what}; run a recipe with flow = "paper"')
    return (kept[0] if what == "reward" else kept[-1]) / "weights"


def _table(work: Path, taken: list[dict[str, Any]], stage: str, table: str) -> pl.DataFrame:
    return pl.read_parquet(_step(work, taken, stage) / f"{table}.parquet")


def _preferences(folder: Path, work: Path, taken: list[dict[str, Any]]) -> None:
    rated = any(entry["stage"] == "rate" for entry in taken)  # else the source brought its own; later steps answer and pair too
    names = ("topics", "respond", "rate", "pair") if rated else ("topics", "collect", "collect", "collect")
    tables = [_table(work, taken, stage, table) for stage, table in zip(names, ("speeches", "responses", "ratings", "preferences"), strict=True)]
    frame = flat(*tables)
    (folder / "data").mkdir()
    counts = {}
    for name in ("train", "test"):
        part = frame.filter((pl.col("split") == "test") == (name == "test")).drop("split")
        part.write_parquet(folder / "data" / f"{name}-00000-of-00001.parquet")
        counts[name] = part.height
    sources = ", ".join(sorted(set(tables[0]["source"])))
    text = (DATA / "cards" / "preferences.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(text.format(sources=sources, **counts), encoding="utf-8")


def flat(speeches: pl.DataFrame, responses: pl.DataFrame, ratings: pl.DataFrame, preferences: pl.DataFrame) -> pl.DataFrame:
    """The published dataset's columns (ID, prefID, question, chosen, rejected, models, seven ratings each) and `split`.

    ID counts speeches and prefID the pairs of one speech, both from 0 in the order of their ids. dev and gold pairs are train pairs here.
    """
    wide = ratings.filter(pl.col("item").is_in(ITEMS)).pivot(on="item", index="subject_id", values="score")
    for item in ITEMS:
        if item not in wide.columns:
            wide = wide.with_columns(pl.lit(None, pl.Float64).alias(item))
    side = responses.select("response_id", "text", "model").join(wide.select("subject_id", *ITEMS), left_on="response_id", right_on="subject_id", how="left")
    joined = preferences.join(speeches.select("speech_id", question="text"), on="speech_id")
    for name in ("chosen", "rejected"):
        named = side.select(
            pl.col("response_id").alias(f"{name}_id"),
            pl.col("text").alias(name),
            pl.col("model").alias(f"{name}_model"),
            *[pl.col(item).cast(pl.Int64).alias(f"{name}_{item}_rating") for item in ITEMS],
        )
        joined = joined.join(named, on=f"{name}_id")
    numbered = joined.sort("speech_id", "preference_id").with_columns(
        ID=pl.col("speech_id").rank("dense").cast(pl.Int64) - 1, prefID=pl.int_range(pl.len()).over("speech_id")
    )
    rated = [f"{name}_{item}_rating" for name in ("chosen", "rejected") for item in ITEMS]
    return numbered.select("ID", "prefID", "question", "chosen", "rejected", "chosen_model", "rejected_model", *rated, "split")
