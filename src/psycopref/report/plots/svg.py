"""A matplotlib figure as inline SVG that takes its colours and font from the page around it, light
or dark.
"""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

# Colours that stand for CSS variables of the page: matplotlib draws with the left, the page paints
# with the right.
INK, MUTED, GRID, CARD = "#010101", "#020202", "#030303", "#040404"
ACCENT, WARM, FAINT, THIRD = "#050505", "#060606", "#070707", "#080808"
HATCH = "////"  # told apart from a plain bar without colour, and in print
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "line",
    CARD: "card",
    ACCENT: "one",
    WARM: "two",
    FAINT: "faint",
    THIRD: "three",
}
_RC = {
    "svg.fonttype": "none",
    "font.size": 9.0,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "text.parse_math": False,
    "hatch.color": CARD,
    "hatch.linewidth": 1.1,
}


@contextmanager
def canvas(
    width: float, height: float, rows: int = 1, columns: int = 1, **more: Any
) -> Iterator[tuple[Any, Any]]:
    """A figure of `width` x `height` inches and its axes (always a 2-D array of them); closed
    afterwards.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with matplotlib.rc_context(_RC):
        figure, axes = pyplot.subplots(
            rows, columns, figsize=(width, height), squeeze=False, layout="constrained", **more
        )
        try:
            yield figure, axes
        finally:
            pyplot.close(figure)


def inline(figure: Any, name: str, title: str, words: str) -> str:
    """The figure as an <svg> element: its title and its values in words for screen readers, ids
    made unique by `name`, colours left to the page.
    """
    import matplotlib

    name = re.sub(r"\W+", "-", name)
    out = io.StringIO()
    with (
        matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings(
            "ignore", message="Glyph .* missing from font"
        )  # text stays text: the browser has the glyph
        figure.savefig(
            out, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    text = out.getvalue()
    text = re.sub(
        r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->",
        "",
        text[text.index("<svg") :],
        flags=re.DOTALL,
    )
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    text = re.sub(r"font: ((?:\w+ )*)([\d.]+)px [^;\"]+", r"font: \1\2px var(--sans)", text)
    box = re.search(r'viewBox="([^"]+)"', text)
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    head = (
        f'<svg {spaces} viewBox="{box[1] if box else ""}" role="img" aria-labelledby="{name}-title'
        f' {name}-desc">'
    )
    told = (
        f'<title id="{name}-title">{escape(title)}</title><desc'
        f' id="{name}-desc">{escape(words)}</desc>'
    )
    body = text[text.index(">") + 1 :]
    return re.sub(r"\n\s*", "\n", f"{head}{told}{body}")


def listed(names: Sequence[str], values: Sequence[float], form: str = "{:.2f}") -> str:
    """`a 0.12, b 0.34`: a figure's values in words, for its description."""
    return ", ".join(
        f"{name} {form.format(value)}" for name, value in zip(names, values, strict=True)
    )
