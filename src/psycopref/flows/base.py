"""What every flow takes and gives: the base of its recipe, and one type for what it yields."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol

from pydantic import BeforeValidator, Field, model_validator

from psycopref.config.instruments import Instrument
from psycopref.config.toml_files import did_you_mean
from psycopref.lab import Lab
from psycopref.labels.topic_list import with_topics
from psycopref.models.entries import ModelEntry
from psycopref.settings import Settings, Stage
from psycopref.stages.calibrate import Bin
from psycopref.stages.clean import Clean
from psycopref.stages.collect import Collect
from psycopref.stages.dedup import Dedup
from psycopref.stages.pair import Pair
from psycopref.stages.rate import Rate
from psycopref.stages.respond import Respond
from psycopref.stages.topics import Topics
from psycopref.stages.validate import Validate
from psycopref.tables import (
    Dropped,
    Failure,
    Metric,
    Point,
    Preference,
    Rating,
    Response,
    Speech,
    Verdict,
)

Budget = Annotated[
    float | None, Field(ge=0)
]  # dollars that the calls of a workspace may cost in all


class Done(NamedTuple):
    """What a flow yields; a flow leaves out what it does not make.

    `preferences` are the pairs of every split, `measure` all test pairs with any gap. `dropped`,
    `failures` and `metrics` are those of the whole flow. `curves` are training curves by name.
    `arms` holds what the last policy answered to the test speeches, by arm, and the opponent's
    answers as `opponent`; `verdicts` is what was said of them, in `orders` orders of each match.
    """

    speeches: Sequence[Speech] = ()
    responses: Sequence[Response] = ()
    ratings: Sequence[Rating] = ()
    preferences: Sequence[Preference] = ()
    measure: Sequence[Preference] = ()
    dropped: Sequence[Dropped] = ()
    failures: Sequence[Failure] = ()
    metrics: Sequence[Metric] = ()
    curves: Mapping[str, Sequence[Point]] = {}
    arms: Mapping[str, Sequence[Response]] = {}
    verdicts: Sequence[Verdict] = ()
    orders: int = 1
    bins: Sequence[Bin] = ()

    def test(self) -> list[Speech]:
        """The speeches of the test split."""
        return [speech for speech in self.speeches if speech.split == "test"]


class FilledSheet(Settings):
    """What came back from experts: a filled CSV sheet or a tool's export, and, where the file does
    not say it, who filled it.
    """

    path: Path
    annotator: str = ""


def _sheets(value: Any) -> Any:
    """One path, one sheet, or a list of either."""
    return [
        {"path": one} if isinstance(one, str | Path) else one
        for one in (value if isinstance(value, list | tuple) else [value])
    ]


Filled = Annotated[tuple[FilledSheet, ...], BeforeValidator(_sheets)]


class Dataset(Settings):
    """Client speeches to preferences; without `respond`, `rate` and `pair` the source's own
    preferences are used.
    """

    collect: Collect
    clean: Clean
    dedup: Dedup
    topics: Topics
    respond: Respond | None = None
    rate: Rate | None = None
    pair: Pair | None = None

    @model_validator(mode="after")
    def _rated(self) -> "Dataset":
        """What `pair` weighs must be what `rate` asks for: said before a call is paid for."""
        if self.rate is None or self.pair is None:
            return self
        judges = [entry.name for entry in self.rate.everyone]
        for name in self.pair.judges:
            if name not in judges:
                raise ValueError(
                    f"[dataset.pair] judges: {name!r} does not rate in"
                    f" [dataset.rate]{did_you_mean(name, judges)}; there are {judges}"
                )
        return self


class Recipe(Settings):
    """What every recipe has, whatever its flow: a dataset, an expert check and what came back from
    it, the flow's name, and a budget.
    """

    meets: ClassVar[bool] = False  # whether a policy meets an opponent ([validate] matches)

    dataset: Dataset
    validate_: Annotated[Validate | None, Field(alias="validate")] = None
    annotations: Filled = ()
    flow: str
    budget: Budget = None

    @model_validator(mode="after")
    def _grouped(self) -> "Recipe":
        """Every stage that groups by topic does so by the list of [dataset.topics]."""
        grouped = with_topics(self, self.dataset.topics.topics)
        self.__dict__.update(grouped.__dict__)  # frozen for others, not yet for its own validator
        return self

    @model_validator(mode="after")
    def _asked_alike(self) -> "Recipe":
        """Experts and the judge answer on the same items, or nothing of theirs can be compared:
        said before a sheet is filled.
        """
        stage, rate = self.validate_, self.dataset.rate
        if stage is None or rate is None or stage.instrument == rate.instrument:
            return self
        if stage.replies or stage.items == "all":
            raise ValueError(
                f"[validate] instrument: {stage.instrument.name!r} is not what the judge rates on"
                f" in [dataset.rate] ({rate.instrument.name!r}); name the same one, or ask experts"
                " for items = 'overall' and no replies"
            )
        return self

    def judge(self) -> ModelEntry | None:
        """The language model that judges the policies; None where none does."""
        return None

    def instrument(self) -> Instrument | None:
        """What the policies' answers are compared on, item by item; None where they are not."""
        return None

    def bases(self) -> list[str]:
        """The models that the policies are trained from."""
        return []

    def titles(self) -> dict[str, str]:
        """What each win rate compares, by the metric's name."""
        return {}

    def sides(self, name: str) -> tuple[str, str]:
        """What the two systems of a comparison are called."""
        return "last policy", "opponent"

    def begun(self, start: Stage) -> "tuple[str, Recipe]":
        """The part of the flow whose policy starts with that stage: its name ('' for the whole),
        and the recipe with the settings that hold in it.
        """
        return "", self


class Flow(Protocol):
    """A flow is a module with a `Recipe`, the settings as TOML fills them, and a `run`."""

    @property
    def Recipe(self) -> "type[Recipe]": ...

    def run(self, recipe: Any, lab: Lab) -> Done: ...
