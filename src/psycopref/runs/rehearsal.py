"""`run --dry-run`: what a recipe will ask, cost and compute, before anything is asked, paid or
trained.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table as View

from psycopref.flows import dataset, judges, rewards
from psycopref.flows.dataset import Built
from psycopref.flows.rounds import NO_RESPONSES, too_few
from psycopref.lab import K, Lab, T
from psycopref.models.budget import letters, price
from psycopref.models.calling.answer import Exchange, in_rounds
from psycopref.models.entries import ModelEntry
from psycopref.progress import Progress
from psycopref.recipes import JudgesRecipe, PaperRecipe, Training, load_recipe
from psycopref.runs import resources
from psycopref.runs.resources import ANSWER, CHARS, Work
from psycopref.stages.rejudge import Rejudge, Rejudged
from psycopref.store.calls import Ask, Reply
from psycopref.store.keys import digest
from psycopref.tables import Rating, Response, Speech

WRITTEN = "word " * round(ANSWER * CHARS / 5)  # stands for a response
VERDICT = 60  # tokens of a judge's words on one response


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


class Rehearsal(Lab):
    """A lab that asks nobody: what the ledger has is answered from it; anything else is counted,
    and answered by a placeholder.

    Steps that cost nothing (reading, cleaning, finding duplicates) are done and kept as ever; the
    others are made in memory.
    """

    FREE = ("collect", "clean", "dedup")

    def __init__(self, work: Path, progress: Progress) -> None:
        super().__init__(work, progress)
        self.now, self._items = "", 1
        self.known: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self.entries: dict[str, ModelEntry] = {}

    def do(self, stage: Any, *args: Any, **kwargs: Any) -> Any:
        """A step that is there or costs nothing, as ever; another one made in memory."""
        name = stage.known_as()
        if name in self.FREE:
            return super().do(stage, *args, **kwargs)
        if isinstance(stage, Rejudge):
            return Rejudged([])  # there is nothing to compare yet
        before, self.now = self.now, name
        self._items = (
            len(stage.instrument.items)
            if "all" in (getattr(stage, "per_call", ""), getattr(stage, "items", ""))
            else 1
        )
        try:
            return stage.run(self, *args, **kwargs)
        finally:
            self.now = before

    def ask(self, asks: Iterable[Ask], models: Sequence[ModelEntry]) -> Iterator[tuple[Ask, Reply]]:
        """Every ask with its reply from the ledger, or counted with a placeholder: a text from a
        responder, a refusal from a judge.
        """
        self.entries |= {entry.name: entry for entry in models}
        if all(entry.kind == "recorded" for entry in models):
            yield from self._replayed(asks, models)
            return
        seen: set[str] = set()
        for part in _parts(asks, 256):
            have = self.ledger.get([ask.call_id for ask in part])
            for ask in part:
                first = ask.call_id not in seen
                seen.add(ask.call_id)
                reply = have.get(ask.call_id)
                if first:
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
        tally = self.known[self.now, ask.model]
        tally[0] += 1
        if reply is not None:
            tally[1] += 1
            return
        tally[2] += round(letters(ask) / CHARS)
        tally[3] += self._answer_tokens(ask)

    def _answer_tokens(self, ask: Ask) -> int:
        written = (
            ANSWER
            if self.now in ("respond", "draft")
            else VERDICT * self._items * max(1, ask.messages[-1].content.count("<response id="))
        )
        return min(written, ask.max_tokens or written)

    def _placeholder(self, ask: Ask) -> Reply:
        if self.now == "respond":
            return Reply(ask.call_id, "ok", f"{ask.call_id} {WRITTEN}")
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
            for (stage, model), (calls, kept, given, written) in self.known.items()
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


def dry_run(name: str, work: Path, progress: Progress) -> list[Line]:
    """Print what a recipe will ask and compute; gives the lines of calls."""
    _, recipe = load_recipe(name)
    with Rehearsal(work, progress) as lab:
        built = (
            judges.run(recipe, lab)
            if isinstance(recipe, JudgesRecipe)
            else dataset.run(recipe.dataset, lab)
        )
        if isinstance(recipe, PaperRecipe):
            _opponent(recipe, lab, built)
        lines, spent = lab.lines(), lab.budget.spent
    _say_calls(lines, built)
    _say_budget(recipe.budget, spent, lines)
    if isinstance(recipe, PaperRecipe):
        _say_training(resources.training(recipe, built))
        if short := too_few(recipe.training, built.speeches, apart=bool(recipe.sizes)):
            print(f"WARNING: {short}")
    return lines


def test_speeches(name: str, work: Path) -> int:
    """How many speeches a recipe's test split has, without asking anybody."""
    _, recipe = load_recipe(name)
    with Rehearsal(work, Progress(quiet=True)) as lab:
        built = (
            judges.run(recipe, lab)
            if isinstance(recipe, JudgesRecipe)
            else dataset.run(recipe.dataset, lab)
        )
    return sum(speech.split == "test" for speech in built.speeches)


