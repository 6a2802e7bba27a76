"""A step folder: written as `.part`, manifest last, renamed when whole; opened, listed,
verified.
"""

import errno
import json
import os
import shutil
import typing
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from psycopref.errors import StoreError
from psycopref.store import keys, parquet, rights
from psycopref.store.parquet import Table

MANIFEST = "manifest.json"
_WRITERS = ("polars", "safetensors", "safetensors_rust", "torch")
_KEYED = ("stage", "version", "settings", "inputs")


def _row_type(hint: Any) -> type | None:
    args = typing.get_args(hint)
    return args[0] if args and isinstance(args[0], type) else None


def out_fields(out: type) -> dict[str, type | None]:
    """The fields of a stage's NamedTuple: row type of a table, None for a weights folder."""
    return {name: _row_type(hint) for name, hint in typing.get_type_hints(out).items()}


def explain(error: OSError, path: Path) -> StoreError:
    """A StoreError for what the operating system refused, with what to do."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return StoreError(
                f"{path}: no room to write ({os.strerror(error.errno)}); free some space and run"
                " again: finished steps and calls are kept"
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return StoreError(
                f"{path}: may not be written ({os.strerror(error.errno)}); choose another --work"
                " folder or change its rights"
            )
        case _:
            return StoreError(f"{path}: {os.strerror(error.errno) if error.errno else error}")


# What libraries that write files say in the place of an OSError.
_SAID = {
    errno.ENOSPC: ("No space left on device", "os error 28", "PytorchStreamWriter failed"),
    errno.EFBIG: ("File too large", "os error 27"),
    errno.EDQUOT: ("quota exceeded", "os error 122"),
    errno.EACCES: ("Permission denied", "os error 13"),
    errno.EROFS: ("Read-only file system", "os error 30"),
}


def os_error(error: BaseException) -> OSError | None:
    """What the operating system refused, where an error is that: polars, safetensors and torch have
    errors of their own for it.
    """
    if isinstance(error, OSError):
        return error
    if type(error).__module__.partition(".")[0] not in (*_WRITERS, "builtins"):
        return None
    said = str(error)
    for number, signs in _SAID.items():
        if any(sign in said for sign in signs):
            return OSError(number, os.strerror(number))
    return None


def begin(folder: Path) -> Path:
    """The `.part` folder of a step, made if missing; what an interrupted run left in it
    (checkpoints) stays.
    """
    part = folder.with_name(folder.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    return part


def finish(part: Path, folder: Path, out: Any, manifest: dict[str, Any]) -> dict[str, Any]:
    """Write the tables of `out` and the manifest into `part`, sync, and rename it to `folder`."""
    outputs: dict[str, Any] = {}
    for name, row_type in out_fields(type(out)).items():
        value = getattr(out, name)
        outputs[name] = (
            _keep_weights(part, name, value)
            if row_type is None
            else _keep_table(part, name, row_type, value)
        )
    whole = {
        **manifest,
        "outputs": outputs,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    for stray in part.iterdir():
        if stray.name not in {entry["file"] for entry in outputs.values()}:
            shutil.rmtree(stray) if stray.is_dir() else stray.unlink()
    write_synced(part / MANIFEST, json.dumps(whole, indent=1, ensure_ascii=False))
    rights.settle(part, rights.of(folder.parent.parent))
    os.rename(part, folder)
    sync_folder(folder.parent)
    return whole


def _keep_table(part: Path, name: str, row_type: type, value: Any) -> dict[str, Any]:
    tab = parquet.table(row_type, value)
    path = part / f"{name}.parquet"
    parquet.write(tab, path)
    _sync(path)
    return {
        "file": path.name,
        "row": row_type.__name__,
        "rows": len(tab),
        "digest": tab.digest,
        "sha256": keys.file_digest(path),
    }


def _keep_weights(part: Path, name: str, value: Path) -> dict[str, Any]:
    place = part / name
    if value != place:
        raise StoreError(f"{value}: a stage must write its {name} to {place}")
    for path in place.rglob("*"):
        if path.is_file():
            _sync(path)
    return {
        "file": name,
        "row": "",
        "rows": 0,
        "digest": keys.folder_digest(place),
        "sha256": keys.folder_digest(place),
    }


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_synced(path: Path, text: str) -> None:
    """Write a text file by way of a `.new` beside it, synced, renamed."""
    fresh = path.with_name(path.name + ".new")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, rights.PRIVATE.files)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def load_manifest(folder: Path) -> dict[str, Any]:
    """A step's manifest; StoreError where it is missing or not one."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{folder / MANIFEST}: missing or not JSON; delete the folder {folder} and run again to"
            " remake the step"
        ) from error
    if not isinstance(found, dict) or not all(
        name in found for name in (*_KEYED, "key", "outputs")
    ):
        raise StoreError(
            f"{folder / MANIFEST}: not a step's manifest; delete the folder {folder} and run again"
            " to remake the step"
        )
    return found


