"""What a provider is: the two ways of answering asks, and the failure that says nothing of an
answer.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from psycopref.store.calls import Ask, Reply


class Busy(Exception):
    """A transport failure that says nothing about the answer: rate limit, 5xx, time-out.

    `wait` is what the endpoint asks for in seconds, or None; `limited` marks a 429: the endpoint is
    well, and this was too much. The message holds status codes and host names only, never any text
    of the request.
    """

    def __init__(self, why: str, wait: float | None = None, limited: bool = False) -> None:
        super().__init__(why)
        self.wait, self.limited = wait, limited


@runtime_checkable
class Provider(Protocol):
    """Answers one ask at a time, many in flight; raises Busy when the ask should be tried again."""

    async def ask(self, ask: Ask) -> Reply: ...

    async def close(self) -> None: ...


@runtime_checkable
class BatchProvider(Protocol):
    """Answers many asks in its own batches (local weights, a recording, a provider's batch API);
    yields as it goes.

    `stop` is called from another thread: no reply is wanted any more.
    """

    def answer(self, asks: Sequence[Ask]) -> Iterator[Reply]: ...

    def stop(self) -> None: ...
