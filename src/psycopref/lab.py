"""The lab: do a stage once, ask models once."""

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ParamSpec, Protocol, Self, TypeVar, get_type_hints

from psycopref import __version__
from psycopref.errors import RecipeError, StoreError
from psycopref.models.budget import Budget
from psycopref.models.calling.answer import answer_all
from psycopref.models.entries import ModelEntry
from psycopref.processes import rank
from psycopref.progress import Progress
from psycopref.store import keys, parquet, steps
from psycopref.store.calls import Ask, Reply
from psycopref.store.ledger import Ledger
from psycopref.store.parquet import Table

P = ParamSpec("P")
Out = TypeVar("Out", covariant=True)


class Runs(Protocol[P, Out]):
    """What `Lab.do` takes: settings with a typed `run`."""

    def run(self, lab: "Lab", *args: P.args, **kwargs: P.kwargs) -> Out: ...

    @classmethod
    def known_as(cls) -> str: ...

    @classmethod
    def version(cls) -> int: ...

    @classmethod
    def together(cls) -> bool: ...

    def reads(self) -> Sequence[Path]: ...

    def stated(self) -> Sequence[str]: ...


class Lab:
    """A workspace: `steps/` (each done once), `calls.sqlite` (each call asked once), and a lock
    against a second run.

    Under `accelerate launch` (RANK over 0) a process follows the first one: it trains along where a
    stage says `together`, waits for every other step to appear, and writes nothing.
    """

    def __init__(
        self, work: Path, progress: Progress | None = None, budget: float | None = None
    ) -> None:
        self.work = work
        self.follows = rank() > 0
        self.progress = progress or Progress()
        try:
            work.mkdir(
                mode=0o700, parents=True, exist_ok=True
            )  # a folder that was there keeps its rights; what is made in it is private
            (work / "steps").mkdir(mode=0o700, exist_ok=True)
            self._lock = (work / "lock").open("a+")
        except OSError as error:
            raise steps.explain(error, work) from error
        if not self.follows:
            self._take_lock()
        self._ledger: Ledger | None = None if self.follows else Ledger(work / "calls.sqlite")
        self.budget = Budget(budget, 0.0 if self._ledger is None else self._ledger.spent())
        self.place: Path = work
        self.taken: list[dict[str, Any]] = []
        self.calls_made = 0
        self._stage = ""

    @property
    def ledger(self) -> Ledger:
        """Every call ever made here; a follower only reads it."""
        if self._ledger is None:
            self._ledger = Ledger(self.work / "calls.sqlite", read_only=True)
        return self._ledger

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.seek(0)
            pid = self._lock.read().strip() or "?"
            self._lock.close()
            raise StoreError(
                f"{self.work}: another run (process {pid}) is at work here; wait for it, or choose"
                " another --work folder"
            ) from error
        self._lock.truncate(0)
        self._lock.write(f"{os.getpid()}\n")
        self._lock.flush()

    def close(self) -> None:
        """Close the ledger and give the workspace back."""
        if self._ledger is not None:
            self._ledger.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def do(self, stage: Runs[P, Out], *args: P.args, **kwargs: P.kwargs) -> Out:
        """The output of a stage: opened where the same stage met the same input before, made and
        kept otherwise.
        """
        name = stage.known_as()
        out_type = get_type_hints(type(stage).run)["return"]
        head = head_of(stage, (*args, *kwargs.values()))
        key = steps.key_of(head)
        folder = self.work / "steps" / f"{name}-{key[:12]}"
        began = time.monotonic()
        if self.follows and not folder.is_dir():
            self._follow(
                folder, (lambda: stage.run(self, *args, **kwargs)) if stage.together() else None
            )
            found = True
        elif not folder.is_dir():
            self._make(
                folder,
                lambda: stage.run(self, *args, **kwargs),
                {**head, "key": key, "psycopref": __version__},
            )
            found = False
        else:
            found = True
        out, manifest = steps.load(folder, out_type)
        entry = {
            "stage": name,
            "step": folder.name,
            "found": found,
            "seconds": round(time.monotonic() - began, 3),
            "made_seconds": manifest["seconds"],
            "calls": manifest["calls"],
            "rows": {k: v["rows"] for k, v in manifest["outputs"].items() if v["row"]},
        }
        self.taken.append(entry)
        self.progress.step(entry)
        return out  # type: ignore[no-any-return]

    def _make(self, folder: Path, work: Callable[[], Any], manifest: dict[str, Any]) -> None:
        before, outer_place, outer_stage = self.calls_made, self.place, self._stage
        began = time.monotonic()
        try:
            self.place = steps.begin(folder)
            self._stage = manifest["stage"]
            out = work()
            calls = self.calls_made - before
            steps.finish(
                self.place,
                folder,
                out,
                {**manifest, "calls": calls, "seconds": round(time.monotonic() - began, 3)},
            )
        except OSError as error:
            raise steps.explain(error, self.place) from error
        finally:
            self.place, self._stage = outer_place, outer_stage

    def _follow(self, folder: Path, work: Callable[[], Any] | None) -> None:
        """Do this process's part of a step, if it has one, and wait until the first process has
        written it.
        """
        outer_place = self.place
        if work is not None:
            self.place = steps.begin(folder)
            work()
            self.place = outer_place
        while not folder.is_dir():
            time.sleep(0.05)

    def ask(self, asks: Iterable[Ask], models: Sequence[ModelEntry]) -> Iterator[tuple[Ask, Reply]]:
        """Each ask with its reply, from the ledger or from its model; order is not kept. Streams
        both ways.

        ModelError at the end, when everything else is answered and kept, if some calls got no
        answer or the budget left no room for them.
        """
        yield from answer_all(
            asks, models, self.ledger, self._stage, self.count, self.progress, self.budget
        )

    def refuse(self, why: str) -> None:
        """RecipeError: what a flow finds wrong before anything is trained. (A rehearsal says it,
        and goes on.)
        """
        raise RecipeError(why)

    def count(self, calls: int) -> None:
        """Add finished new calls to the tally of this run."""
        self.calls_made += calls

    @property
    def board(self) -> Path:
        """Where a tracker keeps the curves of the step under way; it stays when the step is
        finished.
        """
        return self.work / "trackers" / self.place.name.removesuffix(".part")

    def partial(self, row_type: type, name: str) -> "Table[Any] | None":
        """A table that an interrupted run of the step under way left in its `.part` folder, or
        None.
        """
        path = self.place / f"{name}.parquet"
        return parquet.read(row_type, path) if path.exists() else None


def head_of(stage: Runs[..., Any], inputs: Iterable[Any], outside: bool = True) -> dict[str, Any]:
    """What a step is known by: its stage, version, settings, and the digests of what it is given
    and reads (without `outside`, not of files outside the workspace).
    """
    digests = [_input_digest(value) for value in inputs]
    if outside:
        digests += [keys.file_digest(path) for path in stage.reads()]
    if names := stage.stated():
        digests.append(keys.digest(list(names)))
    return {
        "stage": stage.known_as(),
        "version": stage.version(),
        "settings": keys.plain(stage),
        "inputs": digests,
    }


def _input_digest(value: Any) -> str:
    """What an input is known by: rows for tables, files for weights folders, canonical JSON for the
    rest; a tuple that holds tables or folders, by what each part of it is known by.
    """
    if isinstance(value, Table):
        return value.digest
    if isinstance(value, Path):
        return steps.weights_digest(value)
    if isinstance(value, list | tuple) and value:
        if hasattr(value[0], "__dataclass_fields__"):
            return parquet.table(type(value[0]), value).digest
        if any(isinstance(part, Table | Path | list | tuple) for part in value):
            return keys.digest([_input_digest(part) for part in value])
    return keys.digest(value)
