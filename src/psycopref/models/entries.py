"""Pool entries: a model's pinned name and settings, where it is reached, and how it becomes a
provider.
"""

import json
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from psycopref.config.toml_files import checked, did_you_mean, locate, read_toml
from psycopref.errors import RecipeError
from psycopref.settings import Settings
from psycopref.store.calls import Ask, Message

ENDPOINTS = ("openai", "anthropic")  # kinds that are asked call by call


PAID = (*ENDPOINTS, "openai-batch")  # kinds that somebody else runs
GATHERED = ("openai-batch", "weights")  # kinds that are handed all there is to ask together


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # its message quotes the address
        return False


def _names_a_variable(name: str) -> bool:
    """Whether this may name an environment variable; a key pasted in its place has a long part
    without `_`.
    """
    longest = max(name.split("_"), key=len)
    mixed = any(letter.isdigit() for letter in longest) and any(
        letter.islower() for letter in longest
    )
    return (
        bool(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name))
        and len(name) <= 64
        and len(longest) < (12 if mixed else 20)
    )


class ModelEntry(Settings):
    """One model. What it answers depends on name, kind and sampling settings; the rest says where
    it is and what it costs.

    `name` is the pinned name that stands in every ask and response. Prices are dollars per million
    tokens, `timeout` is seconds for one call, `context` tokens, `concurrency` calls in flight (for
    `kind = "local"` and `"weights"` rows in a batch, for `"openai-batch"` calls handed in together,
    say 50,000). `requests_per_minute` and `tokens_per_minute` are what the account allows; with
    `shared` they and `concurrency` hold for all shared models of the same `url` and `key_env`
    together. `patience` is how many seconds a model may be down before its calls are given up.
    `system` replaces the system text of the prompt that asks for a reply; a judge keeps that of its
    prompt. `system_role = false` is for models that take no system message: its text then opens the
    first user message; `seed = false` and `send_temperature = false` are for servers that take
    neither, `max_tokens_field` for one that calls the limit `max_completion_tokens`. What a server
    turns out not to take is left out from then on, and told. `kind = "weights"` is a policy that
    was trained here: `model` is its folder, `engine` what samples from it.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    name: str = Field(min_length=1)
    kind: Literal["openai", "openai-batch", "anthropic", "recorded", "local", "vllm", "weights"]
    temperature: float | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, ge=1)
    json_schema: bool = False
    system: str = ""
    organisation: str = Field(default="", exclude=True)
    size: str = Field(default="", exclude=True)
    url: str = Field(default="", exclude=True)
    key_env: str = Field(default="", exclude=True)
    model: str = Field(default="", exclude=True)
    ledger: str = Field(default="", exclude=True)
    engine: Literal["transformers", "vllm"] = Field(default="transformers", exclude=True)
    concurrency: int = Field(default=8, ge=1, exclude=True)
    requests_per_minute: float | None = Field(default=None, gt=0, exclude=True)
    tokens_per_minute: float | None = Field(default=None, gt=0, exclude=True)
    shared: bool = Field(default=False, exclude=True)
    timeout: float = Field(default=120.0, gt=0, exclude=True)
    patience: float = Field(default=600.0, ge=0, exclude=True)
    price_in: float | None = Field(default=None, ge=0, exclude=True)
    price_out: float | None = Field(default=None, ge=0, exclude=True)
    context: int | None = Field(default=None, ge=1, exclude=True)
    system_role: bool = Field(default=True, exclude=True)
    seed: bool = Field(default=True, exclude=True)
    send_temperature: bool = Field(default=True, exclude=True)
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        default="max_tokens", exclude=True
    )

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        if url and not url.lower().startswith(("http://", "https://")):
            raise ValueError("`url` must begin with http:// or https://")
        if any(sign in url for sign in "@?#"):
            raise ValueError(
                "`url` must hold no user name, password, query or fragment; name an environment"
                " variable in `key_env`"
            )
        if url and not _has_host(url):
            raise ValueError("`url` is not an address such as http://localhost:8000/v1")
        return url

    @field_validator("key_env")
    @classmethod
    def _variable(cls, name: str) -> str:
        if name and not _names_a_variable(name):
            raise ValueError(
                "`key_env` must be the name of an environment variable, such as CLINIC_KEY; the key"
                " itself belongs into no file"
            )
        return name

    @model_validator(mode="after")
    def _reachable(self) -> "ModelEntry":
        if self.kind == "recorded" and not self.ledger:
            raise ValueError(
                "a recorded model needs `ledger`: the path of a .sqlite file, or the name of a"
                " shipped recording"
            )
        if self.kind == "weights" and not self.model:
            raise ValueError("a model of kind `weights` needs `model`: the path of its folder")
        return self

    @property
    def sent_as(self) -> str:
        """The id that the endpoint or the loader is given."""
        return self.model or self.name

    @property
    def host(self) -> str:
        """Host and port of the endpoint, for messages."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "?"

    def messages(self, ask: Ask) -> list[dict[str, str]]:
        """The messages of an ask as the protocol writes them."""
        return [
            {"role": one.role, "content": one.content}
            for one in (ask.messages if self.system_role else _folded(ask.messages))
        ]

    def request(self, ask: Ask) -> dict[str, Any]:
        """The body of a chat-completions request, live or in a batch file."""
        request: dict[str, Any] = {"model": self.sent_as, "messages": self.messages(ask)}
        if ask.temperature is not None and self.send_temperature:
            request["temperature"] = ask.temperature
        if ask.max_tokens is not None:
            request[self.max_tokens_field] = ask.max_tokens
        if self.seed and (ask.draw or ask.attempt):
            request["seed"] = int(ask.call_id.removeprefix("call-")[:8], 16) >> 1
        if ask.json_schema and self.json_schema:
            schema = {"name": "answer", "strict": True, "schema": json.loads(ask.json_schema)}
            request["response_format"] = {"type": "json_schema", "json_schema": schema}
        return request


