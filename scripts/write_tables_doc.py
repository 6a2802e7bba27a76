"""Write docs/tables.md from the row types in tables/."""

import dataclasses
import inspect
import re
import typing
from pathlib import Path

from psycopref import tables


def hint_text(hint: object) -> str:
    """A type as a reader would write it."""
    return (
        hint.__name__
        if isinstance(hint, type)
        else re.sub(r"typing\.|psycopref\.tables\.(\w+\.)?", "", str(hint))
    )


def page() -> str:
    """The whole page."""
    lines = [
        "# Tables",
        "",
        (
            "Written from `src/psycopref/tables/` by `scripts/write_tables_doc.py`; a test checks"
            " that it is up to date."
        ),
        "The first column of a table is its key.",
        "",
    ]
    for name, row in inspect.getmembers(tables, dataclasses.is_dataclass):
        if row is tables.Figure:  # declares rows of Metric, and is none itself
            continue
        hints = typing.get_type_hints(row)
        lines += [
            f"## {name}",
            "",
            inspect.cleandoc(row.__doc__ or ""),
            "",
            "| column | type |",
            "|---|---|",
        ]
        lines += [
            f"| `{field.name}` | `{hint_text(hints[field.name])}` |".replace(" | None", " or None")
            for field in dataclasses.fields(row)
        ] + [""]
    return "\n".join(lines)


if __name__ == "__main__":
    (Path(__file__).parents[1] / "docs/tables.md").write_text(page(), encoding="utf-8")
