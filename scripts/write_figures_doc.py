"""Write the table of figures in docs/workspace.md from their declarations (flows/figures.py).

`python scripts/write_figures_doc.py` writes the page, `--print` prints it.
"""

import re
import sys
from itertools import product
from pathlib import Path

from psycopref.flows.figures import BY_SECTION
from psycopref.tables import Figure, Template

PAGE = Path(__file__).parents[1] / "docs/workspace.md"
MARKS = ("<!-- figures -->", "<!-- /figures -->")
# Fields that many figures share: named in the table, their values said once above it.
SHARED = ("arm", "match")
LEGEND = (
    "`<arm>` is `raw` or `constrained` (answers made with a length asked for). `<match>` is"
    " `winrate` (against the opponent), `winrate.start` (against the policy's start),"
    " `winrate.<size>` (an ablation) or `null.<kind>` (a null opponent, only some of its figures)."
)


def shown(template: str) -> list[str]:
    """A template as a reader writes it: once for each choice of a field that has choices."""
    choices = Template(template).choices
    closed = {
        name: one.split("|") if one and name not in SHARED else [f"<{name}>"]
        for name, one in choices.items()
    }
    made = []
    for values in product(*closed.values()):
        given = dict(zip(closed, values, strict=True))
        parts = re.split(r"\{(\w+)[^}]*\}", template)
        parts[1::2] = [given[name] for name in parts[1::2]]
        made.append("".join(parts))
    return made


def row(figure: Figure) -> str:
    """One line of the table."""
    names = " ".join(f"`{name}`" for name in shown(figure.name))
    slices = [one for template in figure.slices for one in shown(template)]
    places = ", ".join(f"`{one}`" for one in slices)
    return f"| {names} | {figure.kind} | {places} | {figure.says} |"


def tables() -> str:
    """All sections, each with its table."""
    lines = [LEGEND]
    for title, figures in BY_SECTION.items():
        lines += [
            "",
            f"### {title}",
            "",
            "| name | kind | slices | what it is |",
            "|---|---|---|---|",
        ]
        lines += map(row, figures)
    return "\n".join([MARKS[0], *lines, MARKS[1]])


def page() -> str:
    """The whole page with the tables as the declarations have them."""
    start, end = map(re.escape, MARKS)
    text = PAGE.read_text(encoding="utf-8")
    return re.sub(rf"{start}.*{end}", lambda _: tables(), text, flags=re.DOTALL)


if __name__ == "__main__":
    if "--print" in sys.argv:
        sys.stdout.write(page())
    else:
        PAGE.write_text(page(), encoding="utf-8")
