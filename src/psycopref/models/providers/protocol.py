"""What a provider is: the two ways of answering asks, and the failure that says nothing of an
answer.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from psycopref.store.calls import Ask, Outcome, Reply


class Busy(Exception):
    """A transport failure that says nothing about the answer: rate limit, 5xx, time-out.

    `wait` is what the endpoint asks for in seconds, or None; `limited` marks a 429: the endpoint is
    well, and this was too much. `ends` is the outcome that a call has where it fails so each time
    while its model answers others: an answer without any choice is how some filters look. The
    message holds status codes and host names only, never any text of the request.
    """

    def __init__(
        self,
        why: str,
        wait: float | None = None,
        limited: bool = False,
        ends: Outcome | None = None,
    ) -> None:
        super().__init__(why)
        self.wait = wait
        self.limited = limited
        self.ends = ends


@runtime_checkable
class Provider(Protocol):
    """Answers one ask at a time, many in flight, on an event loop.

    `ask` raises Busy when it should be tried again, and a ModelError that holds no text of the
    request when that would not help. `notes` is what it found out and the user should know, to be
    taken out by who tells it. `close` lets go of its connections.
    """

    notes: list[str]

    async def ask(self, ask: Ask) -> Reply: ...

    async def close(self) -> None: ...


@runtime_checkable
class BatchProvider(Protocol):
    """Answers many asks in its own batches (local weights, a recording, a provider's batch API), in
    a thread of its own.

    `answer` yields as it goes, in any order; a PsycoprefError at its end is why the others have no
    reply. `stop` is called from another thread: no reply is wanted any more.
    """

    def answer(self, asks: Sequence[Ask]) -> Iterator[Reply]: ...

    def stop(self) -> None: ...


@runtime_checkable
class FiniteProvider(BatchProvider, Protocol):
    """A batch provider that answers only calls that it has, and says which: a recording."""

    def call_ids(self) -> frozenset[str]: ...
