"""Other layouts of what is exported: preferences as TRL reads them, and speeches alone."""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from psycopref.config.toml_files import DATA
from psycopref.errors import RecipeError
from psycopref.runs.tables import Taken, first
from psycopref.sources.licences import label_for, said
from psycopref.store import steps

_ROLES = {"client": "user", "counselor": "assistant"}
_MESSAGE = pl.Struct({"role": pl.String, "content": pl.String})


def trl(frame: pl.DataFrame) -> pl.DataFrame:
    """Preferences of the published layout with `prompt`, `chosen` and `rejected` as lists of
    messages; all other columns are kept.

    TRL takes the published layout without an error, and trains without the client's words: it knows
    no column `question`.
    """
    history = frame["history"].to_list() if "history" in frame.columns else [[]] * frame.height
    prompts = [
        [*({"role": _ROLES[turn["role"]], "content": turn["text"]} for turn in turns), _user(asked)]
        for turns, asked in zip(history, frame["question"], strict=True)
    ]
    sides = {
        side: [[{"role": "assistant", "content": text}] for text in frame[side]]
        for side in ("chosen", "rejected")
    }
    made = pl.DataFrame(
        {"prompt": prompts, **sides},
        schema=dict.fromkeys(("prompt", "chosen", "rejected"), pl.List(_MESSAGE)),
    )
    return pl.concat(
        [made, frame.drop("question", "chosen", "rejected", "history", strict=False)],
        how="horizontal",
    )


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def speeches(work: Path, taken: Taken, terms: dict[str, str]) -> Callable[[Path], None]:
    """What is left of the speeches after every screen, a file a split, with a card."""
    frame = steps.frame(first(work, taken, "topics"), "speeches")
    if frame.is_empty():
        raise RecipeError(f"{work}: the run has no speeches left to export; look at its report")
    named = frame.with_columns(split=pl.col("split").replace("", "train")).drop("group")
    card = (DATA / "cards" / "speeches.md").read_text(encoding="utf-8")
    splits = named["split"].unique(maintain_order=True).to_list()
    text = card.format(
        licence=label_for(terms, "").lower(),
        licences=said(terms),
        files="\n".join(f"  - {{split: {one}, path: data/{one}-*.parquet}}" for one in splits),
        counts=", ".join(f"{named.filter(split=one).height} {one}" for one in splits),
        sources=", ".join(sorted(set(frame["source"]))),
    )

    def fill(folder: Path) -> None:
        (folder / "data").mkdir()
        for one in splits:
            path = folder / "data" / f"{one}-00000-of-00001.parquet"
            named.filter(split=one).drop("split").write_parquet(path)
        (folder / "README.md").write_text(text, encoding="utf-8")

    return fill
