"""What a rehearsal says, in tables and sentences."""

from collections.abc import Sequence

from rich.table import Table as View
from rich.text import Text

from psycopref.cli.view import console
from psycopref.needs import ANSWER, CHARS
from psycopref.runs.rehearsal import VERDICT, Line, Rehearsed
from psycopref.runs.resources import ASSUMED
from psycopref.store.inert import inert

CALLS = ("stage", "model", "calls", "kept", "to make", "tokens in", "tokens out", "dollars")
WORK = (
    "section",
    "model",
    "parameters",
    "examples",
    "steps",
    "tokens",
    "memory",
    "GPUs of 80 GB",
    "hours",
)


def show(found: Rehearsed) -> None:
    """Print what a recipe will ask, cost and compute."""
    _print(_view("calls", CALLS, [_cells(one) for one in found.calls]))
    print(_total(found))
    print(
        f"assumed: {CHARS:g} characters a token, {ANSWER} tokens a response not written yet,"
        f" {VERDICT} a judgement of one; no re-asks; no prefix-cache discount"
    )
    if found.budget is not None:
        print(_budget(found.budget, found.spent, found.calls))
    if found.work:
        _print(_view("training and sampling", WORK, [one.cells() for one in found.work]))
        print(ASSUMED)
    for why in found.refused:
        print(f"WARNING: {why}")


def _cells(one: Line) -> list[str]:
    numbers = (one.calls, one.kept, one.calls - one.kept, one.tokens_in, one.tokens_out)
    cost = "no price" if one.dollars is None else f"{one.dollars:,.2f}"
    return [one.stage, one.model, *(f"{number:,}" for number in numbers), cost]


def _total(found: Rehearsed) -> str:
    unknown = sorted({one.model for one in found.calls if one.dollars is None})
    dollars = sum(one.dollars or 0.0 for one in found.calls)
    said = (
        f"{sum(one.calls - one.kept for one in found.calls):,} calls to make for"
        f" {len(found.done.speeches):,} speeches; about {dollars:,.2f} dollars"
    )
    if not unknown:
        return said
    return (
        f"{said} and what {len(unknown)} models without a price cost (price_in, price_out in the"
        " pool)"
    )


def _budget(budget: float, spent: float, lines: Sequence[Line]) -> str:
    """Whether the recipe's budget will do."""
    short = spent + sum(one.dollars or 0.0 for one in lines) - budget
    will = "enough"
    if short > 0:
        will = f"about {short:,.2f} too little: the run would stop there with everything kept"
    return (
        f"budget: {budget:,.2f} dollars, of which {spent:,.2f} are spent in this workspace; {will}"
    )


def _view(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> View:
    view = View(title=title, title_justify="left")
    for head in heads:
        words = head in ("stage", "section", "model")
        view.add_column(head, justify="left" if words else "right", overflow="fold")
    for row in rows:
        view.add_row(*(Text(inert(cell)) for cell in row))
    return view


def _print(view: View) -> None:
    """A table, in a pipe or a file as wide as it wants to be."""
    console().print(view)
