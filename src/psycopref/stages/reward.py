"""Preferences to a reward model: Bradley-Terry on pairs, written as a sequence classifier with one
label.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from psycopref.errors import TrainError
from psycopref.lab import Lab
from psycopref.needs import Need
from psycopref.tables import Point, Preference, Response, Speech, Split
from psycopref.train.objectives import REWARD, Objective
from psycopref.train.settings import Training

if TYPE_CHECKING:
    from psycopref.nets.weights import Loaded


class Rewarded(NamedTuple):
    """A weights folder and how training went."""

    weights: Path
    curve: Sequence[Point]


class Reward(Training):
    """Paper, section 4.1: Bradley-Terry on preferences.

    The backbone comes from `start` (a policy's folder) where one is given, else from `base` (a hub
    id or folder), else it is a fresh small Llama of `size` whose tokenizer is learnt from the
    speeches and responses of `split` alone.
    """

    split: Split = Field(default="train", description="Split of the preferences trained on.")
    dev: Split = Field(default="dev", description="Split looked at meanwhile; '' for none.")
    margin: float = Field(
        default=0.0,
        ge=0,
        description="Times the gap of the ratings is the lead that is asked for; 0 in the paper.",
    )
    centre: float = Field(
        default=0.0, ge=0, description="How much rewards are kept around 0; 0 in the paper."
    )

    @classmethod
    def version(cls) -> int:
        """3, since the last layer is worked out only at the tokens that are read, and adds up in
        another order.
        """
        return 3

    @property
    def learns(self) -> Objective:
        """What the objective needs."""
        return REWARD

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
        from psycopref.train import adapters, examples, loop

        loaded = self._model(speeches, responses, start)
        weights.set_dropout(loaded.model, self.dropout)
        adapters.attach(loaded.model, self)
        tables = (speeches, responses, preferences)
        found = examples.pairs(loaded.tokenizer, *tables, self.split, self.max_length)
        dev = examples.pairs(loaded.tokenizer, *tables, self.dev, self.max_length)
        if said := examples.warning(found, dev, self.max_length):
            lab.progress.say(said)
        curve = loop.train(
            loaded.model,
            loop.Task("reward", forward.rewards, self.learns.of(self)),
            found.items,
            dev.items,
            self,
            lab.place / "checkpoint",
            lab.progress,
            lab.board,
        )
        full = self.model_copy(update={"quantise": ""})
        whole = adapters.finished(
            loaded.model, self, lambda: full._model(speeches, responses, start).model
        )
        facts: dict[str, object] = {
            "objective": self.learns.loss,
            "pairs": len(found.items),
            "pairs too long": found.too_long,
        }
        left_out = [examples.left_out("too_long", found)]
        if self.dev:
            left_out.append(examples.left_out("dev_too_long", dev))
        made = weights.save(
            loaded._replace(model=whole), lab.place / "weights", "reward", self, facts
        )
        return Rewarded(made, [*left_out, *curve])

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
        return Rewarded(Path("weights"), []), learning(self, self.learns, pairs, speeches)
