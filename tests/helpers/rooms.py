"""The rooms of the house from the ground up, what each is for, and what each imports from.

tests/test_layers.py holds the code to this table, docs/architecture.md draws it
and README lists it (`python tests/helpers/rooms.py` writes both anew).
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "psycopref"
PAGE = ROOT / "docs" / "architecture.md"
README = ROOT / "README.md"
MARKS = ("<!-- rooms -->", "<!-- /rooms -->")


class Room(NamedTuple):
    """A folder (or a single file) of src/psycopref."""

    says: str
    imports: str = ""


# A room imports from rooms above it in this table only; every permission is used.
ROOMS: dict[str, Room] = {
    "errors": Room(
        "every error; none quotes client text",
    ),
    "processes": Room(
        "which of several processes this is",
    ),
    "needs": Room(
        "what a stage would take, and what stands for its answers",
    ),
    "settings": Room(
        "the base of what people write: frozen, checked",
        "needs",
    ),
    "tables": Room(
        "every row type: the vocabulary",
    ),
    "progress": Room(
        "a bar on a terminal, plain lines elsewhere",
    ),
    "store": Room(
        "digests, Parquet, step folders, calls and their ledger, run folders",
        "errors tables",
    ),
    "text": Room(
        "repair, screens, near duplicates, masking",
        "settings",
    ),
    "stats": Room(
        "figures with intervals, from numbers alone",
    ),
    "config": Room(
        "TOML that experts edit, instruments, prompts",
        "errors settings tables store",
    ),
    "sources": Room(
        "one corpus per file, licences",
        "errors settings tables store text config",
    ),
    "nets": Room(
        "models from inside (torch)",
        "errors processes settings tables progress store stats config",
    ),
    "models": Room(
        "entries, providers, and how a call is made once",
        "errors settings progress store config nets",
    ),
    "train": Room(
        "one loop, pure objectives (torch)",
        "errors processes needs settings tables progress nets",
    ),
    "lab": Room(
        "do a stage once, ask a model once",
        "errors processes progress store models",
    ),
    "judging": Room(
        "what is asked of a judge and what its answers say",
        "tables store config models lab",
    ),
    "labels": Room(
        "taxonomies and who labels by them",
        "errors settings tables progress store stats config sources models lab judging",
    ),
    "queries": Room(
        "what several stages ask of the same tables",
        "errors needs tables store stats judging",
    ),
    "experts": Room(
        "blind sheets, what comes back, and its figures",
        "errors tables store stats config queries",
    ),
    "stages": Room(
        "one piece of work per file; none knows another",
        "errors processes needs settings tables progress store text stats config sources nets "
        "models train lab judging labels queries experts",
    ),
    "flows": Room(
        "each flow: its recipe and the order of its stages",
        "errors settings tables store config models lab labels queries experts stages",
    ),
    "recipes": Room(
        "TOML to a flow's recipe, with errors that help",
        "errors config flows",
    ),
    "report": Room(
        "the page a run leaves, section by section",
        "errors settings tables store stats config sources lab queries stages flows recipes",
    ),
    "runs": Room(
        "a run: done, rehearsed, done elsewhere, exported",
        "errors needs settings tables progress store stats config sources models train lab "
        "experts stages flows recipes report",
    ),
    "api": Room(
        "what `import psycopref` gives a notebook",
        "errors tables progress store text stats config sources nets models lab stages "
        "recipes runs",
    ),
    "cli": Room(
        "the command line; alone in printing",
        "errors processes needs tables progress store config lab flows report runs",
    ),
    "__main__": Room(
        "python -m psycopref",
        "cli",
    ),
}


def room_of(path: Path) -> str:
    """The room that a file stands in; the package's own `__init__` is 'psycopref'."""
    part = path.relative_to(SRC).parts[0].removesuffix(".py")
    return "psycopref" if part == "__init__" else part


def module_of(path: Path) -> str:
    """The dotted name of a file below psycopref ('' for the package itself)."""
    return (
        ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix("__init__").rstrip(".")
    )


MODULES = {module_of(path): path for path in sorted(SRC.rglob("*.py"))}


def imported(path: Path) -> Iterator[str]:
    """Every import of a file in full, those inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_behind(path: Path) -> set[str]:
    """The modules of psycopref that a file imports, itself left out."""
    found = set()
    for name in imported(path):
        if name.split(".")[0] != "psycopref":
            continue
        own = name.removeprefix("psycopref").lstrip(".")
        found.add(own if own in MODULES else own.rpartition(".")[0])
    return found - {module_of(path), ""}


def arrows() -> dict[str, set[str]]:
    """Room to the rooms that its files import from."""
    found: dict[str, set[str]] = {}
    for path in MODULES.values():
        own = room_of(path)
        behind = {name.split(".")[0] for name in files_behind(path)} - {own}
        found.setdefault(own, set()).update(behind)
    return found


def picture() -> str:
    """The table as docs/architecture.md shows it, from the top floor down."""
    lines = ["| room | what it is for | imports from |", "|---|---|---|"]
    for name, room in reversed(ROOMS.items()):
        lines.append(f"| `{name}` | {room.says} | {', '.join(room.imports.split()) or '-'} |")
    return "\n".join([MARKS[0], *lines, MARKS[1]])


def tree() -> str:
    """The table as README shows it, from the top floor down: a line a room."""
    lines = []
    for name, room in reversed(ROOMS.items()):
        stands = f"{name}/" if (SRC / name).is_dir() else f"{name}.py"
        lines.append(f"  {stands:<14}{room.says}")
    return "\n".join(["src/psycopref/", *lines, ""])


def listed(page: str) -> str:
    """README with the tree as the table has it."""
    return re.sub(
        r"^src/psycopref/\n(?:  .*\n)+", lambda _: tree(), page, count=1, flags=re.MULTILINE
    )


def redrawn(page: str) -> str:
    """The page with the picture as the table has it."""
    start, end = map(re.escape, MARKS)
    return re.sub(rf"{start}.*{end}", lambda _: picture(), page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(redrawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    README.write_text(listed(README.read_text(encoding="utf-8")), encoding="utf-8")
