"""The lab: do a stage once, ask models once."""

import errno
import fcntl
import inspect
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ParamSpec, Protocol, Self, TextIO, TypeVar, get_type_hints

from psycopref import __version__
from psycopref.errors import RecipeError, StoreError
from psycopref.models.budget import Budget
from psycopref.models.calling.answer import Exchange, answer_all, play, room
from psycopref.models.calling.requests import Requests
from psycopref.models.entries import ModelEntry
from psycopref.processes import rank
from psycopref.progress import Progress
from psycopref.store import forgotten, keys, parquet, rights, secret, steps
from psycopref.store.calls import Ask, Reply
from psycopref.store.ledger import Ledger
from psycopref.store.parquet import Table

P = ParamSpec("P")
Out = TypeVar("Out", covariant=True)
K = TypeVar("K")
T = TypeVar("T")


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

    @classmethod
    def unnamed(cls) -> Sequence[str]: ...


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
            # a folder that was there keeps its rights; what is made in it is private
            work.mkdir(mode=0o700, parents=True, exist_ok=True)
            (work / "steps").mkdir(mode=0o700, exist_ok=True)
            rights.settle_alone(work / "steps", rights.of(work))
            self._lock = _opened_lock(work / "lock")
        except OSError as error:
            raise steps.explain(error, work) from error
        if not self.follows:
            self._take_lock()
            secret.prepare(work)
        self._ledger: Ledger | None = None if self.follows else Ledger(work / "calls.sqlite")
        for name in ("lock", "key", "calls.sqlite"):
            self._open_to_group(work / name)
        self.budget = Budget(budget, 0.0 if self._ledger is None else self._ledger.spent())
        self.place: Path = work
        self.taken: list[dict[str, Any]] = []
        self.calls_made = 0
        self._stage = ""

    def _open_to_group(self, path: Path) -> None:
        """A file of its own making, with the rights that a shared workspace gives its group."""
        given = rights.of(self.work)
        mine = not self.follows and path.is_file() and path.stat().st_uid == os.getuid()
        if path.name == "key" and not given.files & 0o020:
            return  # who only reads needs no secret
        if mine and given != rights.PRIVATE:
            path.chmod(given.files)

    @cached_property
    def key(self) -> bytes:
        """The workspace's secret, which ids of groups are made with; none in an old workspace."""
        return secret.load(self.work)

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

        The row type of each table on disk is read from the type hints: `run` is annotated with a
        NamedTuple, whose fields are `Sequence[Row]` or `Path`. A caller sees that same type, since
        `Out` is bound by `run`; what is opened again is built from it, so the annotation must say
        the very class that `run` returns. A stage whose `run` has no such annotation is a KeyError
        here, before anything is made.
        """
        name = stage.known_as()
        out_type = get_type_hints(type(stage).run)["return"]
        head = head_of(stage, args, kwargs)
        key = steps.key_of(head)
        folder = self.work / "steps" / f"{name}-{key[:12]}"
        began = time.monotonic()
        found = self.follows or folder.is_dir()

        def work() -> Out:
            return stage.run(self, *args, **kwargs)

        if not found:
            self._make(folder, work, {**head, "key": key, "psycopref": __version__})
        elif not folder.is_dir():
            self._follow(folder, work if stage.together() else None)
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
        if stage.reads() and (line := self._forgotten(out, manifest)):
            self.progress.say(line)
        return out  # type: ignore[no-any-return]

    def _forgotten(self, out: Any, manifest: dict[str, Any]) -> str:
        """What is to be said where a source has a speech that was forgotten here."""
        return forgotten.said(self.work, manifest, getattr(out, "speeches", None))

    def _make(self, folder: Path, work: Callable[[], Any], manifest: dict[str, Any]) -> None:
        before = self.calls_made
        outer_place = self.place
        outer_stage = self._stage
        began = time.monotonic()
        try:
            self.place = steps.begin(folder)
            self._stage = manifest["stage"]
            out = work()
            calls = self.calls_made - before
            seconds = round(time.monotonic() - began, 3)
            manifest = {**manifest, "calls": calls, "seconds": seconds}
            steps.finish(self.place, folder, out, manifest)
        except Exception as error:
            if (refused := steps.os_error(error)) is None:
                raise
            raise steps.explain(refused, self.place) from error
        finally:
            self.place = outer_place
            self._stage = outer_stage

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
        yield from answer_all(asks, self._requests(models))

    def play(
        self,
        exchanges: Iterable[tuple[K, Exchange[T]]],
        models: Sequence[ModelEntry],
        live: int | None = None,
    ) -> Iterator[tuple[K, T]]:
        """Each exchange's key and what it returned, in the order in which they end.

        An exchange is a generator that yields an Ask, is sent its Reply, and so on to its return
        value; each advances at its own pace, and those that ask the same share one call. They are
        taken from `exchanges` as models have room, and at most `live` of them are under way at
        once (None: as many as keep every model at work, and 10,000 at least).

        ModelError as with `ask`, ValueError where `live` is no more than the sum of the models'
        concurrencies. What an exchange raises is raised here, and what was answered is kept.
        """
        yield from play(exchanges, self._requests(models), room(models, live))

    def _requests(self, models: Sequence[ModelEntry]) -> Requests:
        return Requests(models, self.ledger, self._stage, self.count, self.progress, self.budget)

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


def _opened_lock(path: Path) -> TextIO:
    """The lock, open; a link is refused, since what it leads to would be written over."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise StoreError(
            f"{path}: is a link, and a lock is a file of the workspace; remove it and run again"
            " (what it leads to was not touched)"
        ) from error
    return os.fdopen(handle, "a+", encoding="ascii", errors="replace")


def head_of(
    stage: Runs[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], outside: bool = True
) -> dict[str, Any]:
    """What a step is known by: its stage, version, settings, and the digests of what it is given
    and reads (without `outside`, not of files outside the workspace).
    """
    digests = _inputs(stage, args, kwargs)
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


def _inputs(stage: Runs[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[str]:
    """The digests of what a stage is given.

    By position, and a keyword that only says the name of the next position counts as such. Behind
    a parameter that was left out, the name is part of the digest: two optional inputs of like type
    must not be taken for one another.
    """
    digests = [_input_digest(value) for value in args]
    names = list(inspect.signature(stage.run).parameters)[1 + len(args) :]  # without the lab
    left = dict(kwargs)
    for name in names:
        if name not in left:
            break
        digests.append(_input_digest(left.pop(name)))
    for name in sorted(left):
        value = _input_digest(left[name])
        digests.append(value if name in stage.unnamed() else keys.digest([name, value]))
    return digests


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
