"""What a policy or a reward model can be trained on: the table that the stages, the rehearsal and
the docs read. Torch is needed for the losses alone, and loaded with the first of them.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from psycopref.settings import Settings

if TYPE_CHECKING:
    from psycopref.train.losses import Outcome, Values


class Objective(NamedTuple):
    """One way to learn. `loss` names a function of `train/losses.py`, '' where nothing is learnt;
    `settings` are the fields of the stage that it takes by the same names.
    """

    loss: str
    says: str
    """What it is, in a few words; the loss's docstring has equation and source."""
    rows: Literal[0, 1, 2] = 2
    """Sequences of an item: 0 for none, 1 for a response, 2 for a preference pair."""
    settings: tuple[str, ...] = ()
    reference: bool = False
    """Whether it needs a reference model's log-probabilities."""
    shift: bool = False
    """Whether it needs an estimate of the divergence, from responses set beside other prompts."""

    def of(self, stage: Settings) -> "Callable[[Values], Outcome]":
        """The loss with the stage's settings."""
        from psycopref.train import losses

        given = {name: getattr(stage, name) for name in self.settings}
        return partial(getattr(losses, self.loss), **given)


# By hand, as sources are: a loss in losses.py and a line here make an objective.
OBJECTIVES: dict[str, Objective] = {
    "base": Objective("", "trains nothing: the base model is written out as a start", rows=0),
    "sft": Objective("sft", "maximum likelihood on responses", rows=1),
    "dpo": Objective("dpo", "DPO", settings=("beta", "anchor"), reference=True),
    "cdpo": Objective(
        "cdpo", "DPO for noisy preferences", settings=("beta", "smoothing"), reference=True
    ),
    "ipo": Objective("ipo", "IPO, per token", settings=("beta",), reference=True),
    "simpo": Objective("simpo", "SimPO", settings=("beta", "gamma")),
    "orpo": Objective("orpo", "ORPO; `beta` is its lambda", settings=("beta",)),
    "kto": Objective(
        "kto", "KTO, both sides alike", settings=("beta",), reference=True, shift=True
    ),
}
REWARD = Objective("bradley_terry", "Bradley-Terry", settings=("margin", "centre"))

if TYPE_CHECKING:
    Name = str
else:  # pydantic is given the names, so that an unknown one is refused with all that there are
    Name = Literal[tuple(OBJECTIVES)]
