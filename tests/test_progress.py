"""Progress: a bar on a terminal, a line that renews itself in a notebook, plain lines elsewhere."""

import sys
import time
import types
from typing import Any

import pytest

from psycopref import progress
from psycopref.progress import Cell, Progress, Timed


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


def test_plain_lines_come_seldom_and_say_how_long_the_rest_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch)
    with Progress(quiet=False).track("rate", 100) as tick:
        for _ in range(100):
            clock.now += 1.0
            tick(note="3 retries")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[0] == "  rate 10/100 3 retries, 2 min left"
    assert lines[-1] == "  rate 100/100 3 retries"


@pytest.mark.parametrize(
    ("total", "passed", "says"),
    [
        (None, 10.0, "rate 10"),
        (20, 10.0, "rate 10/20, 10 s left"),
        (10_000, 10.0, "rate 10/10000, 2.8 h left"),
        (10, 10.0, "rate 10/10"),
    ],
)
def test_the_time_left_is_the_pace_so_far(
    monkeypatch: pytest.MonkeyPatch, total: int | None, passed: float, says: str
) -> None:
    clock = Clock(monkeypatch)
    tick = Timed("rate", total, 0.0)
    clock.now += passed
    tick(10)
    assert tick.words("") == says


def test_nothing_is_said_where_it_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Progress()
    quiet.say("a line")
    assert list(quiet.over(range(3), "rate", 3)) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


class Handle:
    """What IPython gives for an output that may be renewed."""

    def __init__(self, first: Any) -> None:
        self.shown = [repr(first)]

    def update(self, line: Any) -> None:
        self.shown.append(repr(line))


def test_a_notebook_renews_one_line_and_needs_no_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    handles: list[Handle] = []

    def display(line: Any, display_id: bool) -> Handle:
        assert display_id
        handles.append(Handle(line))
        return handles[-1]

    module = types.ModuleType("IPython.display")
    module.display = display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    clock = Clock(monkeypatch)
    cell = Cell("rate", 4)
    for _ in range(4):
        clock.now += 1.0
        cell()
    cell.end()
    (handle,) = handles
    assert handle.shown[0].endswith("rate 1/4, 3 s left")
    assert handle.shown[-1] == "━" * 24 + " rate 4/4"


def test_ipythons_own_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("IPython")
    module.get_ipython = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", module)
    assert not progress.in_notebook()
    module.get_ipython = lambda: types.SimpleNamespace(kernel=1)  # type: ignore[attr-defined]
    assert progress.in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not progress.in_notebook()
