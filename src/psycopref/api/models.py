"""Models that answer, judges that rate: by name from a pool, or written out."""

from collections.abc import Iterable
from typing import Any

from psycopref.config.toml_files import checked
from psycopref.errors import RecipeError
from psycopref.models.entries import ModelEntry, Pool, load_entry


def model(name: str, url: str = "", *, kind: str = "openai", **settings: Any) -> ModelEntry:
    """A model or a judge by its pinned name: one at an OpenAI-compatible address `url`, or of
    another `kind` ('anthropic', 'openai-batch', 'local', 'vllm', 'recorded').

    `settings` are those of a pool entry: `key_env` (the name of the environment variable that holds
    the key), `temperature`, `max_tokens`, `concurrency`, `price_in`, `price_out` (dollars a million
    tokens), ... RecipeError names a setting that is not what it should be.
    """
    values = {"name": name, "url": url, "kind": kind, **settings}
    return checked(ModelEntry, values, f"model {name!r}")


def entry(given: str | ModelEntry) -> ModelEntry:
    """A model as it is, or the one that 'POOL/NAME' names."""
    return load_entry(given) if isinstance(given, str) else given


def pool_of(given: Pool | Iterable[str | ModelEntry]) -> Pool:
    """A pool as it is, or one of some models; RecipeError where two have one name, or none is
    there.
    """
    if isinstance(given, Pool):
        return given
    if isinstance(given, str | ModelEntry):
        raise RecipeError(
            "models: give a list of models, such as [psycopref.model(...), 'sample/fir'], or a pool"
        )
    models = tuple(entry(one) for one in given)
    return checked(Pool, {"name": "notebook", "models": models}, "models")
