"""One client's words found in a workspace and taken out of it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from psycopref.errors import PsycoprefError, RecipeError, StoreError
from psycopref.lab import Lab
from psycopref.recipes import load_recipe
from psycopref.report.again import reported
from psycopref.report.markdown import twin
from psycopref.runs import exported
from psycopref.store import forgotten, keys, parquet, run_folder, scrub, steps
from psycopref.store.rights import folders
from psycopref.store.scrub import Words
from psycopref.store.secret import group_id
from psycopref.tables import groups_of

LONG_TURN = 40  # letters from which an earlier turn is looked for by itself
_FIGURES = ("metrics.json", "steps.json", "recipe.toml")
_PAGES = ("report.html", "report.md")


class Wanted(NamedTuple):
    """Whose words: a client by the source's own word for them, or speeches by their ids."""

    client: str = ""
    speeches: tuple[str, ...] = ()


def of_row(recipe: str, row: str) -> Wanted:
    """The speech that a row of a recipe's source became; `row` is SOURCE:NUMBER."""
    label, _, place = row.rpartition(":")
    return Wanted(speeches=(load_recipe(recipe)[1].dataset.collect.row(label, place),))


@dataclass
class Found:
    """What a workspace has of somebody. `tables` counts rows by step and table, `files` by file of
    a run or an export; `rest` is what cannot be taken out here, in words.
    """

    speeches: set[str]
    words: Words
    calls: set[str] = field(default_factory=set)
    tables: dict[tuple[str, str], int] = field(default_factory=dict)
    parts: list[Path] = field(default_factory=list)
    files: dict[Path, int] = field(default_factory=dict)
    pages: list[Path] = field(default_factory=list)
    shared: int = 0
    rest: list[str] = field(default_factory=list)


def find(lab: Lab, wanted: Wanted) -> Found:
    """Everything that the workspace, and the exports that it knows of, have of somebody."""
    tables = list(_tables(lab.work))
    chosen, shared = _chosen(lab, wanted, tables)
    found = _closure(tables, chosen)
    found.shared = shared
    found.calls = lab.ledger.about(found.words.told, found.calls)
    found.parts = [part for part in _parts(lab.work) if _has(part, found.words)]
    _in_runs(lab.work, found)
    _in_exports(lab.work, found)
    found.rest += _rest(lab.work, tables)
    return found


