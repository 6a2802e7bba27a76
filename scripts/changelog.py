"""Gather the changes of changelog.d: `python scripts/changelog.py` prints them, and
`python scripts/changelog.py VERSION DATE` moves them into CHANGELOG.md (changelog.d/README.md).
"""

import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = ("added", "changed", "fixed", "removed")
NAME = re.compile(rf"[a-z0-9-]+\.({'|'.join(KINDS)})\.md")
WIDTH = 99


def fragments(folder: Path) -> dict[str, list[Path]]:
    """The files of a folder by kind; ValueError names one that is called otherwise, or is empty."""
    found: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for path in sorted(folder.glob("*")):
        if path.name == "README.md":
            continue
        named = NAME.fullmatch(path.name)
        if named is None:
            raise ValueError(f"{path}: a change is called NAME.KIND.md, KIND one of {KINDS}")
        if not path.read_text(encoding="utf-8").strip():
            raise ValueError(f"{path}: says nothing")
        found[named[1]].append(path)
    return found


def section(title: str, found: dict[str, list[Path]]) -> str:
    """The changes as a section of the changelog, by kind; a kind without a change is left out."""
    parts = [f"## {title}", ""]
    for kind, paths in found.items():
        if paths:
            parts += [f"### {kind.capitalize()}", "", *map(_item, paths), ""]
    return "\n".join(parts)


def _item(path: Path) -> str:
    return textwrap.fill(
        " ".join(path.read_text(encoding="utf-8").split()),
        WIDTH,
        initial_indent="- ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def released(log: str, new: str) -> str:
    """The changelog with a section before its first one."""
    head, mark, rest = log.partition("\n## ")
    return f"{head}\n{new}{mark}{rest}"


def main(words: list[str]) -> int:
    """Print the section, or put it into CHANGELOG.md and take the files away."""
    if len(words) not in (0, 2):
        print(__doc__)
        return 2
    found = fragments(ROOT / "changelog.d")
    if not words:
        print(section("Unreleased", found))
        return 0
    version, date = words
    log = ROOT / "CHANGELOG.md"
    new = section(f"{version} ({date})", found)
    log.write_text(released(log.read_text(encoding="utf-8"), new), encoding="utf-8")
    for path in (path for paths in found.values() for path in paths):
        path.unlink()
    print(new)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
