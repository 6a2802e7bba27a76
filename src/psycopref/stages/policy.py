"""Responses or preferences to a policy: supervised training, or DPO from where a policy stands."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from psycopref.errors import TrainError
from psycopref.lab import Lab
from psycopref.needs import Need
from psycopref.nets.start import Size
from psycopref.processes import rank
from psycopref.settings import Settings
from psycopref.tables import Point, Preference, Response, Speech, Split
from psycopref.train.objectives import OBJECTIVES, Name, Objective
from psycopref.train.settings import Training

if TYPE_CHECKING:
    from psycopref.nets.forward import Measure
    from psycopref.nets.weights import Loaded
    from psycopref.train.examples import Found


class Trained(NamedTuple):
    """A weights folder, how training went, and the folder of its snapshots: weights folders `1`,
    `2` ... (empty where none were asked for).
    """

    weights: Path
    curve: Sequence[Point]
    snapshots: Path


class Tables(NamedTuple):
    """What a policy is trained on."""

    speeches: Sequence[Speech]
    responses: Sequence[Response]
    preferences: Sequence[Preference]


class SizedStart(Settings):
    """Where the policies of one size of an ablation start: what differs from [training.start]."""

    base: str = ""
    size: Size = Size()


class Policy(Training):
    """Paper, section 4.2: `sft` on the responses of `split`, or `dpo` on its preferences; the other
    objectives are in `train/objectives.py`, each with its source in `train/losses.py`.

    Starts from `start` where one is given, else from `base` (a hub id or folder), else from a fresh
    small Llama of `size` whose tokenizer is learnt from the speeches and responses of `split`
    alone. Supervised training shows half of the responses with a word target, so that a length can
    be asked for later.
    """

    objective: Name = Field(default="dpo", description="What is learnt from what.")
    split: Split = Field(default="train", description="Split of the speeches trained on.")
    dev: Split = Field(default="dev", description="Split looked at meanwhile; '' for none.")
    beta: float = Field(
        default=0.1,
        gt=0,
        description="How much a log-ratio counts: large keeps the policy near the reference.",
    )
    anchor: float = Field(
        default=0.0,
        ge=0,
        description="`dpo`: that many times the chosen response's mean negative log-probability is"
        " added; 0 in the paper.",
    )
    smoothing: float = Field(
        default=0.1,
        ge=0,
        lt=0.5,
        description="`cdpo`: share of the preferences taken to be the wrong way round.",
    )
    gamma: float = Field(
        default=0.5, ge=0, description="`simpo`: by how much the chosen response must lead."
    )

    @classmethod
    def version(cls) -> int:
        """3, since packed rows with grouped heads add up in another order."""
        return 3

    @property
    def learns(self) -> Objective:
        """What the objective needs."""
        return OBJECTIVES[self.objective]

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
        tables = Tables(speeches, responses, preferences)
        if not self.learns.rows:
            return self._as_it_is(lab.place, tables, start)
        from psycopref.nets import forward, weights
        from psycopref.train import adapters, examples, loop

        loaded = self._model(tables, start)
        weights.set_dropout(loaded.model, self.dropout)
        task = loop.Task(self.objective, forward.logps, self.learns.of(self))
        against = self._reference(loaded, reference)
        found = self._items(loaded, against, task.measure, self.split, tables, lab.place)
        dev = self._items(loaded, against, task.measure, self.dev, tables, lab.place)
        if said := examples.warning(found, dev, self.max_length):
            lab.progress.say(said)
        # a reference of its own is as large as the policy: it goes before training starts
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
        left_out = [
            examples.left_out("too_long", found),
            examples.left_out("dev_too_long", dev),
        ]
        facts = {
            "objective": self.objective,
            "examples": len(found.items),
            "examples too long": found.too_long,
        }
        full = self.model_copy(update={"quantise": ""})
        made = self._written(lab.place, loaded, facts, lambda: full._model(tables, start).model)
        return Trained(made, [*left_out, *curve], _folder(lab.place))

    def _as_it_is(self, place: Path, tables: Tables, start: Path | None) -> Trained:
        """The base model written out; of several processes the first does it alone."""
        from psycopref.nets import weights

        if rank():
            return Trained(place / "weights", [], place / "snapshots")
        facts: dict[str, object] = {"objective": "none: the base model as it is"}
        loaded = self._model(tables, start)
        made = weights.save(loaded, place / "weights", "policy", self, facts)
        return Trained(made, [], _folder(place))

    def _written(
        self, place: Path, loaded: "Loaded", facts: dict[str, object], whole: Callable[[], Any]
    ) -> Path:
        """The weights that training ended with, written out; then its snapshots, in `loaded`'s
        place.
        """
        from psycopref.nets import weights
        from psycopref.train import adapters, checkpoints

        ended = loaded._replace(model=adapters.finished(loaded.model, self, whole))
        made = weights.save(ended, place / "weights", "policy", self, facts)
        for number in range(1, self.snapshots + 1):
            kept = checkpoints.snapshot(place / "checkpoint", number)
            state = loaded._replace(model=adapters.finished(loaded.model, self, whole, kept))
            said = {**facts, "snapshot": f"{number} of {self.snapshots}"}
            weights.save(state, _folder(place) / str(number), "policy", self, said)
        return made

    def _model(self, tables: Tables, start: Path | None) -> "Loaded":
        """The model that training starts from."""
        from psycopref.nets import weights
        from psycopref.train import examples

        if start is not None or self.base:
            # what is only written out is written whole
            plan = self if self.learns.rows else None
            return weights.load_policy(start or self.base, plan)
        if self.learns.rows != 1:
            raise TrainError(
                f"policy: {self.objective} has nothing to start from; give `start` or `base`, or"
                ' train with objective = "sft" first'
            )
        texts = examples.texts(tables.speeches, tables.responses, self.split)
        if not texts:
            raise TrainError(
                f"policy: no text in split {self.split!r} to learn a tokenizer from; check the"
                " splits, or give `base`"
            )
        return weights.fresh_policy(texts, self.size, self.seed)

    def _reference(self, loaded: "Loaded", reference: Path | None) -> Any:
        """The model that log-ratios are taken against."""
        from psycopref.nets import weights

        if reference is None:
            return loaded.model
        # quantised as the policy is: a log-ratio holds no rounding
        other = weights.load_policy(reference, self)
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
        measure: "Measure",
        split: Split,
        tables: Tables,
        place: Path,
    ) -> "Found":
        """What to learn from in a split ('' for none), with the reference's log-probabilities where
        the objective has a reference.
        """
        from psycopref.train import examples
        from psycopref.train.reference import with_reference

        tokenizer, longest = loaded.tokenizer, self.max_length
        if self.learns.rows == 1:
            texts = (tables.speeches, tables.responses)
            return examples.answers(tokenizer, *texts, split, longest)
        found = examples.pairs(tokenizer, *tables, split, longest)
        items = found.items
        if not items:
            return found
        if self.learns.shift:
            items = examples.with_others(items, split)
        if self.learns.reference:
            kept = place / "reference" / f"{split}.pt"
            items = with_reference(against, measure, items, self, kept)
        return found._replace(items=items)

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
        if not self.learns.rows:
            return made, Need()
        examples = sum(row.split == self.split for row in preferences)
        if self.learns.rows == 1:
            own = {row.speech_id for row in speeches if row.split == self.split}
            examples = sum(row.speech_id in own for row in responses)
        return made, learning(self, self.learns, examples, speeches)


def _folder(place: Path) -> Path:
    """Where snapshots go; the first process makes it (what follows it may be late, when the step
    has its last name already).
    """
    folder = place / "snapshots"
    if not rank():
        folder.mkdir(exist_ok=True)
    return folder
