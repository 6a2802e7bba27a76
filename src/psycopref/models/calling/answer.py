"""Asking many models at once: a stream of asks, or of exchanges whose next ask depends on the last
reply.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Generic, TypeAlias, TypeVar

from psycopref.models.calling.requests import Pair, Requests, enough
from psycopref.models.entries import ENDPOINTS, ModelEntry
from psycopref.store.calls import Ask, Reply

K = TypeVar("K")
T = TypeVar("T")

# Yields an ask, is sent its reply, yields the next one, and returns a value in the end. What it
# does must follow from its arguments and the replies alone: then a run after a killed one goes the
# same way through the ledger and asks only what is missing.
Exchange: TypeAlias = Generator[Ask, Reply, T]

LIVE = 10_000  # exchanges under way at once


def answer_all(asks: Iterable[Ask], requests: Requests) -> Iterator[Pair]:
    """Every ask with its reply, in any order; equal asks are one call and one pair for each of
    them.

    Asks and replies stream: for each model about twice as many asks are held as may be in flight.
    Where one model is slower than the rest, its further asks wait on disk beside the ledger.
    ModelError before any call where a model cannot be asked (a key that is not set), and at the
    end, when all else is answered and kept, where some calls got no answer, or the next one would
    go over the budget.
    """
    source = iter(asks)
    more = True
    try:
        while True:
            if more and requests.hungry():
                part = list(islice(source, requests.chunk))
                more = len(part) == requests.chunk
                requests.put(part)
            elif requests.idle:
                break
            yield from requests.step()
    finally:
        requests.close()
    requests.complain()


def play(
    exchanges: Iterable[tuple[K, Exchange[T]]], requests: Requests, live: int
) -> Iterator[tuple[K, T]]:
    """Every exchange's key and what it returned, in the order in which they end.

    Each advances at its own pace: its next ask is handed in as soon as its last one is answered,
    whatever the others wait for. Exchanges are begun as models have room for more, at most `live`
    at once. Asks wait on disk and are shared as in `answer_all`: exchanges that ask the same at the
    same time are sent one reply.

    An exchange that raises ends all, and what was answered is kept. An exchange whose call gets no
    answer is closed and has no value; the rest go on, and ModelError says so at the end, as it does
    where the budget leaves no room for another call.
    """
    source = iter(exchanges)
    more = True
    under_way: _UnderWay[K, T] = _UnderWay()
    # The models that first asks went to. Only when one of these has too little to do does it help
    # to begin more exchanges: what the others lack comes from those under way.
    openers: set[str] = set()
    try:
        while True:
            if more and under_way.live < live and requests.hungry(openers):
                most = min(requests.chunk, live - under_way.live)
                part = list(islice(source, most))
                more = len(part) == most
                asks = [ask for key, exchange in part for ask in under_way.begin(key, exchange)]
                openers.update(ask.model for ask in asks)
                requests.put(asks)
            elif requests.idle:
                break
            for ask, reply in requests.step():
                requests.put(under_way.reply(ask.call_id, reply))
            under_way.drop(requests.lost)
            requests.lost.clear()
            yield from under_way.ended()
    finally:
        try:
            requests.close()
        finally:
            under_way.close()
    requests.complain()


class _UnderWay(Generic[K, T]):
    """Exchanges that have begun, each by the call that it waits for."""

    def __init__(self) -> None:
        self.live = 0
        self._waiting: dict[str, list[tuple[K, Exchange[T]]]] = {}
        self._ended: list[tuple[K, T]] = []

    def begin(self, key: K, exchange: Exchange[T]) -> list[Ask]:
        """Go to its first ask, and give that where nobody waits for the same."""
        self.live += 1
        return self._go(key, exchange, partial(next, exchange))

    def reply(self, call_id: str, reply: Reply) -> list[Ask]:
        """Send a reply to those who wait for it, and give their next asks."""
        asks: list[Ask] = []
        for key, exchange in self._waiting.pop(call_id):
            asks += self._go(key, exchange, partial(exchange.send, reply))
        return asks

    def _go(self, key: K, exchange: Exchange[T], step: Callable[[], Ask]) -> list[Ask]:
        try:
            ask = step()
        except StopIteration as end:
            self.live -= 1
            self._ended.append((key, end.value))
            return []
        same = self._waiting.setdefault(ask.call_id, [])
        same.append((key, exchange))
        return [ask] if len(same) == 1 else []

    def drop(self, call_ids: Iterable[str]) -> None:
        """Close the exchanges that wait for calls which got no answer."""
        for call_id in call_ids:
            for _, exchange in self._waiting.pop(call_id):
                self.live -= 1
                exchange.close()

    def ended(self) -> list[tuple[K, T]]:
        """What has ended since this was last asked for."""
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Close whatever is under way."""
        for same in self._waiting.values():
            for _, exchange in same:
                exchange.close()


def room(models: Sequence[ModelEntry], live: int | None) -> int:
    """How many exchanges may be under way at once: `live`, or where None as many as keep every
    model at work, and LIVE at least.

    ValueError where `live` could not keep all models at work.
    """
    if live is None:
        return max(LIVE, sum(2 * enough(entry) for entry in models))
    least = sum(entry.concurrency for entry in models if entry.kind in ENDPOINTS)
    if live <= least:
        raise ValueError(
            f"live = {live}: the models may have {least} calls in flight, and as many exchanges"
            " must be under way, and one more; raise it, or lower `concurrency`"
        )
    return live


def in_rounds(
    exchanges: Iterable[tuple[K, Exchange[T]]],
    ask: Callable[[Iterable[Ask]], Iterator[Pair]],
) -> Iterator[tuple[K, T]]:
    """The same in rounds, for a lab that answers without asking models: everyone's first ask, then
    everyone's second one.
    """
    under_way: _UnderWay[K, T] = _UnderWay()
    asks: Iterator[Ask] = (
        one for key, exchange in exchanges for one in under_way.begin(key, exchange)
    )
    while True:
        later: list[Ask] = []
        for one, reply in ask(asks):
            later += under_way.reply(one.call_id, reply)
            yield from under_way.ended()
        yield from under_way.ended()
        if not later:
            break
        asks = iter(later)
