"""Who may read what a workspace holds: its owner alone, or its group where the folder says so."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from psycopref.errors import StoreError


class Rights(NamedTuple):
    """The mode of folders and of files."""

    folders: int = 0o700
    files: int = 0o600


PRIVATE = Rights()


def of(work: Path) -> Rights:
    """Private, or as a workspace with the setgid bit (chmod 2750, 2770) gives them to its group."""
    mode = work.stat().st_mode
    if not mode & stat.S_ISGID:
        return PRIVATE
    group = mode & 0o070
    return Rights(0o2700 | group, 0o600 | (group & 0o060))


def settle(place: Path, rights: Rights = PRIVATE) -> None:
    """Give a file, or a folder with all below it, its rights: those that it keeps when it is copied
    or packed, whatever umask it was written under.
    """
    for path in (place, *place.rglob("*")) if place.is_dir() else (place,):
        if not path.is_symlink():
            path.chmod(rights.folders if path.is_dir() else rights.files)


def settle_alone(place: Path, rights: Rights) -> None:
    """The rights of a folder itself, where it is ours to give them and they are others."""
    now = place.stat()
    if now.st_uid == os.getuid() and now.st_mode & 0o7777 != rights.folders:
        place.chmod(rights.folders)


def folders(place: Path) -> list[Path]:
    """The folders in a folder, by name; none where it is not there, StoreError where it may not be
    read.
    """
    try:
        return sorted(path for path in place.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(
            f"{place}: may not be read ({error.strerror}); a workspace is private to its owner"
            " unless it was made for a group (docs/workspace.md)"
        ) from error
