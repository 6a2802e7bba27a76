"""psycopref: counseling principles into preference data, reward models, aligned models and figures
that hold.

`import psycopref` gives what a notebook needs and nothing else (docs/notebook.md). Nothing heavy is
loaded before a name is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopref.api.figures import agreement, win_rate
    from psycopref.api.finished import Run
    from psycopref.api.frames import to_pandas, to_polars
    from psycopref.api.models import model
    from psycopref.api.recipes import load_recipe, recipe
    from psycopref.api.rewards import RewardModel, TrainedReward
    from psycopref.api.texts import sample_texts
    from psycopref.api.workspace import Workspace
    from psycopref.config.instruments import Instrument, load_instrument
    from psycopref.errors import (
        ModelError,
        PsycoprefError,
        RecipeError,
        SourceError,
        StoreError,
        TableError,
        TrainError,
    )
    from psycopref.models.entries import ModelEntry, Pool, load_pool
    from psycopref.stats.intervals import Interval
    from psycopref.stats.winrate import WinRate
    from psycopref.store.parquet import Table
    from psycopref.tables import (
        Failure,
        Metric,
        Preference,
        Rating,
        Response,
        Speech,
        Turn,
        Verdict,
    )

__version__ = "0.1.0"

# Where each public name lives; the imports above say the same to type checkers, and
# tests/api/test_public_names.py holds the two together.
_HOMES = {
    "api.figures": ("agreement", "win_rate"),
    "api.finished": ("Run",),
    "api.frames": ("to_pandas", "to_polars"),
    "api.models": ("model",),
    "api.recipes": ("load_recipe", "recipe"),
    "api.rewards": ("RewardModel", "TrainedReward"),
    "api.texts": ("sample_texts",),
    "api.workspace": ("Workspace",),
    "config.instruments": ("Instrument", "load_instrument"),
    "errors": (
        "ModelError",
        "PsycoprefError",
        "RecipeError",
        "SourceError",
        "StoreError",
        "TableError",
        "TrainError",
    ),
    "models.entries": ("ModelEntry", "Pool", "load_pool"),
    "stats.intervals": ("Interval",),
    "stats.winrate": ("WinRate",),
    "store.parquet": ("Table",),
    "tables": (
        "Failure",
        "Metric",
        "Preference",
        "Rating",
        "Response",
        "Speech",
        "Turn",
        "Verdict",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Failure",
    "Instrument",
    "Interval",
    "Metric",
    "ModelEntry",
    "ModelError",
    "Pool",
    "Preference",
    "PsycoprefError",
    "Rating",
    "RecipeError",
    "Response",
    "RewardModel",
    "Run",
    "SourceError",
    "Speech",
    "StoreError",
    "Table",
    "TableError",
    "TrainError",
    "TrainedReward",
    "Turn",
    "Verdict",
    "WinRate",
    "Workspace",
    "__version__",
    "agreement",
    "load_instrument",
    "load_pool",
    "load_recipe",
    "model",
    "recipe",
    "sample_texts",
    "to_pandas",
    "to_polars",
    "win_rate",
]


def __getattr__(name: str) -> Any:
    """A public name, loaded when it is first used (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
