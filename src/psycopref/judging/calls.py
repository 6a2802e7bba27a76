"""Ask, read, and ask again where nothing could be read: the one loop behind every call."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from psycopref.models.calling.answer import Exchange
from psycopref.models.thinking import split
from psycopref.store.calls import Ask, Reply

T = TypeVar("T")
FINAL = ("refused", "filtered", "overlong")  # outcomes that another try does not change


class Answer(NamedTuple, Generic[T]):
    """What was read from the last reply; None where nothing could be."""

    value: T | None
    reply: Reply

    @property
    def outcome(self) -> str:
        """'ok' where there is a value; else the reply's own outcome, or 'malformed'."""
        if self.value is not None or self.reply.outcome != "ok":
            return self.reply.outcome
        return "malformed"


def asked(
    ask: Callable[[int], Ask], read: Callable[[str], T | None], attempts: int = 1
) -> Exchange[Answer[T]]:
    """Ask until a reply can be read, `attempts` times at most; a refusal or a filter is final.

    `ask` makes the request of an attempt (0, 1, ...), so that none is held while it waits for its
    reply. `read` is given the text of a whole reply, and gives None where it does not say what was
    asked for; one that was cut off counts as such without being read.
    """
    reply = yield ask(0)
    value = _read(reply, read)
    for attempt in range(1, attempts):
        if value is not None or reply.outcome in FINAL:
            break
        reply = yield ask(attempt)
        value = _read(reply, read)
    return Answer(value, reply)


def once(ask: Ask) -> Exchange[Reply]:
    """One ask and its reply, whatever it says."""
    return (yield ask)


def _read(reply: Reply, read: Callable[[str], T | None]) -> T | None:
    """What a whole reply says after its thinking: a draft in there is no answer."""
    return read(split(reply.text).answer) if reply.outcome == "ok" else None
