"""Tables and figures on a terminal, or in a pipe as plain text."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table as View
from rich.text import Text

from psycopref.store.inert import inert
from psycopref.tables import Metric

PIPE = 200  # columns of a table in a pipe or a file, where nothing has to fit


def console() -> Console:
    """Standard output; without markup, since names may hold square brackets."""
    made = Console(markup=False, highlight=False)
    return made if made.is_terminal else Console(markup=False, highlight=False, width=PIPE)


def table(
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
) -> None:
    """Print a table; `right` are the columns of numbers, `whole` those that are never folded."""
    out = console()
    print(f"\n{title}")
    view = View(box=box.SIMPLE_HEAD, pad_edge=False, padding=0, show_edge=False)
    for head in heads:
        view.add_column(
            Text(head),
            justify="right" if head in right else "left",
            overflow="fold",
            no_wrap=head in whole,
        )
    for row in rows:
        view.add_row(*(Text(inert(cell)) for cell in row))
    out.print(view)


def interval(metric: Metric) -> str:
    """A figure's 95 % interval, or nothing where it is a count."""
    if metric.low is None or metric.high is None:
        return ""
    return f"[{metric.low:.3f}, {metric.high:.3f}]"


def duration(seconds: float | None) -> str:
    """Seconds as people say them: '8.2 s', '3 min 20 s', '2 h 5 min'."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
