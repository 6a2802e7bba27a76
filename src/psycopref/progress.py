"""Progress: a rich bar on a terminal, plain lines elsewhere. Never any text of a speech or a
response.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

T = TypeVar("T")


class Tick:
    """Counts the units of one long piece of work; call it with how many are done and a short
    note.
    """

    def __init__(self, progress: "Progress", name: str, total: int | None, bar: Bar | None) -> None:
        self._progress, self._name, self._total, self._bar = progress, name, total, bar
        self._task = bar.add_task(name, total=total) if bar else None
        self._done, self._said = 0, time.monotonic()

    def __call__(self, more: int = 1, note: str = "") -> None:
        self._done += more
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=more, description=f"{self._name} {note}".rstrip())
        elif time.monotonic() - self._said > 10:
            self._said = time.monotonic()
            of = f"/{self._total}" if self._total else ""
            self._progress.say(f"  {self._name} {self._done}{of} {note}".rstrip())


class Progress:
    """Where long work reports: `quiet` says nothing (tests), otherwise standard error."""

    def __init__(self, quiet: bool = True) -> None:
        self.quiet = quiet
        self.console = Console(stderr=True, highlight=False)

    def say(self, line: str) -> None:
        """One plain line."""
        if not self.quiet:
            (
                self.console.print(line, markup=False)
                if self.console.is_terminal
                else print(line, file=sys.stderr, flush=True)
            )

    def step(self, entry: dict[str, Any]) -> None:
        """One line for a step that was made or found."""
        rows = ", ".join(f"{count:,} {name}" for name, count in entry["rows"].items())
        self.say(
            f"{'found' if entry['found'] else 'made '} {entry['step']:<24} {entry['seconds']:>7.1f}"
            f" s  {rows}"
        )

    @contextmanager
    def track(self, name: str, total: int | None = None) -> Iterator[Tick]:
        """A Tick for one piece of work: `with progress.track("reward", steps) as tick: tick(1,
        "loss 0.6")`.
        """
        if self.quiet or not self.console.is_terminal:
            yield Tick(self, name, total, None)
            return
        with Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        ) as bar:
            yield Tick(self, name, total, bar)

    def over(self, items: Iterable[T], name: str, total: int | None = None) -> Iterator[T]:
        """Iterate with progress."""
        with self.track(name, total) as tick:
            for item in items:
                yield item
                tick()