def _opponent(recipe: PaperRecipe, lab: Rehearsal, built: Built) -> None:
    """The opponent's answers, and the judge's comparisons: both orders of every arm (or
    checkpoint), null opponent and ranked pair.
    """
    training = recipe.training
    test = [speech for speech in built.speeches if speech.split == "test"]
    pairs = {
        row.preference_id: row
        for row in (*built.preferences, *built.measure)
        if row.split == "test"
    }
    for ranker in training.rankers.values():
        lab.do(ranker, built.speeches, built.responses, list(pairs.values()))
    _more_tests(training, lab, built)
    rival = _once(lab.do(training.opponent, test, NO_RESPONSES).responses)
    if training.evaluate.judge is None:
        return
    states = 1 + (training.start is not None) + (training.rounds > 0)
    arms = len(recipe.sizes) * (2 * training.rounds + 2) if recipe.sizes else 3 if states > 1 else 2
    if training.systems == "each" and not recipe.sizes:
        arms += states - 1
    ratings: Sequence[Rating] = ()
    for arm in range(arms):
        once = {"repeats": 0.0} if arm or recipe.sizes else {}
        lab.do(
            training.evaluate.model_copy(update=once),
            test,
            _written(test, f"arm {arm}"),
            rival,
            ratings,
        )
    if not recipe.sizes:
        answers = lab.do(training.nulls, test, built.responses, rival).responses
        for kind in training.nulls.kinds:
            ours = [row for row in answers if row.model == f"null:{kind}"]
            lab.do(
                training.evaluate.model_copy(update={"repeats": 0.0}), test, ours, rival, ratings
            )


def _more_tests(training: Training, lab: Rehearsal, built: Built) -> None:
    """The rankers on the sets of [training.tests]; pairs that the reward model would be unable to
    read to their end are counted too.
    """
    for name in training.tests:
        found = rewards.read(training, lab, name)
        pairs, _ = rewards.usable(built, found, {row.response_id for row in found.responses})
        for ranker in training.rankers.values():
            lab.do(ranker, pairs.speeches, pairs.responses, pairs.preferences)


def _written(test: Sequence[Speech], by: str) -> list[Response]:
    """Placeholders of a policy's answers."""
    return [
        Response(
            digest([by, speech.speech_id]),
            speech.speech_id,
            by,
            f"{by} {speech.speech_id} {WRITTEN}",
        )
        for speech in test
    ]


def _once(rival: Sequence[Response]) -> list[Response]:
    """One answer a speech, as the comparison asks for."""
    return list({row.speech_id: row for row in rival}.values())


def _say_calls(lines: Sequence[Line], built: Built) -> None:
    view = View(title="calls", title_justify="left")
    for head in (
        "stage",
        "model",
        "calls",
        "kept",
        "to make",
        "tokens in",
        "tokens out",
        "dollars",
    ):
        view.add_column(
            head, justify="left" if head in ("stage", "model") else "right", overflow="fold"
        )
    for one in lines:
        cost = "no price" if one.dollars is None else f"{one.dollars:,.2f}"
        view.add_row(
            one.stage,
            one.model,
            *(
                f"{n:,}"
                for n in (one.calls, one.kept, one.calls - one.kept, one.tokens_in, one.tokens_out)
            ),
            cost,
        )
    _print(view)
    unknown = sorted({one.model for one in lines if one.dollars is None})
    total = sum(one.dollars or 0.0 for one in lines)
    said = (
        f"{sum(one.calls - one.kept for one in lines):,} calls to make for {len(built.speeches):,}"
        f" speeches; about {total:,.2f} dollars"
    )
    print(
        said
        + (
            f" and what {len(unknown)} models without a price cost (price_in, price_out in the"
            " pool)"
            if unknown
            else ""
        )
    )
    print(
        f"assumed: {CHARS:g} characters a token, {ANSWER} tokens a response not written yet,"
        f" {VERDICT} a judgement of one; no re-asks; no prefix-cache discount"
    )


def _say_budget(budget: float | None, spent: float, lines: Sequence[Line]) -> None:
    """Whether the recipe's budget will do."""
    if budget is None:
        return
    short = spent + sum(one.dollars or 0.0 for one in lines) - budget
    said = (
        f"about {short:,.2f} too little: the run would stop there with everything kept"
        if short > 0
        else "enough"
    )
    print(
        f"budget: {budget:,.2f} dollars, of which {spent:,.2f} are spent in this workspace; {said}"
    )


def _say_training(work: Sequence[Work]) -> None:
    view = View(title="training and sampling", title_justify="left")
    for head in (
        "section",
        "model",
        "parameters",
        "examples",
        "steps",
        "tokens",
        "memory",
        "GPUs of 80 GB",
        "hours",
    ):
        view.add_column(
            head, justify="left" if head in ("section", "model") else "right", overflow="fold"
        )
    for one in work:
        view.add_row(*one.cells())
    _print(view)
    print(resources.ASSUMED)


def _print(view: View) -> None:
    """A table, in a pipe or a file as wide as it wants to be."""
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(view)
