"""A workspace's ledger to look into, whoever looks."""

import os
from pathlib import Path

from psycopref.store.ledger import Ledger


def readable(work: Path) -> Ledger:
    """The ledger of a workspace, to look into; as it stands in its file where it is another's, who
    lets us read it.
    """
    path = work / "calls.sqlite"
    return Ledger(path, read_only=path.exists() and not os.access(path, os.W_OK))
