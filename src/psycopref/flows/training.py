"""The settings of the training half: from preferences to a reward model, a policy and figures."""

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from psycopref.config.instruments import Instrument
from psycopref.flows import base
from psycopref.models.entries import ModelEntry
from psycopref.settings import Settings
from psycopref.stages.baseline import Baseline
from psycopref.stages.calibrate import Calibrate
from psycopref.stages.collect import Collect
from psycopref.stages.draft import Draft
from psycopref.stages.drift import Drift
from psycopref.stages.evaluate import Evaluate
from psycopref.stages.nulls import Nulls
from psycopref.stages.pair import Pair
from psycopref.stages.policy import Policy, SizedStart
from psycopref.stages.rank import Rank
from psycopref.stages.respond import Respond
from psycopref.stages.reward import Reward
from psycopref.stages.score import Score

RESERVED = frozenset(
    ("tfidf", "longer", "topic", "gap", "length", "test", "test_all", "dev", "null")
)  # parts of the slices that `calibrate` names


class Rewarding(Settings):
    """From preferences to a reward model and its figures (paper, section 4 and Table 1).

    `baselines` are reward models of others, `rankers` language models that are asked which response
    is better, `tests` more sets of test pairs, each read like a source: rows and columns of its
    table.
    """

    reward: Reward
    score: Score
    calibrate: Calibrate
    baselines: dict[str, Baseline] = {}
    rankers: dict[str, Rank] = {}
    tests: dict[str, Collect] = {}

    @model_validator(mode="after")
    def _named(self) -> Self:
        """Names stand in slices of metrics, so they must be plain and not those of something
        else.
        """
        for section, names, taken in (
            ("baselines", self.baselines, self.rankers),
            ("rankers", self.rankers, ()),
            ("tests", self.tests, ()),
        ):
            for name in names:
                if not re.fullmatch(r"[\w.-]+", name) or name in RESERVED or name in taken:
                    raise ValueError(
                        f"[training.{section}.{name}]: a name is letters, digits, '.', '_' and '-',"
                        f" none twice and none of {sorted(RESERVED)}"
                    )
        return self


class Training(Rewarding):
    """From preferences to a reward model, a policy and figures (paper, sections 4 and 5).

    `reference` of the online rounds is the round's own start or the first state of the policy;
    `guard` says what happens when a round looks wrong (stages/rounds.py): a warning, or an end of
    the rounds. `systems = "each"` has the start and the first trained policy judged against the
    opponent too, and not the last one alone: as many calls of a judge again for each.
    """

    start: Policy | None = None
    gold_start: Policy | None = None
    gold: Reward | None = None
    policy: Policy
    rounds: int = Field(default=3, ge=0)
    round_speeches: int = Field(default=6400, ge=1)
    reference: Literal["previous", "first"] = "previous"
    guard: Literal["warn", "stop"] = "warn"
    systems: Literal["last", "each"] = "last"
    draft: Draft
    pair: Pair
    online: Policy
    answer: Draft
    drift: Drift = Drift()
    constrained: Draft
    opponent: Respond
    evaluate: Evaluate
    nulls: Nulls = Nulls()

    @property
    def orders(self) -> int:
        """In how many orders a match is judged: a reward model sees none."""
        return 1 if self.evaluate.judge is None else 2

    @model_validator(mode="after")
    def _gold_alone(self) -> "Training":
        """The split 'gold' trains the gold reward model and nothing else; the gold reward model
        sees no other.
        """
        for name in ("start", "reward", "policy", "online"):
            stage = getattr(self, name)
            if stage is not None and "gold" in (stage.split, stage.dev):
                raise ValueError(
                    f"[training.{name}]: split and dev must not be 'gold'; only [training.gold] and"
                    " [training.gold_start] may use it"
                )
        for name in ("gold", "gold_start"):
            stage = getattr(self, name)
            if stage is not None and (stage.split != "gold" or stage.dev not in ("", "gold")):
                raise ValueError(
                    f"[training.{name}]: split must be 'gold' and dev '' or 'gold', so that the"
                    " judge shares no speech with what it judges"
                )
        return self


class TrainingRecipe(base.Recipe):
    """A dataset and what is trained on it. `sizes` are those of an ablation."""

    training: Training
    sizes: dict[str, SizedStart] = {}

    def judge(self) -> ModelEntry | None:
        """The judge of [training.evaluate]."""
        return self.training.evaluate.judge

    def instrument(self) -> Instrument | None:
        """The instrument of [training.evaluate]."""
        return self.training.evaluate.instrument

    def bases(self) -> list[str]:
        """The bases of the start and of the policy."""
        stages = (self.training.start, self.training.policy)
        return [stage.base for stage in stages if stage and stage.base]
