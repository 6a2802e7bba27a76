"""Preferences to a reward model: Bradley-Terry on pairs, written as a sequence classifier with one
label.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from psycopref.errors import TrainError
from psycopref.lab import Lab
from psycopref.needs import Need
from psycopref.tables import Point, Preference, Response, Speech, Split
from psycopref.train.settings import Training

if TYPE_CHECKING:
    from psycopref.nets.weights import Loaded
    from psycopref.train.examples import Found


class Rewarded(NamedTuple):
    """A weights folder and how training went."""

    weights: Path
    curve: Sequence[Point]


class Reward(Training):
    """Paper, section 4.1. Trains on the preferences of `split`, looks at those of `dev` ('' for
    none).

    The backbone comes from `start` (a policy's folder) where one is given, else from `base` (a hub
    id or folder), else it is a fresh small Llama of `size` whose tokenizer is learnt from the
    speeches and responses of `split` alone. `margin` asks for a lead that grows with the gap of the
    ratings, `centre` keeps rewards around 0 (both 0 in the paper).
    """

    split: Split = "train"
    dev: Split = "dev"
    margin: float = Field(default=0.0, ge=0)
    centre: float = Field(default=0.0, ge=0)

    @classmethod
    def version(cls) -> int:
        """2: packed rows; sums in another order. 3: the last layer at the tokens that are read; so
        too.
        """
        return 3

    def run(
        self,
        lab: Lab,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        preferences: Sequence[Preference],
        start: Path | None,
    ) -> Rewarded:
        """Train and write `lab.place / "weights"`; TrainError where no pair is to be had or the
        loss is not a number.
        """
        from psycopref.nets import forward, weights
        from psycopref.train import adapters, examples, loop, losses

        loaded = self._model(speeches, responses, start)
        weights.set_dropout(loaded.model, self.dropout)
        adapters.attach(loaded.model, self)
        found = examples.pairs(
            loaded.tokenizer, speeches, responses, preferences, self.split, self.max_length
        )
        dev = (
            examples.pairs(
                loaded.tokenizer, speeches, responses, preferences, self.dev, self.max_length
            )
            if self.dev
            else None
        )
        task = loop.Task(
            "reward",
            forward.rewards,
            partial(losses.bradley_terry, margin=self.margin, centre=self.centre),
        )
        curve = loop.train(
            loaded.model,
            task,
            found.items,
            dev.items if dev else [],
            self,
            lab.place / "checkpoint",
            lab.progress,
            lab.board,
        )
        full = self.model_copy(update={"quantise": ""})
        loaded = loaded._replace(
            model=adapters.finished(
                loaded.model, self, lambda: full._model(speeches, responses, start).model
            )
        )
        facts: dict[str, object] = {
            "objective": losses.bradley_terry.__name__,
            "pairs": len(found.items),
            "pairs too long": found.too_long,
        }
        return Rewarded(
            weights.save(loaded, lab.place / "weights", "reward", self, facts),
            [*_left_out(found, dev), *curve],
        )

    def _model(
        self, speeches: Sequence[Speech], responses: Sequence[Response], start: Path | None
    ) -> "Loaded":
        from psycopref.nets import weights
        from psycopref.train import examples

        if start is not None or self.base:
            return weights.load_reward(start or self.base, self.seed, self)
        texts = examples.texts(speeches, responses, self.split)
        if not texts:
            raise TrainError(
                f"reward: no text in split {self.split!r} to learn a tokenizer from; check the"
                " splits, or give `base`"
            )
        return weights.fresh_reward(texts, self.size, self.seed)

    def rehearse(
        self,
        speeches: Sequence[Speech],
        responses: Sequence[Response],
        preferences: Sequence[Preference],
        start: Path | None,
    ) -> tuple[Rewarded, Need]:
        """The pairs of the split, in so many steps."""
        from psycopref.train.estimate import learning

        pairs = sum(row.split == self.split for row in preferences)
        return Rewarded(Path("weights"), []), learning(self, pairs, speeches)


def _left_out(found: "Found", dev: "Found | None") -> list[Point]:
    """Points at step 0 that say how many pairs were longer than `max_length`."""
    from psycopref.train import examples

    return [examples.left_out("too_long", found)] + (
        [examples.left_out("dev_too_long", dev)] if dev else []
    )
