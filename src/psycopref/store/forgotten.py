"""Which speeches were forgotten here: only as digests under a secret of their own, to know them
again.
"""

import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from psycopref.errors import StoreError
from psycopref.store.secret import keyed
from psycopref.store.steps import write_synced

FILE = "forgotten.json"
SOURCES = "collect"  # the stage that reads them
MARK = "forgotten"  # in a step's manifest: how many of its rows were taken out


def add(work: Path, speech_ids: Iterable[str]) -> None:
    """Remember that some speeches were forgotten."""
    kept = _load(work) or {"salt": secrets.token_hex(32), "speeches": []}
    salt = bytes.fromhex(kept["salt"])
    known = {*kept["speeches"], *(keyed(salt, one) for one in speech_ids)}
    write_synced(work / FILE, json.dumps({**kept, "speeches": sorted(known)}, indent=1))


def among(work: Path, speech_ids: Iterable[str]) -> int:
    """How many of some speeches were forgotten here."""
    kept = _load(work)
    if not kept:
        return 0
    salt, known = bytes.fromhex(kept["salt"]), set(kept["speeches"])
    return sum(keyed(salt, one) in known for one in speech_ids)


def _load(work: Path) -> dict[str, Any]:
    path = work / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        bytes.fromhex(found["salt"])
        return {"salt": found["salt"], "speeches": list(found["speeches"])}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: damaged; move it away, and forget again whoever was forgotten: without it a"
            " run cannot say that a source still has them"
        ) from error


def said(work: Path, manifest: dict[str, Any], speeches: Any) -> str:
    """What a run says where a source that it reads has what was forgotten; '' where it has not."""
    if manifest["stage"] != SOURCES:
        return ""
    if gone := manifest.get(MARK):
        return (
            f"WARNING: {manifest['stage']}: the source still has what `psycopref forget` took out"
            f" of this workspace ({gone} rows); it stays out until the source or this stage's"
            " settings change: take it out of the source"
        )
    back = 0
    if speeches is not None and (work / FILE).exists():
        back = among(work, speeches.pick("speech_id")["speech_id"])
    if not back:
        return ""
    return (
        f"WARNING: {manifest['stage']}: {back} speeches that were forgotten are back, since the"
        " source still has them; take them out of it and run `psycopref forget` again"
    )