def _folded(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Messages without a system role: its text opens the first user message."""
    opening = "\n\n".join(one.content for one in messages if one.role == "system")
    rest = tuple(one for one in messages if one.role != "system")
    if not opening:
        return rest
    if not rest or rest[0].role != "user":
        return (Message("user", opening), *rest)
    return (Message("user", f"{opening}\n\n{rest[0].content}"), *rest[1:])


class Pool(Settings):
    """Models that may answer, and judges that stand ready beside them (a judge is never drawn to
    answer).
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    name: str
    models: tuple[ModelEntry, ...] = Field(min_length=1)
    judges: tuple[ModelEntry, ...] = Field(default=(), exclude=True)

    @model_validator(mode="after")
    def _different(self) -> "Pool":
        names = [entry.name for entry in self.models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"a pool needs models with different names; more than once: {twice}")
        return self

    def entry(self, name: str) -> ModelEntry:
        """The judge of that name, or else the model (a model may stand in both lists, with other
        settings); RecipeError lists those there are.
        """
        every = {one.name: one for one in (*self.models, *self.judges)}
        if name not in every:
            raise RecipeError(
                f"pool {self.name!r}: no model {name!r}{did_you_mean(name, list(every))}; there are"
                f" {list(every)}"
            )
        return every[name]


def load_pool(name: str) -> Pool:
    """A shipped pool by name (`paper`, `open`, `sample`, `judges`) or any TOML file by path.
    RecipeError says what is wrong.
    """
    path = locate("pools", name)
    return checked(Pool, {"name": path.stem, **read_toml(path)}, str(path))


def load_entry(place: str) -> ModelEntry:
    """A model from `POOL/NAME`, the pool a shipped name or the path of a TOML file:
    `judges/gpt-4o-2024-08-06`, `my.toml/qwen`.
    """
    pool, suffix, name = place.partition(".toml/")
    if not suffix:
        pool, _, name = place.partition("/")
    if not name:
        found = (
            f", found {place!r}"
            if _names_a_variable(re.sub(r"[.-]", "_", place)) and not place.startswith("sk-")
            else ""
        )
        raise RecipeError(
            "a model is named as POOL/NAME (such as 'judges/gpt-4o-2024-08-06') or written out as"
            f" a table{found}"
        )
    return load_pool(pool + suffix.rstrip("/")).entry(name)


def _pool(value: Any) -> Any:
    return load_pool(value) if isinstance(value, str) else value


def _entry(value: Any) -> Any:
    return load_entry(value) if isinstance(value, str) else value


PoolSetting = Annotated[Pool, BeforeValidator(_pool)]


EntrySetting = Annotated[ModelEntry, BeforeValidator(_entry)]
