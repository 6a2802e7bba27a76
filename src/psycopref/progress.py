"""Progress: a bar on a terminal, a line that renews itself in a notebook, plain lines elsewhere.
Never any text of a speech or a response.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

T = TypeVar("T")
OFTEN, SELDOM = 0.2, 10.0  # seconds between two looks: where a line renews itself, where it adds up


class Tick:
    """Counts the units of one long piece of work; call it with how many more are done and a short
    note. This one says nothing.
    """

    def __init__(self, name: str, total: int | None) -> None:
        self.name = name
        self.total = total
        self.done = 0

    def __call__(self, more: int = 1, note: str = "") -> None:
        self.done += more


class Progress:
    """Where long work reports: `quiet` says nothing (tests). A notebook shows it below the cell,
    everything else on standard error.
    """

    def __init__(self, quiet: bool = True) -> None:
        self.quiet = quiet
        self._notebook = in_notebook()
        self._terminal = sys.stderr.isatty()
        self._console: Console | None = None

    def say(self, line: str) -> None:
        """One plain line."""
        if self.quiet:
            return
        # A notebook paints standard error red, which is for errors.
        print(line, file=sys.stdout if self._notebook else sys.stderr, flush=True)

    def step(self, entry: dict[str, Any]) -> None:
        """One line for a step that was made or found."""
        rows = ", ".join(f"{count:,} {name}" for name, count in entry["rows"].items())
        state = "found" if entry["found"] else "made "
        self.say(f"{state} {entry['step']:<24} {entry['seconds']:>7.1f} s  {rows}")

    @contextmanager
    def track(self, name: str, total: int | None = None) -> Iterator[Tick]:
        """A Tick for one piece of work: `with progress.track("reward", steps) as tick: tick(1,
        "loss 0.6")`.
        """
        if self.quiet:
            yield Tick(name, total)
        elif self._notebook:
            line = Cell(name, total)
            yield line
            line.end()
        elif self._terminal:
            with self._bar() as shown:
                yield Row(shown, name, total)
        else:
            yield Lines(self, name, total)

    def _bar(self) -> "Bar":
        """A bar with counts and the time left, gone when its work is done. All share a console:
        one may stand within another.
        """
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._console = self._console or Console(stderr=True, highlight=False)
        return Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )

    def over(self, items: Iterable[T], name: str, total: int | None = None) -> Iterator[T]:
        """Iterate with progress."""
        with self.track(name, total) as tick:
            for item in items:
                yield item
                tick()


def in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook (and not in IPython's own terminal)."""
    shell = sys.modules.get("IPython")
    return shell is not None and hasattr(shell.get_ipython(), "kernel")


class Row(Tick):
    """A Tick that moves a bar on a terminal."""

    def __init__(self, shown: "Bar", name: str, total: int | None) -> None:
        super().__init__(name, total)
        self._shown = shown
        self._task: TaskID = shown.add_task(name, total=total)

    def __call__(self, more: int = 1, note: str = "") -> None:
        super().__call__(more, note)
        described = f"{self.name} {note}".rstrip()
        self._shown.update(self._task, advance=more, description=described)


class Timed(Tick):
    """A Tick that knows about how long the rest takes, and when to speak again."""

    def __init__(self, name: str, total: int | None, every: float) -> None:
        super().__init__(name, total)
        self._every = every
        self._began = self._looked = time.monotonic()

    def due(self) -> bool:
        """Whether it is time to say something again."""
        now = time.monotonic()
        if now - self._looked < self._every:
            return False
        self._looked = now
        return True

    def words(self, note: str) -> str:
        """'rate 24/120 note, 3 min left': the rest at the pace so far."""
        of = f"/{self.total}" if self.total else ""
        line = f"{self.name} {self.done}{of} {note}".rstrip()
        if not self.total or not 0 < self.done < self.total:
            return line
        passed = time.monotonic() - self._began
        return f"{line}, {_left(passed * (self.total - self.done) / self.done)} left"


class Lines(Timed):
    """A Tick that says a plain line from time to time: for logs and pipes."""

    def __init__(self, progress: Progress, name: str, total: int | None) -> None:
        super().__init__(name, total, SELDOM)
        self._progress = progress

    def __call__(self, more: int = 1, note: str = "") -> None:
        super().__call__(more, note)
        if self.due():
            self._progress.say(f"  {self.words(note)}")


class Cell(Timed):
    """A Tick that renews one line below a notebook's cell. It needs no widgets: rich's own bar
    does.
    """

    def __init__(self, name: str, total: int | None) -> None:
        super().__init__(name, total, OFTEN)
        self._handle: Any = None
        self._note = ""

    def __call__(self, more: int = 1, note: str = "") -> None:
        super().__call__(more, note)
        self._note = note
        if self.due():
            self._show()

    def end(self) -> None:
        """The last count stays where one was shown at all."""
        if self._handle is not None:
            self._show()

    def _show(self) -> None:
        from IPython.display import display

        line = _Plain(self._drawn())
        if self._handle is None:
            self._handle = display(line, display_id=True)
        else:
            self._handle.update(line)

    def _drawn(self, width: int = 24) -> str:
        words = self.words(self._note)
        if not self.total:
            return words
        full = min(width, width * self.done // self.total)
        return f"{'━' * full}{'┄' * (width - full)} {words}"


class _Plain:
    """Plain text, in every front end."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _left(seconds: float) -> str:
    """A time that nobody should read as exact."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
