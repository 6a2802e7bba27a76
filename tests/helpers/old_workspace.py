"""A workspace that commit 25adbae left (tests/data/README.md says what is in it)."""

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

PACKED = Path(__file__).parents[1] / "data" / "old_workspace.tar.xz"


def unpacked(folder: Path) -> Path:
    """The workspace, in `folder`."""
    with tarfile.open(PACKED) as file:
        file.extractall(folder, filter="data")
    return folder / "old_workspace"


def calls(work: Path) -> dict[str, tuple[str, str]]:
    """Stage and model of every call in a workspace's ledger, by the call's id."""
    query = "SELECT call_id, stage, model FROM calls"
    with closing(sqlite3.connect(work / "calls.sqlite")) as ledger:
        return {call_id: (stage, model) for call_id, stage, model in ledger.execute(query)}
