"""A language model seen from outside: Message, Ask and Reply."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

from psycopref.errors import ModelError
from psycopref.store.keys import digest_text, encode

# 'overlong' is a prompt that the model does not take for its length.
Outcome = Literal["ok", "refused", "filtered", "truncated", "overlong"]


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message. Its text is in no repr, so that no log line or traceback can show it."""

    role: Literal["system", "user", "assistant"]
    content: str = field(repr=False)

    @property
    def canonical(self) -> str:
        """The message as it stands in a canonical ask."""
        return encode({"role": self.role, "content": self.content})


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
        """The ask as canonical JSON: what `store.keys.canonical` would make of it, field by field
        since it is asked for so often.
        """
        return self.written([{"role": one.role, "content": one.content} for one in self.messages])

    def written(self, messages: list[dict[str, str]] | int) -> str:
        """Canonical JSON of the ask with these messages, or with the number of the chat that a
        ledger keeps them as.
        """
        return encode(
            {
                "model": self.model,
                "messages": messages,
                "temperature": self.temperature,
                "max_tokens": self.max_tokens,
                "json_schema": self.json_schema,
                "draw": self.draw,
                "attempt": self.attempt,
            }
        )

    @cached_property
    def call_id(self) -> str:
        """`call-` and 24 hex digits of the sha256 of the canonical ask; ModelError for a text that
        no request could carry.
        """
        try:
            return "call-" + digest_text(self.canonical, strict=True)[:24]
        except UnicodeEncodeError:
            raise ModelError(
                f"a message to {self.model} holds half a character (a lone surrogate), which no"
                " request can carry; repair the text where it is read"
            ) from None


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

    @property
    def digest(self) -> str:
        """What it is known by in a ledger."""
        return reply_digest(
            self.call_id,
            self.outcome,
            self.text,
            self.tokens_in,
            self.tokens_out,
            self.seconds,
            self.version,
        )


def reply_digest(
    call_id: str,
    outcome: str,
    text: str,
    tokens_in: int,
    tokens_out: int,
    seconds: float,
    version: str,
) -> str:
    """What a reply is known by in the ledger: 32 hex digits over its columns, as SQLite gives them
    back.
    """
    return digest_text(
        encode([call_id, outcome, text, int(tokens_in), int(tokens_out), float(seconds), version])
    )[:32]


def altered(*row: object) -> bool:
    """Whether a ledger's row is not a reply as it was written: the columns of a reply, then its
    digest, None in a ledger from before there were digests.
    """
    *reply, digest = row
    kinds = (str, str, str, int, int, int | float, str)
    if not all(isinstance(one, kind) for one, kind in zip(reply, kinds, strict=True)):
        return True
    if reply[1] not in get_args(Outcome):
        return True
    return digest is not None and reply_digest(*reply) != digest  # type: ignore[arg-type]


def shown(call_id: object) -> str:
    """A call id for a message; nothing else that stands in its column."""
    known = isinstance(call_id, str) and re.fullmatch(r"call-[0-9a-f]{24}", call_id)
    return str(call_id) if known else "a call"
