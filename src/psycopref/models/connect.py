"""From an entry to a provider: what must be there before a call, and recordings."""

import os
from pathlib import Path

from psycopref.config.toml_files import DATA
from psycopref.errors import ModelError
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.protocol import BatchProvider, FiniteProvider, Provider
from psycopref.store.calls import Ask


def recording(entry: ModelEntry) -> Path:
    """The ledger file of a recorded entry; ModelError where there is none."""
    shipped = DATA / "recorded" / f"{entry.ledger}.sqlite"
    path = (
        Path(entry.ledger) if "/" in entry.ledger or entry.ledger.endswith(".sqlite") else shipped
    )
    if path.is_file():
        return path
    known = sorted(one.stem for one in shipped.parent.glob("*.sqlite"))
    raise ModelError(
        f"model {entry.name!r}: no recording {entry.ledger!r}; give the path of a .sqlite file or"
        f" one of {known}"
    )


def can_answer(entry: ModelEntry, ask: Ask) -> bool:
    """Whether a model may be asked this: anything, but of one with a finite number of answers (a
    recording) only those it has. ModelError or StoreError where the recording is not one.
    """
    if entry.kind != "recorded":  # others need keys and weights, only to say that they take all
        return True
    provider = connect(entry)
    return not isinstance(provider, FiniteProvider) or ask.call_id in provider.call_ids()


def check(entry: ModelEntry) -> None:
    """ModelError where an entry cannot be asked for a reason that is known before any call: no url,
    key or recording.
    """
    match entry.kind:
        case "openai" | "openai-batch" | "anthropic" if not entry.url:
            raise ModelError(
                f"model {entry.name!r}: no url; write the address of its OpenAI-compatible endpoint"
                ' into the pool, such as url = "http://localhost:8000/v1"'
            )
        case "openai" | "openai-batch" | "anthropic" if (
            entry.key_env and not os.environ.get(entry.key_env, "").strip()
        ):
            raise ModelError(
                f"model {entry.name!r}: the environment variable {entry.key_env} is not set; put"
                f" the key for {entry.host} there"
            )
        case "recorded":
            recording(entry)
        case "weights" if not (Path(entry.sent_as) / "config.json").is_file():
            raise ModelError(f"model {entry.name!r}: no weights in the folder {entry.sent_as}")
        case _:
            pass


def connect(entry: ModelEntry, place: Path = Path()) -> Provider | BatchProvider:
    """The provider of an entry; what it must remember between runs goes below `place`. ModelError
    where it cannot be asked.
    """
    check(entry)
    match entry.kind:
        case "openai":
            from psycopref.models.providers.openai import OpenAI

            return OpenAI(entry)
        case "anthropic":
            from psycopref.models.providers.anthropic import Anthropic

            return Anthropic(entry)
        case "openai-batch":
            from psycopref.models.providers.batch import Batch

            return Batch(entry, place / "batches")
        case "recorded":
            from psycopref.models.providers.recorded import Recorded

            return Recorded(entry, recording(entry))
        case "vllm":
            from psycopref.models.providers.vllm import Vllm

            return Vllm(entry)
        case "local":
            from psycopref.models.providers.local import Local

            return Local(entry)
        case "weights":
            from psycopref.models.providers.weights import VllmWeights, Weights

            return VllmWeights(entry) if entry.engine == "vllm" else Weights(entry)
