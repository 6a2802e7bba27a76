"""Where exports went: a list in the workspace, so that what left it can be found again."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from psycopref.errors import StoreError
from psycopref.store import rights
from psycopref.store.steps import explain, write_synced

FILE = "exports.json"


class Exported(NamedTuple):
    """One export: what, of which run, into which folder (absolute), when (UTC)."""

    what: str
    run: str
    folder: Path
    when: str


def add(work: Path, what: str, run: str, folder: Path) -> None:
    """Remember an export."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    made = [*listed(work), Exported(what, run, folder.resolve(), now)]
    rows = [{**one._asdict(), "folder": str(one.folder)} for one in made]
    try:
        write_synced(work / FILE, json.dumps(rows, indent=1, ensure_ascii=False))
    except OSError as error:
        raise explain(error, work / FILE) from error
    rights.settle(work / FILE, rights.of(work))


def listed(work: Path) -> list[Exported]:
    """Every export of a workspace, the first one first."""
    path = work / FILE
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [
            Exported(str(row["what"]), str(row["run"]), Path(row["folder"]), str(row["when"]))
            for row in rows
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: not a list of exports; move it away and run again (exports made so far are"
            " then no longer known here)"
        ) from error
