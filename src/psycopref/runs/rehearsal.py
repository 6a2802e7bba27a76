"""`run --dry-run`: what a recipe will ask, cost and compute, before anything is asked, paid or
trained. The flow itself is walked, by a lab that asks and trains nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from psycopref.flows import dataset
from psycopref.flows.base import Done
from psycopref.lab import K, Lab, T, head_of
from psycopref.models.budget import letters, price
from psycopref.models.calling.answer import Exchange, in_rounds
from psycopref.models.entries import ModelEntry
from psycopref.needs import ANSWER, CHARS, Need, written
from psycopref.progress import Progress
from psycopref.recipes import flow_of, load_recipe
from psycopref.runs.packages import check_packages
from psycopref.runs.resources import Planned, Work, resources
from psycopref.settings import Stage
from psycopref.store import steps
from psycopref.store.calls import Ask, Reply
from psycopref.store.keys import digest

VERDICT = 60  # tokens of a judge's words on one response
PART = 256  # asks that are looked up in the ledger together


class Line(NamedTuple):
    """What one stage asks of one model: calls in all, those already kept, tokens of the rest,
    dollars (None without prices).
    """

    stage: str
    model: str
    calls: int
    kept: int
    tokens_in: int
    tokens_out: int
    dollars: float | None


class Rehearsed(NamedTuple):
    """What a recipe will take: calls by stage and model, training and sampling by section; the
    budget, dollars spent of it, and what a run would refuse. `done` is what the flow gave, much of
    it placeholders.
    """

    calls: list[Line]
    work: list[Work]
    done: Done
    budget: float | None
    spent: float
    refused: list[str]


class Rehearsal(Lab):
    """A lab that asks nobody: what the ledger has is answered from it; anything else is counted,
    and answered by a placeholder. Each call is counted once, at the stage that would make it.

    Steps that cost nothing (reading, cleaning, finding duplicates) are done and kept as ever. A
    stage that says what it would give (`Stage.rehearse`) is taken at its word, or its step opened
    where there is one; the others are made in memory.
    """

    FREE = ("collect", "clean", "dedup")

    def __init__(self, work: Path, progress: Progress) -> None:
        super().__init__(work, progress)
        self.planned: list[Planned] = []
        self.refused: list[str] = []
        self.entries: dict[str, ModelEntry] = {}
        self._now = ""
        self._items = 1
        self._tallies: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self._seen: set[str] = set()
        self._outs: dict[str, Any] = {}
        self._begun: dict[Path, Stage] = {}  # by a step's folder: what its policy started as

    def do(self, stage: Any, *args: Any, **kwargs: Any) -> Any:
        """A step that costs nothing, as ever; another one as it would be, once."""
        if stage.known_as() in self.FREE:
            return super().do(stage, *args, **kwargs)
        key = self._key(stage, args, kwargs)
        if key not in self._outs:
            planned = stage.rehearse(*args, **kwargs)
            if planned is None:
                self._outs[key] = self._in_memory(stage, args, kwargs)
            else:
                self._outs[key] = self._said(stage, args, kwargs, key, *planned)
        return self._outs[key]

    def refuse(self, why: str) -> None:
        """Said at the end, and not a reason to stop here."""
        if why not in self.refused:
            self.refused.append(why)

    def _key(self, stage: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """What a step is known by in a rehearsal: as ever, but by the names of folders that are not
        there, and without outside files (a base model may be large).
        """
        paths = [str(value) for value in args if isinstance(value, Path)]
        return digest([steps.key_of(head_of(stage, args, kwargs, outside=False)), paths])

    def _said(
        self,
        stage: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        key: str,
        out: Any,
        need: Need,
    ) -> Any:
        """The step's own output where it is there, else what the stage said of it."""
        begun = self._start(stage, args)
        self.planned.append(Planned(stage, begun, need))
        folder = self._there(stage, args, kwargs)
        if folder is not None:
            out = steps.load(folder, get_type_hints(type(stage).run)["return"])[0]
        else:
            folder = self.work / "steps" / f"{stage.known_as()}-{key[:12]}"
            paths = {
                name: value for name, value in out._asdict().items() if isinstance(value, Path)
            }
            out = out._replace(**{name: folder / value for name, value in paths.items()})
        self._begun[folder] = begun
        return out

    def _start(self, stage: Stage, args: tuple[Any, ...]) -> Stage:
        """The stage that the model began as which this one goes on from: itself without one."""
        for value in args:
            for folder in value.parents if isinstance(value, Path) else ():
                if folder in self._begun:
                    return self._begun[folder]
        return stage

    def _there(self, stage: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Path | None:
        """The folder of the step, where it was made before."""
        name = stage.known_as()
        lacking = [value for value in args if isinstance(value, Path) and not value.exists()]
        if lacking or not any((self.work / "steps").glob(f"{name}-*")):
            return None
        key = steps.key_of(head_of(stage, args, kwargs))
        folder = self.work / "steps" / f"{name}-{key[:12]}"
        return folder if folder.is_dir() else None

    def _in_memory(self, stage: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        before = self._now
        self._now = stage.known_as()
        every = "all" in (getattr(stage, "per_call", ""), getattr(stage, "items", ""))
        self._items = len(stage.instrument.items) if every else 1
        try:
            return stage.run(self, *args, **kwargs)
        finally:
            self._now = before

    def ask(self, asks: Iterable[Ask], models: Sequence[ModelEntry]) -> Iterator[tuple[Ask, Reply]]:
        """Every ask with its reply from the ledger, or counted with a placeholder: a text from a
        responder, a refusal from a judge.
        """
        self.entries |= {entry.name: entry for entry in models}
        if all(entry.kind == "recorded" for entry in models):
            yield from self._replayed(asks, models)
            return
        for part in _parts(asks, PART):
            have = self.ledger.get([ask.call_id for ask in part])
            for ask in part:
                reply = have.get(ask.call_id)
                self._count(ask, reply)
                yield ask, reply or self._placeholder(ask)

    def play(
        self,
        exchanges: Iterable[tuple[K, Exchange[T]]],
        models: Sequence[ModelEntry],
        live: int | None = None,
    ) -> Iterator[tuple[K, T]]:
        """Every exchange by the answers of `ask`."""
        return in_rounds(exchanges, lambda asks: self.ask(asks, models))

    def _replayed(
        self, asks: Iterable[Ask], models: Sequence[ModelEntry]
    ) -> Iterator[tuple[Ask, Reply]]:
        """A recording costs nothing: its answers are taken as ever."""
        for ask, reply in super().ask(asks, models):
            self._count(ask, reply)
            yield ask, reply

    def _count(self, ask: Ask, reply: Reply | None) -> None:
        if ask.call_id in self._seen:
            return
        self._seen.add(ask.call_id)
        tally = self._tallies[self._now, ask.model]
        tally[0] += 1
        if reply is not None:
            tally[1] += 1
            return
        tally[2] += round(letters(ask) / CHARS)
        tally[3] += self._answer_tokens(ask)

    def _answer_tokens(self, ask: Ask) -> int:
        shown = ask.messages[-1].content.count("<response id=")
        written = ANSWER if self._now == "respond" else VERDICT * self._items * max(1, shown)
        return min(written, ask.max_tokens or written)

    def _placeholder(self, ask: Ask) -> Reply:
        if self._now == "respond":
            return Reply(ask.call_id, "ok", written(ask.call_id))
        return Reply(ask.call_id, "refused", "")

    def lines(self) -> list[Line]:
        """What was counted, by stage and model."""
        return [
            Line(
                stage,
                model,
                calls,
                kept,
                given,
                written,
                price(self.entries[model], given, written),
            )
            for (stage, model), (calls, kept, given, written) in self._tallies.items()
        ]


def _parts(asks: Iterable[Ask], size: int) -> Iterator[list[Ask]]:
    part: list[Ask] = []
    for ask in asks:
        part.append(ask)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def rehearse(name: str, work: Path, progress: Progress) -> Rehearsed:
    """What a recipe will ask and compute in a workspace, beside what is there."""
    short, recipe = load_recipe(name)
    check_packages(short, recipe)
    with Rehearsal(work, progress) as lab:
        done = flow_of(recipe).run(recipe, lab)
        planned = resources(recipe, lab.planned)
        return Rehearsed(lab.lines(), planned, done, recipe.budget, lab.budget.spent, lab.refused)


def test_speeches(name: str, work: Path) -> int:
    """How many speeches a recipe's test split has, without asking anybody."""
    _, recipe = load_recipe(name)
    with Rehearsal(work, Progress(quiet=True)) as lab:
        return len(dataset.built(recipe.dataset, lab).test())
