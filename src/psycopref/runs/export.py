"""What leaves the workspace: preferences in the published dataset's layout, reward and policy
folders, each with a card.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from psycopref.config.instruments import load_instrument
from psycopref.config.toml_files import DATA
from psycopref.errors import RecipeError, StoreError
from psycopref.runs import exported
from psycopref.runs.layouts import speeches, trl
from psycopref.runs.portable import portable
from psycopref.runs.tables import Taken, dataset, first, rated, step_folder
from psycopref.sources import licences
from psycopref.sources.licences import label_for, said
from psycopref.store import rights, run_folder, steps

# What the card says of the columns.
_LAYOUTS = {
    "": "`question`, `chosen`, `rejected`",
    "trl": "`prompt`, `chosen`, `rejected` (lists of messages, as TRL reads them)",
}


def export(
    what: str, folder: Path, work: Path, run: str = "", licence: str = "", layout: str = ""
) -> None:
    """Write `speeches`, `preferences`, `reward` or `policy` of a run (the newest by default) to an
    empty or new folder; a new one is private.

    Everything is read before anything is written, and what was written is taken away again where it
    cannot be finished. `licence` is what the card of preferences says; without it, the licence that
    the sources share, or 'other'. `layout` 'trl' gives preferences as lists of messages.
    """
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder}: is a file; export writes a folder, so name a new one")
    if folder.exists() and any(folder.iterdir()):
        raise StoreError(
            f"{folder}: is not empty; export writes to a new folder so that nothing is mixed or"
            " overwritten"
        )
    if licence and what != "preferences":
        raise RecipeError(
            f"--licence {licence}: the option is for preferences; for a {what} its base model's"
            " licence holds too"
        )
    if layout and what != "preferences":
        raise RecipeError(f"--format {layout}: the option is for preferences, not for {what}")
    place = run_folder.latest(work, run)
    taken = run_folder.taken(place)
    fill = _filling(what, work, taken, licence, layout)
    fresh = not folder.exists()
    try:
        exported.add(work, what, place.name, folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fill(folder)
        for path in folder.iterdir():
            rights.settle(path)
    except Exception as error:
        _emptied(folder, fresh)
        if (refused := steps.os_error(error)) is None:
            raise
        raise steps.explain(refused, folder) from error


def _filling(
    what: str, work: Path, taken: Taken, licence: str, layout: str
) -> Callable[[Path], None]:
    """What writes an export into its folder; everything it needs is read by now."""
    if what == "preferences":
        return _preferences(work, taken, licence, layout)
    if what == "speeches":
        return speeches(work, taken, _terms(work, taken))
    return _copied(_weights(work, taken, what), what, said(_terms(work, taken)))


def _emptied(folder: Path, fresh: bool) -> None:
    for path in folder.glob("*"):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    if fresh and folder.is_dir():
        folder.rmdir()


def _copied(source: Path, what: str, terms: str) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        for path in source.iterdir():
            (
                shutil.copytree(path, folder / path.name)
                if path.is_dir()
                else shutil.copy2(path, folder)
            )
        portable(folder, what)
        with (folder / "README.md").open("a", encoding="utf-8") as card:
            card.write(
                f"\n## Licences\n{terms} The licence of the model it started from holds too.\n"
            )

    return fill


def _weights(work: Path, taken: Taken, what: str) -> Path:
    """The reward model trained on split 'train', or the last policy."""
    folders = [step_folder(work, str(entry["step"])) for entry in taken if entry["stage"] == what]
    kept = [
        folder
        for folder in folders
        if steps.load_manifest(folder)["settings"].get("split", "train") == "train"
    ]
    if not kept:
        raise StoreError(f'{work}: the run trained no {what}; run a recipe with flow = "paper"')
    place = (kept[0] if what == "reward" else kept[-1]) / "weights"
    if not place.is_dir():
        raise StoreError(
            f"{place}: missing; delete {place.parent} and run the recipe again to remake it, then"
            " export"
        )
    return place


def _preferences(work: Path, taken: Taken, licence: str, layout: str) -> Callable[[Path], None]:
    terms = _terms(work, taken)
    label = label_for(terms, licence)
    found = dataset(work, taken)
    settings: dict[str, Any] = {}
    if rated(taken):
        settings = steps.load_manifest(first(work, taken, "rate"))["settings"]
    items = _items(found.ratings, settings)
    frame = flat(*found, items)
    if not frame.height:
        raise RecipeError(
            f"{work}: the run has no preference pairs to export; look at its report, and at `gap`"
            " in [dataset.pair]"
        )
    parts = {
        name: frame.filter((pl.col("split") == "test") == (name == "test")).drop("split")
        for name in ("train", "test")
    }
    if layout == "trl":
        parts = {name: trl(part) for name, part in parts.items()}
    text = (DATA / "cards" / "preferences.md").read_text(encoding="utf-8")
    counts = {name: part.height for name, part in parts.items()}
    origins = {
        "sources": ", ".join(sorted(set(found.speeches["source"]))),
        "licence": label.lower(),
        "licences": said(terms),
    }
    text = text.replace("{layout}", _LAYOUTS[layout])
    card = text.format(
        **origins, **counts, **_said(settings, found.ratings, items, "history" in frame.columns)
    )

    def fill(folder: Path) -> None:
        (folder / "data").mkdir()
        for name, part in parts.items():
            part.write_parquet(folder / "data" / f"{name}-00000-of-00001.parquet")
        (folder / "README.md").write_text(card, encoding="utf-8")

    return fill


def _terms(work: Path, taken: Taken) -> dict[str, str]:
    """Source to licence over all sources that the run collected, also those of which no speech is
    left.
    """
    settings = [
        steps.load_manifest(step_folder(work, str(entry["step"])))["settings"]
        for entry in taken
        if entry["stage"] == "collect"
    ]
    return licences(one for setting in settings for one in setting["sources"])


def _items(ratings: pl.DataFrame, settings: dict[str, Any]) -> Sequence[str]:
    """The items of the instrument that was rated by, in its order, or those that came with the
    source; those of the shipped instrument in that one's order.
    """
    if settings:
        return [str(item["name"]) for item in settings["instrument"]["items"]]
    named = ratings["item"].unique(maintain_order=True).to_list()
    shipped = [item.name for item in load_instrument("psychocounsel").items]
    return shipped if set(named) == set(shipped) else named


def _said(
    settings: dict[str, Any], ratings: pl.DataFrame, items: Sequence[str], history: bool
) -> dict[str, str]:
    """What the card says of ratings and columns."""
    listed = ", ".join(items)
    if settings:
        scale = settings["instrument"]
        judges = " and ".join(
            str(one["name"]) for one in (settings["judge"], *settings.get("judges", ()))
        )
        by = (
            f"the ratings of {judges} on the {len(items)} items of the instrument '{scale['name']}'"
            f" ({scale['citation']})"
        )
        columns = (
            f", and for both sides `<side>_<item>_rating` from {scale['low']} to {scale['high']}"
            f" for {listed}"
        )
        raters = "Ratings come from a language model"
    else:
        by = (
            f"ratings on {len(items)} items that came with the source"
            if items
            else "the choice that came with the source"
        )
        scores = sorted(ratings["score"].to_list())
        columns = (
            f", and for both sides `<side>_<item>_rating` (found: {scores[0]:g} to {scores[-1]:g})"
            f" for {listed}"
            if items
            else ""
        )
        raters = "Who rated, and how, the source has to say"
    turns = (
        "; `history` holds the turns before the question as a list of role and text"
        if history
        else ""
    )
    return {"by": by, "columns": columns + turns, "raters": raters}


def flat(
    speeches: pl.DataFrame,
    responses: pl.DataFrame,
    ratings: pl.DataFrame,
    preferences: pl.DataFrame,
    items: Sequence[str],
) -> pl.DataFrame:
    """The published dataset's columns (ID, prefID, question, chosen, rejected, models, a rating of
    each item for both) and `split`.

    ID counts speeches and prefID the pairs of one speech, both from 0 in the order of their ids.
    dev and gold pairs are train pairs here. `history` is there where a speech has one. Ratings of
    one response by several judges are averaged.
    """
    wide = _wide(ratings, items)
    side = responses.select("response_id", "text", "model").join(
        wide, left_on="response_id", right_on="subject_id", how="left"
    )
    asked = speeches.select("speech_id", "history", "split", question="text")
    joined = preferences.drop("split").join(asked, on="speech_id")
    rated: list[str] = []
    for name in ("chosen", "rejected"):
        columns = {f"rating {number}": f"{name}_{item}_rating" for number, item in enumerate(items)}
        named = side.rename(
            {"response_id": f"{name}_id", "text": name, "model": f"{name}_model", **columns}
        )
        joined = joined.join(named, on=f"{name}_id")
        rated += columns.values()
    numbered = joined.sort("speech_id", "preference_id").with_columns(
        ID=pl.col("speech_id").rank("dense").cast(pl.Int64) - 1,
        prefID=pl.int_range(pl.len()).over("speech_id"),
    )
    turns = ["history"] if (numbered["history"].list.len() > 0).any() else []
    return numbered.select(
        "ID",
        "prefID",
        "question",
        "chosen",
        "rejected",
        "chosen_model",
        "rejected_model",
        *rated,
        *turns,
        "split",
    )


def _wide(ratings: pl.DataFrame, items: Sequence[str]) -> pl.DataFrame:
    """One row per subject with a column `rating N` per item: whole numbers where all of an item's
    scores are.
    """
    means = [
        pl.col("score").filter(pl.col("item") == item).mean().alias(f"rating {number}")
        for number, item in enumerate(items)
    ]
    wide = ratings.group_by("subject_id").agg(means)
    whole = [name for name in wide.columns[1:] if (wide[name].drop_nulls() % 1 == 0).all()]
    return wide.with_columns(pl.col(whole).cast(pl.Int64))
