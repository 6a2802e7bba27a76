"""A recipe: a TOML file that fills the settings of a flow's stages."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, BeforeValidator, Field, model_validator

from psycopref.config.toml_files import DATA, checked, did_you_mean, read_toml
from psycopref.errors import RecipeError
from psycopref.labels.topic_list import with_topics
from psycopref.models.entries import EntrySetting
from psycopref.settings import Settings
from psycopref.stages.baseline import Baseline
from psycopref.stages.calibrate import Calibrate
from psycopref.stages.clean import Clean
from psycopref.stages.collect import Collect
from psycopref.stages.dedup import Dedup
from psycopref.stages.draft import Draft
from psycopref.stages.drift import Drift
from psycopref.stages.evaluate import Evaluate
from psycopref.stages.nulls import Nulls
from psycopref.stages.pair import Pair
from psycopref.stages.policy import Policy, SizedStart
from psycopref.stages.rank import Rank
from psycopref.stages.rate import Rate
from psycopref.stages.respond import Respond
from psycopref.stages.reward import Reward
from psycopref.stages.score import Score
from psycopref.stages.topics import Topics
from psycopref.stages.validate import Validate

RECIPES = DATA / "recipes"
RESERVED = frozenset(
    ("tfidf", "longer", "topic", "gap", "length", "test", "test_all", "dev", "null")
)  # parts of the slices that `calibrate` names
Budget = Annotated[
    float | None, Field(ge=0)
]  # dollars that the calls of a workspace may cost in all


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


class Training(Settings):
    """From preferences to a reward model, a policy and figures (paper, sections 4 and 5).

    `reference` of the online rounds is the round's own start or the first state of the policy;
    `guard` says what happens when a round looks wrong (flows/rounds.py): a warning, or an end of
    the rounds. `systems = "each"` has the start and the first trained policy judged against the
    opponent too, and not the last one alone: as many calls of a judge again for each. `baselines`
    are reward models of others, `rankers` language models that are asked which response is better,
    `tests` more sets of test pairs, each read like a source: rows and columns of Table 1.
    """

    start: Policy | None = None
    reward: Reward
    score: Score
    calibrate: Calibrate
    baselines: dict[str, Baseline] = {}
    rankers: dict[str, Rank] = {}
    tests: dict[str, Collect] = {}
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

    @model_validator(mode="after")
    def _named(self) -> "Training":
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


class Checked(Settings):
    """What every recipe may have beside its flow: an expert check, and what came back from it."""

    dataset: Dataset
    validate_: Annotated[Validate | None, Field(alias="validate")] = None
    annotations: Filled = ()

    @model_validator(mode="after")
    def _grouped(self) -> "Checked":
        """Every stage that groups by topic does so by the list of [dataset.topics]."""
        grouped = with_topics(self, self.dataset.topics.topics)
        self.__dict__.update(grouped.__dict__)  # frozen for others, not yet for its own validator
        return self

    @model_validator(mode="after")
    def _asked_alike(self) -> "Checked":
        """Experts and the judge answer on the same items, or nothing of theirs can be compared:
        said before a sheet is filled.
        """
        stage, rate = self.validate_, self.dataset.rate
        if (
            stage
            and rate
            and (stage.replies or stage.items == "all")
            and stage.instrument != rate.instrument
        ):
            raise ValueError(
                f"[validate] instrument: {stage.instrument.name!r} is not what the judge rates on"
                f" in [dataset.rate] ({rate.instrument.name!r}); name the same one, or ask experts"
                " for items = 'overall' and no replies"
            )
        return self


class DatasetRecipe(Checked):
    """flow = "dataset": build a preference dataset."""

    flow: Literal["dataset"]
    budget: Budget = None


class PaperRecipe(Checked):
    """flow = "paper": the dataset, the reward model, the policy and their figures. flow =
    "ablation": offline against online, for each of `sizes`.

    An ablation compares its arms at each checkpoint: it plays no null opponents ([training.nulls]
    is not read), and `systems = "each"` is refused.
    """

    flow: Literal["paper", "ablation"]
    budget: Budget = None
    training: Training
    sizes: dict[str, SizedStart] = {}

    @model_validator(mode="after")
    def _sizes(self) -> "PaperRecipe":
        if (self.flow == "ablation") != bool(self.sizes):
            raise ValueError(
                '[sizes]: flow = "ablation" needs at least one, such as [sizes.small] with a base;'
                " other flows have none"
            )
        if self.sizes and self.training.systems == "each":
            raise ValueError(
                "[training] systems: an ablation compares its two arms at every checkpoint and no"
                ' other states; leave systems = "each" out'
            )
        if wrong := [name for name in self.sizes if ":" in name]:
            raise ValueError(f"[sizes]: a name must hold no colon, found {wrong}")
        return self


class Judges(Settings):
    """The judge that may take over, on how many speeches (drawn by a hash of their ids) it is
    tried, and which pairs count as clear.
    """

    new: EntrySetting
    speeches: int = Field(default=300, ge=1)
    gap: float = Field(default=1.0, gt=0)


class JudgesRecipe(Checked):
    """flow = "judges": the dataset's judge and another one on the same responses. The new judge's
    ratings enter no pair.
    """

    flow: Literal["judges"]
    budget: Budget = None
    judges: Judges


Recipe = DatasetRecipe | PaperRecipe | JudgesRecipe
FLOWS: dict[str, type[DatasetRecipe] | type[PaperRecipe] | type[JudgesRecipe]] = {
    "dataset": DatasetRecipe,
    "paper": PaperRecipe,
    "ablation": PaperRecipe,
    "judges": JudgesRecipe,
}


def load_recipe(name: str) -> tuple[str, Recipe]:
    """A recipe by path, or by the name of one in recipes/; gives its short name and the
    settings.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not path.is_file():
        known = sorted(p.stem for p in RECIPES.glob("*.toml"))
        raise RecipeError(
            f"no recipe {name!r}{did_you_mean(name, known)}; give the path of a .toml file or one"
            f" of {known} (looked in {RECIPES}/)"
        )
    return path.stem, recipe_of(read_toml(path), str(path))


def recipe_of(values: dict[str, Any], where: str) -> Recipe:
    """The recipe that settings make; RecipeError lists every mistake, `where` says where they
    stand.
    """
    kind = FLOWS.get(str(values.get("flow", "")))
    if kind is None:
        raise RecipeError(
            f"{where}: flow must be one of {sorted(FLOWS)}, found {values.get('flow')!r}"
        )
    return checked(kind, values, where)


def resolved(recipe: Recipe) -> str:
    """The recipe as TOML with no default left unsaid: pools, prompts and instruments in full, no
    secret.
    """
    text = tomli_w.dumps(_table(recipe), multiline_strings=True)
    tomllib.loads(text)
    return text


def _table(settings: BaseModel) -> dict[str, Any]:
    fields = type(settings).model_fields
    values = {field.alias or name: _toml(getattr(settings, name)) for name, field in fields.items()}
    return {name: value for name, value in values.items() if value is not None}


def _toml(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _table(value)
    if isinstance(value, tuple | list):
        return [_toml(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _toml(item) for key, item in value.items() if item is not None}
    return str(value) if isinstance(value, Path) else value
