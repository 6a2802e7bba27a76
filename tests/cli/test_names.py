"""Names in square brackets are shown as they are, and what a reply has of controls does nothing."""

import pytest

from psycopref.cli import rehearsal, view
from psycopref.runs.rehearsal import Line


def test_brackets_are_no_markup_and_controls_are_pictures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ["smol[q4]", "x[/x]", "try[bold]"]
    view.table("calls", ["model"], [[name] for name in [*names, "a\x1b[31mb"]])
    heads, rows = rehearsal.CALLS, [Line("rate", name, 1, 0, 1, 1, None) for name in names]
    rehearsal._print(rehearsal._view("calls", heads, [rehearsal._cells(one) for one in rows]))
    said = capsys.readouterr().out
    assert all(said.count(name) == 2 for name in names)
    assert "\x1b" not in said and "a␛[31mb" in said
