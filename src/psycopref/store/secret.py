"""The secret of a workspace: what makes ids of groups that nobody finds by trying a clinic's
numbers.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from psycopref.errors import StoreError
from psycopref.tables import content_id

FILE = "key"


def prepare(work: Path) -> None:
    """Give a new workspace its key. One that has steps or calls already, and no key, keeps its ids
    as they are: others would make its steps stale and move its splits.
    """
    path, steps = work / FILE, work / "steps"
    used = (work / "calls.sqlite").exists() or (steps.is_dir() and any(steps.iterdir()))
    if used or path.exists():
        return
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32) + "\n")


def load(work: Path) -> bytes:
    """The key, 32 bytes; none of a workspace from before there were keys."""
    path = work / FILE
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return b""
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path}: not readable as the workspace's key; put it back from a backup: without it a"
            " client's rows get other ids, and splits of new steps move"
        ) from error
    if len(key) != 32:
        raise StoreError(f"{path}: not a key of 64 hex digits; put it back from a backup")
    return key


def keyed(key: bytes, *parts: str) -> str:
    """32 hex digits of the HMAC-SHA256 of some words, each with its length before it."""
    told = b"".join(b"%d:%s" % (len(raw), raw) for raw in (part.encode() for part in parts))
    return hmac.new(key, told, hashlib.sha256).hexdigest()[:32]


def group_id(key: bytes, source: str, named: str) -> str:
    """The id of a group that a source names, under a workspace's key; without one it is made of the
    name alone.
    """
    if not key:
        return content_id("group", source, named)
    return "group-" + keyed(key, "group", source, named)[:16]
