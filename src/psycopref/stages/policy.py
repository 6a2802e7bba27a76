"""Responses or preferences to a policy: supervised training, or DPO from where a policy stands."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field

from psycopref.errors import TrainError
from psycopref.lab import Lab
from psycopref.needs import Need
from psycopref.nets.start import Size
from psycopref.processes import rank
from psycopref.settings import Settings
from psycopref.tables import Point, Preference, Response, Speech, Split
from psycopref.train.settings import Training

if TYPE_CHECKING:
    from psycopref.nets.weights import Loaded
    from psycopref.train.examples import Found
    from psycopref.train.loop import Task
    from psycopref.train.losses import Outcome, Values


class Trained(NamedTuple):
    """A weights folder, how training went, and the folder of its snapshots: weights folders `1`,
    `2` ... (empty where none were asked for).
    """

    weights: Path
    curve: Sequence[Point]
    snapshots: Path


class SizedStart(Settings):
    """Where the policies of one size of an ablation start: what differs from [training.start]."""

    base: str = ""
    size: Size = Size()


class Policy(Training):
    """Paper, section 4.2: `sft` on the responses of `split`, or `dpo` on its preferences with
    `beta` (and `anchor`, 0 in the paper).

    Other objectives on preferences, each in `train/losses.py` with its source: `cdpo` (with
    `smoothing`), `ipo`, `kto`, and without a reference `simpo` (with `gamma`) and `orpo` (`beta` is
    its lambda). `base` trains nothing: it writes the `base` model out as a start.

    Starts from `start` where one is given, else from `base` (a hub id or folder), else from a fresh
    small Llama of `size` whose tokenizer is learnt from the speeches and responses of `split`
    alone. Supervised training shows half of the responses with a word target, so that a length can
    be asked for later.
    """

    objective: Literal["base", "sft", "dpo", "cdpo", "ipo", "simpo", "orpo", "kto"] = "dpo"
    split: Split = "train"
    dev: Split = "dev"
    beta: float = Field(default=0.1, gt=0)
    anchor: float = Field(default=0.0, ge=0)
    smoothing: float = Field(default=0.1, ge=0, lt=0.5)
    gamma: float = Field(default=0.5, ge=0)

    @classmethod
    def version(cls) -> int:
        """2: packed rows; sums in another order. 3: grouped heads are not copied; so too."""
        return 3

    def run(
        self,
        lab: Lab,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        preferences: Sequence[Preference],
        start: Path | None,
        reference: Path | None = None,
    ) -> Trained:
        """Train and write `lab.place / "weights"`; TrainError where there is nothing to learn from
        or the loss is not a number.

        Log-ratios are taken against `reference` where one is given (a folder with the same
        tokenizer), else against where training starts.
        """
        from psycopref.nets import weights
        from psycopref.train import adapters, examples, loop

        if self.objective == "base" and rank():
            return Trained(
                lab.place / "weights", [], lab.place / "snapshots"
            )  # the first process writes it out alone
        loaded = self._model(speeches, responses, start)
        if self.objective == "base":
            made = weights.save(
                loaded,
                lab.place / "weights",
                "policy",
                self,
                {"objective": "none: the base model as it is"},
            )
            return Trained(made, [], _folder(lab.place))
        weights.set_dropout(loaded.model, self.dropout)
        task = self._task()
        against = self._reference(loaded, reference)
        found, dev = (
            self._items(loaded, against, task, split, speeches, responses, preferences, lab.place)
            for split in (self.split, self.dev)
        )
        del against
        adapters.attach(loaded.model, self)
        curve = loop.train(
            loaded.model,
            task,
            found.items,
            dev.items,
            self,
            lab.place / "checkpoint",
            lab.progress,
            lab.board,
        )
        facts: dict[str, object] = {
            "objective": self.objective,
            "examples": len(found.items),
            "examples too long": found.too_long,
        }
        points = [
            examples.left_out("too_long", found),
            examples.left_out("dev_too_long", dev),
            *curve,
        ]
        full = self.model_copy(update={"quantise": ""})
        made = self._written(
            lab.place, loaded, facts, lambda: full._model(speeches, responses, start).model
        )
        return Trained(made, points, _folder(lab.place))

    def _written(
        self, place: Path, loaded: "Loaded", facts: dict[str, object], whole: Callable[[], Any]
    ) -> Path:
        """The weights that training ended with, written out; then its snapshots, in `loaded`'s
        place.
        """
        from psycopref.nets import weights
        from psycopref.train import adapters, loop

        made = weights.save(
            loaded._replace(model=adapters.finished(loaded.model, self, whole)),
            place / "weights",
            "policy",
            self,
            facts,
        )
        for number in range(1, self.snapshots + 1):
            model = adapters.finished(
                loaded.model, self, whole, loop.snapshot(place / "checkpoint", number)
            )
            said = {**facts, "snapshot": f"{number} of {self.snapshots}"}
            weights.save(
                loaded._replace(model=model), _folder(place) / str(number), "policy", self, said
            )
        return made

    def _model(
        self, speeches: Sequence[Speech], responses: Sequence[Response], start: Path | None
    ) -> "Loaded":
        from psycopref.nets import weights
        from psycopref.train import examples

        if start is not None or self.base:
            return weights.load_policy(
                start or self.base, None if self.objective == "base" else self
            )
        if self.objective != "sft":
            raise TrainError(
                f"policy: {self.objective} has nothing to start from; give `start` or `base`, or"
                ' train with objective = "sft" first'
            )
        texts = examples.texts(speeches, responses, self.split)
        if not texts:
            raise TrainError(
                f"policy: no text in split {self.split!r} to learn a tokenizer from; check the"
                " splits, or give `base`"
            )
        return weights.fresh_policy(texts, self.size, self.seed)

    def _task(self) -> "Task":
        from psycopref.nets import forward
        from psycopref.train import loop, losses

        match self.objective:
            case "base" | "sft":
                objective: Callable[[Values], Outcome] = losses.sft
            case "dpo":
                objective = partial(losses.dpo, beta=self.beta, anchor=self.anchor)
            case "cdpo":
                objective = partial(losses.cdpo, beta=self.beta, smoothing=self.smoothing)
            case "ipo":
                objective = partial(losses.ipo, beta=self.beta)
            case "simpo":
                objective = partial(losses.simpo, beta=self.beta, gamma=self.gamma)
            case "orpo":
                objective = partial(losses.orpo, beta=self.beta)
            case "kto":
                objective = partial(losses.kto, beta=self.beta)
        return loop.Task(self.objective, forward.logps, objective)

    def _reference(self, loaded: "Loaded", reference: Path | None) -> Any:
        """The model that log-ratios are taken against."""
        from psycopref.nets import weights

        if reference is None:
            return loaded.model
        other = weights.load_policy(
            reference, self
        )  # quantised as the policy is: a log-ratio holds no rounding
        if other.tokenizer.get_vocab() != loaded.tokenizer.get_vocab():
            raise TrainError(
                f"policy: the reference {reference.parent.name} has another tokenizer than the"
                " policy; give one that it descends from"
            )
        return other.model

    def _items(
        self,
        loaded: "Loaded",
        against: Any,
        task: "Task",
        split: Split,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        preferences: Sequence[Preference],
        place: Path,
    ) -> "Found":
        """What to learn from in a split ('' for none), with the reference's log-probabilities where
        the objective has a reference.
        """
        from psycopref.train import examples, loop

        if not split:
            return examples.Found([], 0)
        if self.objective == "sft":
            return examples.answers(loaded.tokenizer, speeches, responses, split, self.max_length)
        found = examples.pairs(
            loaded.tokenizer, speeches, responses, preferences, split, self.max_length
        )
        if self.objective in ("simpo", "orpo"):
            return found
        if self.objective == "kto":
            found = found._replace(items=examples.with_others(found.items, split))
        return found._replace(
            items=loop.reference(
                against, task.measure, found.items, self, place / "reference" / f"{split}.pt"
            )
        )

    def rehearse(
        self,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        preferences: Sequence[Preference],
        start: Path | None,
        reference: Path | None = None,
    ) -> tuple[Trained, Need]:
        """The pairs (or answers) of the split, in so many steps; `base` takes none."""
        from psycopref.train.estimate import learning

        made = Trained(Path("weights"), [], Path("snapshots"))
        if self.objective == "base":
            return made, Need()
        if self.objective == "sft":
            own = {row.speech_id for row in speeches if row.split == self.split}
            answers = sum(row.speech_id in own for row in responses)
            return made, learning(self, answers, speeches, answers=1)
        pairs = sum(row.split == self.split for row in preferences)
        against = self.objective not in ("simpo", "orpo")
        return made, learning(self, pairs, speeches)._replace(reference=against)


def _folder(place: Path) -> Path:
    """Where snapshots go; the first process makes it (what follows it may be late, when the step
    has its last name already).
    """
    folder = place / "snapshots"
    if not rank():
        folder.mkdir(exist_ok=True)
    return folder
