"""What calls cost, and a budget that they do not go over."""

from collections.abc import Iterable

from psycopref.errors import ModelError
from psycopref.models.calling.rate_limit import ANSWER, LETTERS
from psycopref.models.entries import PAID, ModelEntry
from psycopref.store.calls import Ask, Reply


class Budget:
    """Dollars that the calls of a workspace may cost in all; None for as many as they cost.

    A call is held back where what was spent, what is in flight at its estimate (a token for four
    letters, and `max_tokens`) and its own estimate would go over the budget. So a run stops a
    little early rather than late.
    """

    def __init__(self, limit: float | None = None, spent: float = 0.0) -> None:
        self.limit = limit
        self.spent = spent
        self._held: dict[str, float] = {}
        self._holding = 0.0

    def check(self, entries: Iterable[ModelEntry]) -> None:
        """ModelError where there is a budget and a model that is paid for has no price, or no limit
        to what it may answer.
        """
        for entry in entries if self.limit is not None else ():
            if entry.kind in PAID and (entry.price_in is None or entry.price_out is None):
                do = (
                    "write price_in and price_out (dollars per million tokens, 0 for your own"
                    " machine) into its pool entry"
                )
                raise ModelError(
                    f"budget: model {entry.name!r} has no price; {do}, or leave the budget out"
                )
            if entry.max_tokens is None and not _free(entry):
                raise ModelError(
                    f"budget: model {entry.name!r} has no max_tokens, so no call of it can be kept"
                    " within one; write it into its pool entry"
                )

    def hold(self, entry: ModelEntry, ask: Ask) -> bool:
        """Put a call's estimate aside; False, and nothing put aside, where it would go over the
        budget. What costs nothing always goes.
        """
        if self.limit is None or _free(entry):
            return True
        guess = price(entry, letters(ask) // LETTERS, ask.max_tokens or ANSWER) or 0.0
        if self.spent + self._holding + guess > self.limit:
            return False
        self._held[ask.call_id] = guess
        self._holding += guess
        return True

    def paid(self, entry: ModelEntry, ask: Ask, reply: Reply) -> None:
        """A call has come back: what it cost takes the place of its estimate."""
        self.let_go(reply.call_id)
        self.spent += cost(entry, ask, reply) or 0.0

    def let_go(self, call_id: str) -> None:
        """A call that cost nothing, because it got no answer."""
        self._holding -= self._held.pop(call_id, 0.0)


def cost(entry: ModelEntry, ask: Ask, reply: Reply) -> float | None:
    """Dollars that a call has cost; by its letters where the endpoint does not say how many tokens
    it counted. None where there is no price.
    """
    if reply.tokens_in or reply.tokens_out:
        return price(entry, reply.tokens_in, reply.tokens_out)
    return price(entry, letters(ask) // LETTERS, len(reply.text) // LETTERS)


def letters(ask: Ask) -> int:
    """What an ask holds, for estimates of its tokens."""
    return sum(len(message.content) for message in ask.messages) + len(ask.json_schema)


def _free(entry: ModelEntry) -> bool:
    return entry.kind not in PAID or (entry.price_in == 0 and entry.price_out == 0)


def price(entry: ModelEntry, tokens_in: int, tokens_out: int) -> float | None:
    """Dollars for so many tokens; None where the pool entry has no price, 0 for what runs on this
    machine or was recorded.
    """
    if entry.kind not in PAID:
        return 0.0
    if entry.price_in is None or entry.price_out is None:
        return None
    return (tokens_in * entry.price_in + tokens_out * entry.price_out) / 1e6