class _Table(NamedTuple):
    folder: Path
    name: str
    row: str

    def frame(self) -> pl.DataFrame:
        """Its rows; StoreError where it is damaged."""
        path = self.folder / f"{self.name}.parquet"
        try:
            return pl.read_parquet(path, glob=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise StoreError(
                f"{path}: not readable, so nobody can say what is in it; delete {self.folder} and"
                " run `psycopref forget` again"
            ) from error


def _tables(work: Path) -> Iterator[_Table]:
    for folder in steps.listed(work / "steps"):
        for name, entry in steps.load_manifest(folder)["outputs"].items():
            if entry["row"] not in ("", "Metric", "Point"):
                yield _Table(folder, name, str(entry["row"]))


def _collected(tables: Iterable[_Table]) -> list[_Table]:
    return [one for one in tables if one.row == "Speech" and _stage(one.folder) == "collect"]


def _stage(folder: Path) -> str:
    return folder.name.rpartition("-")[0]


def _chosen(lab: Lab, wanted: Wanted, tables: Sequence[_Table]) -> tuple[set[str], int]:
    """The ids of the speeches meant, and how many of them are others' too (word for word)."""
    chosen, shared = set(wanted.speeches), 0
    for table in tables:
        if table.row == "Dropped" and _stage(table.folder) == "collect":
            repeats = table.frame().filter(pl.col("speech_id").is_in(list(wanted.speeches)))
            chosen |= set(repeats["near"]) - {""}
    for table in _collected(tables):
        frame = table.frame()
        if not wanted.client:
            continue
        setting = steps.load_manifest(table.folder)["settings"]
        names = [str(one.get("label") or one["name"]) for one in setting["sources"]]
        groups = {
            group_id(key, name, wanted.client)
            for name in [*names, *frame["source"].unique()]
            for key in (lab.key, b"")
        } | {wanted.client}
        for speech, text in frame.select("speech_id", "group").iter_rows():
            of = {group.group_id for group in groups_of(text)}
            if of & groups:
                shared += speech not in chosen and len(of) > 1
                chosen.add(speech)
    known: set[str] = set()
    for table in tables:
        if table.row == "Speech":
            known |= set(table.frame()["speech_id"])
    if not chosen or not chosen & known:
        raise RecipeError(
            f"{lab.work}: no speech here is of that client, speech or row; a client is named as the"
            " `group` column of the source names it, a speech by its id, a row as SOURCE:NUMBER"
        )
    return chosen & known, shared


def _closure(tables: Sequence[_Table], chosen: set[str]) -> Found:
    """Every row that is of the speeches, of what was answered to them, and of what was said of
    that: rows that name one of the ids, whose own ids are looked for in turn.
    """
    ids, texts = set(chosen), set[str]()
    for table in tables:
        if table.row == "Speech":
            for row in table.frame().iter_rows(named=True):
                if row["speech_id"] in chosen:
                    texts |= {str(row["text"]), *_turns(row.get("history") or [])}
    while True:
        calls, counts, before = set[str](), dict[tuple[str, str], int](), len(ids)
        words = Words(texts, ids)
        for table in tables:
            frame = table.frame()
            rows = frame.filter(words.equal(frame))
            if not rows.height:
                continue
            counts[table.folder.name, table.name] = rows.height
            ids |= set(rows[rows.columns[0]])
            if "call_id" in rows.columns:
                calls |= set(rows["call_id"]) - {""}
        if len(ids) == before:
            return Found(chosen, words, calls, counts)


def _turns(history: Iterable[dict[str, Any]]) -> Iterator[str]:
    for turn in history:
        if turn["role"] == "client" and len(turn["text"]) >= LONG_TURN:
            yield str(turn["text"])


def _parts(work: Path) -> list[Path]:
    return sorted((work / "steps").glob("*.part"))


def _has(folder: Path, words: Words) -> bool:
    """Whether any file below a folder has them; one that cannot be read may."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        try:
            if path.suffix == ".parquet":
                frame = pl.read_parquet(path, glob=False)
                held = bool((words.equal(frame) | words.within(frame)).any())
            else:
                held = scrub.hits(path, words) != 0
        except (OSError, pl.exceptions.PolarsError):
            held = True
        if held:
            return True
    return False


def _in_runs(work: Path, found: Found) -> None:
    touched = {step for step, _ in found.tables}
    for place in sorted((work / "runs").glob("*")):
        if not place.is_dir():
            continue
        for path in sorted(place.rglob("*")):
            if path.is_file() and path.name not in (*_FIGURES, *_PAGES):
                _in_file(path, found)
        told = [path for name in _PAGES if (path := place / name).is_file()]
        held = any(scrub.hits(path, found.words) != 0 for path in told)
        if held or touched & _steps_of(place):
            found.pages += told


def _steps_of(place: Path) -> set[str]:
    try:
        return {str(entry["step"]) for entry in run_folder.taken(place)}
    except StoreError:
        return set()


def _in_file(path: Path, found: Found) -> None:
    try:
        rows = scrub.hits(path, found.words)
    except (OSError, ValueError, pl.exceptions.PolarsError):
        found.rest.append(f"{path}: cannot be read")
        return
    if rows is None:
        found.rest.append(f"{path}: has such words, and is no file of rows; delete or edit it")
    elif rows:
        found.files[path] = rows


def _in_exports(work: Path, found: Found) -> None:
    for one in exported.listed(work):
        if not one.folder.exists():
            found.rest.append(
                f"{one.folder}: the export of {one.what} of {one.when} is no longer there; if it"
                " was moved or passed on, it has its words still"
            )
        elif one.folder.is_dir():
            for path in sorted(one.folder.rglob("*")):
                if path.is_file() and path.suffix not in (".safetensors", ".gguf", ".bin"):
                    _in_file(path, found)
        else:
            _in_file(one.folder, found)


def _rest(work: Path, tables: Sequence[_Table]) -> Iterator[str]:
    """What is always out of reach, in words."""
    yield "backups and copies of this workspace"
    sources = sorted({name for one in _collected(tables) for name in one.frame()["source"]})
    yield f"the files of the sources ({', '.join(sources)}): take the client out there too"
    yield "sheets that experts hold or have sent back, and whatever was passed on"
    yield "what providers of models keep of the calls that were made"
    trained = [
        folder.name
        for folder in steps.listed(work / "steps")
        if any(
            entry["row"] == "" and entry["file"] == "weights"
            for entry in steps.load_manifest(folder)["outputs"].values()
        )
    ]
    if trained:
        yield (
            f"weights that may have learnt from it: {', '.join(trained)}, and their exports; run"
            " the recipe again on the source without the client, and delete these"
        )


def forget(lab: Lab, found: Found) -> list[str]:
    """Take out what was found; gives what could not be done, in words.

    Steps of `collect` are last, since they say whose words are whose: whatever ends it in between,
    it can be begun again. The report's pages are drawn anew from what is left.
    """
    forgotten.add(lab.work, found.speeches)
    for path in found.files:
        scrub.taken_out(path, found.words)
    for page in found.pages:
        page.unlink(missing_ok=True)
    lab.ledger.forget(found.calls)
    for part in found.parts:
        steps.remove(part)
    by_step = Counter[str]()
    for (step, _), rows in found.tables.items():
        by_step[step] += rows
    for step in sorted(by_step, key=lambda step: _stage(lab.work / step) == "collect"):
        _redacted(lab.work / "steps" / step, found.words, by_step[step])
    return _redrawn({page.parent for page in found.pages})


def _redacted(folder: Path, words: Words, gone: int) -> None:
    """A step without certain rows. Its tables keep the digest of the rows that were made, by which
    later steps are known, so none of these is made again; the sha256 of files is that of now.

    The manifest is written before the files are put in place: ended in between, the old files are
    there and are found again.
    """
    manifest = steps.load_manifest(folder)
    fresh: list[Path] = []
    for entry in manifest["outputs"].values():
        path = folder / entry["file"]
        if not entry["row"]:
            continue
        frame = pl.read_parquet(path, glob=False)
        kept = frame.filter(~words.equal(frame))
        if kept.height == frame.height:
            continue
        new = path.with_name(path.name + ".new")
        parquet.put(kept, new)
        new.chmod(path.stat().st_mode & 0o777)
        fresh.append(new)
        entry["rows"], entry["sha256"] = kept.height, keys.file_digest(new)
    manifest[forgotten.MARK] = int(manifest.get(forgotten.MARK, 0)) + gone
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    steps.write_synced(folder / steps.MANIFEST, text)
    for new in fresh:
        new.replace(new.with_suffix(""))
    steps.sync_folder(folder)


def _redrawn(places: Iterable[Path]) -> list[str]:
    said = []
    for place in sorted(places):
        try:
            page = reported(place.parent.parent, place.name)
        except PsycoprefError as error:
            said.append(f"{place.name}: its report was taken away and not drawn anew: {error}")
            continue
        steps.write_synced(place / "report.html", page)
        steps.write_synced(place / "report.md", twin(page))
    return said


def unused(work: Path) -> list[Path]:
    """Step folders, begun ones too, that no run of the workspace names."""
    runs = [place for place in (work / "runs").glob("*") if run_folder.finished(place)]
    used = {str(entry["step"]) for place in runs for entry in run_folder.taken(place)}
    return [place for place in folders(work / "steps") if place.name not in used]