def key_of(manifest: Mapping[str, Any]) -> str:
    """The key of a step: the digest of its stage, version, settings and inputs."""
    return keys.digest({name: manifest[name] for name in _KEYED})


def frame(folder: Path, name: str) -> pl.DataFrame:
    """A table of a finished step by its name, as polars has it; StoreError where it is gone or is
    not as it was written.
    """
    entry = load_manifest(folder)["outputs"].get(name)
    if entry is None or not entry["row"]:
        known = [other for other, one in load_manifest(folder)["outputs"].items() if one["row"]]
        raise StoreError(f"{folder}: no table {name!r}; there are {known}")
    if problem := _differs(folder, entry):
        raise StoreError(f"{problem}; delete {folder} and run again to remake the step")
    return pl.read_parquet(folder / entry["file"])


def load(folder: Path, out: type) -> tuple[Any, dict[str, Any]]:
    """A finished step as its NamedTuple, with its manifest. Row counts are checked against it."""
    manifest = load_manifest(folder)
    values: dict[str, Any] = {}
    for name, row_type in out_fields(out).items():
        entry = manifest["outputs"].get(name)
        if entry is None:
            raise StoreError(f"{folder}: holds no {name!r}; delete the folder and run again")
        values[name] = (
            folder / entry["file"] if row_type is None else _open_table(folder, row_type, entry)
        )
    return out(**values), manifest


def open_table(folder: Path, name: str, row_type: type) -> Table[Any]:
    """One table of a finished step, a large one without its rows; StoreError where it is not there
    or not as it was written.
    """
    entry = load_manifest(folder)["outputs"].get(name)
    if entry is None or entry["row"] != row_type.__name__:
        raise StoreError(
            f"{folder}: holds no table {name!r} of {row_type.__name__}; delete the folder and run"
            " again"
        )
    return _open_table(folder, row_type, entry)


def _open_table(folder: Path, row_type: type, entry: dict[str, Any]) -> Table[Any]:
    path = folder / entry["file"]
    tab: Table[Any] = parquet.read(row_type, path)
    if keys.file_digest(path) != entry["sha256"]:
        raise StoreError(
            f"{path}: changed since it was written (its sha256 is not the manifest's); delete"
            f" {folder} and run again to remake the step"
        )
    tab._digest = entry["digest"]
    return tab


def listed(root: Path) -> Iterator[Path]:
    """The finished step folders below `root`, by name."""
    yield from (path for path in rights.folders(root) if not path.name.endswith(".part"))


def remove(folder: Path) -> None:
    """Delete a step's folder; StoreError where the system refuses."""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise explain(error, folder) from error


def verify(folder: Path) -> list[str]:
    """What is wrong with a step folder, in words; an empty list where every file is as it was
    written.
    """
    try:
        manifest = load_manifest(folder)
    except StoreError as error:
        return [str(error)]
    key = key_of(manifest)
    fits = manifest["key"] == key and folder.name == f"{manifest['stage']}-{key[:12]}"
    edited = (
        []
        if fits
        else [
            f"{folder / MANIFEST}: changed since it was written (its stage, version, settings and"
            " inputs do not make its key)"
        ]
    )
    return edited + [
        problem for entry in manifest["outputs"].values() if (problem := _differs(folder, entry))
    ]


def _differs(folder: Path, entry: dict[str, Any]) -> str:
    path = folder / entry["file"]
    if not path.exists():
        return f"{path}: missing"
    now = keys.folder_digest(path) if path.is_dir() else keys.file_digest(path)
    return "" if now == entry["sha256"] else f"{path}: changed since it was written"


def weights_digest(place: Path) -> str:
    """What a weights folder is known by: its step's manifest says, else its files."""
    if (place.parent / MANIFEST).is_file():
        for entry in load_manifest(place.parent)["outputs"].values():
            if entry["file"] == place.name:
                return str(entry["digest"])
    return keys.folder_digest(place)
