"""A language model seen from outside: Ask, Reply, and the two kinds of Provider."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from psycopref.store.keys import digest_text, encode

Outcome = Literal["ok", "refused", "filtered", "truncated"]


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message. Its text is in no repr, so that no log line or traceback can show it."""

    role: Literal["system", "user", "assistant"]
    content: str = field(repr=False)


@dataclass(frozen=True)  # no slots: `call_id` is kept once it is known
class Ask:
    """One request. Two equal asks are one call: a fresh sample says so in `draw`, a re-ask in
    `attempt`.

    `model` is the pinned model name. Endpoint, key, time-outs and prices are not part of an ask.
    """

    model: str
    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    json_schema: str = ""
    draw: int = 0
    attempt: int = 0

    @property
    def canonical(self) -> str:
        """The ask as the ledger keeps it: what `store.keys.canonical` would make of it, field by
        field since it is asked for so often.
        """
        messages = [{"role": one.role, "content": one.content} for one in self.messages]
        settings = {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "json_schema": self.json_schema,
        }
        return encode(
            {
                "model": self.model,
                "messages": messages,
                **settings,
                "draw": self.draw,
                "attempt": self.attempt,
            }
        )

    @cached_property
    def call_id(self) -> str:
        """`call-` and 24 hex digits of the sha256 of the canonical ask."""
        return "call-" + digest_text(self.canonical)[:24]


@dataclass(frozen=True, slots=True)
class Reply:
    """A final answer. `outcome` other than 'ok' keeps whatever text came; transport errors are
    never replies.

    Whether a text is what was asked for is the asking stage's to say: a reply that it cannot read
    is 'ok' here, stays in the ledger as it came, and the re-ask is a call of its own with the next
    `attempt`.
    """

    call_id: str
    outcome: Outcome
    text: str = field(repr=False)
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    version: str = ""
