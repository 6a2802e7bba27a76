"""Calls to endpoints on an event loop: which call goes next, tried again until it has an answer or
is given up.
"""

import asyncio
import heapq
import math
import queue
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from psycopref.errors import PsycoprefError
from psycopref.models.calling.rate_limit import (
    ANSWER,
    LETTERS,
    CircuitBreaker,
    RateLimit,
    wait_after,
)
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.protocol import Busy, Provider
from psycopref.store.calls import Ask, Reply

TRIES = 6  # for one call, while its model is well
LIMITED = 60  # times that one call may be told to slow down
TOLD = 10.0  # seconds of a wait that is asked for, from which on it is told

Work = tuple[str, Ask]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A call that ended without an answer, and why (host names, status codes and settings; never
    any text of it).
    """

    call_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Note:
    """A word for whoever watches the run: a model went away, came back, or was given up."""

    text: str


Result = Reply | Unanswered | Note
Outbox = queue.SimpleQueue[Result | BaseException]


@dataclass(slots=True)
class _Call:
    """One call on its way."""

    call_id: str
    ask: Ask
    tokens: int
    tries: int = 0
    limited: int = 0


class Endpoint:
    """The lanes behind one RateLimit. A free place goes to the lane with the fewest calls in
    flight, so a slow model starves nobody.
    """

    def __init__(self, pace: RateLimit, loop: asyncio.AbstractEventLoop) -> None:
        self.pace = pace
        self.loop = loop
        self.lanes: list[Lane] = []
        self._alarm: asyncio.TimerHandle | None = None

    def pump(self) -> None:
        """Let everything go that may, and wake up when the next may."""
        now = self.loop.time()
        while not (wait := self.pace.wait(now)):
            ready = [lane for lane in self.lanes if not lane.wait(now)]
            if not ready:
                break
            min(ready, key=lambda lane: lane.in_flight).go(now)
        self._wake(max(wait, min((lane.wait(now) for lane in self.lanes), default=math.inf)), now)

    def _wake(self, wait: float, now: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        # An infinite wait ends with a call that comes back or with new work; both pump.
        self._alarm = (
            self.loop.call_at(now + wait + 0.001, self.pump) if math.isfinite(wait) else None
        )

    def close(self) -> None:
        """Wake up no more."""
        self._wake(math.inf, 0.0)


class Lane:
    """One model behind an endpoint. Everything but `send`, `kept` and `stop` happens on the event
    loop.

    A call holds its place among those in flight until its reply is in the ledger, so that no more
    than `concurrency` calls can be lost, and asked twice, when the process is killed.
    """

    def __init__(
        self, entry: ModelEntry, provider: Provider, endpoint: Endpoint, outbox: Outbox
    ) -> None:
        self.in_flight = 0
        self._entry = entry
        self._provider = provider
        self._endpoint = endpoint
        self._outbox = outbox
        self._breaker = CircuitBreaker(entry.patience)
        self._dropped = False
        self._fresh: deque[_Call] = deque()
        self._later: list[tuple[float, int, _Call]] = []
        self._number = count()
        self._tasks: set[asyncio.Task[None]] = set()
        # Jitter is for the endpoint's sake and touches no result, so it need not be repeatable.
        self._dice: Callable[[], float] = random.random
        endpoint.loop.call_soon_threadsafe(endpoint.lanes.append, self)

    def send(self, work: Sequence[Work]) -> None:
        """Take asks in; called from another thread."""
        self._endpoint.loop.call_soon_threadsafe(self._take, work)

    def _take(self, work: Sequence[Work]) -> None:
        counted = self._endpoint.pace.counts_tokens
        self._fresh.extend(
            _Call(call_id, ask, _estimate(ask) if counted else 0) for call_id, ask in work
        )
        self._drop_if_gone()
        self._endpoint.pump()

    def kept(self, calls: int) -> None:
        """So many replies are in the ledger; called from another thread."""
        self._endpoint.loop.call_soon_threadsafe(self._release, calls)

    def _release(self, calls: int) -> None:
        self.in_flight -= calls
        self._endpoint.pace.in_flight -= calls
        self._endpoint.pump()

    def wait(self, now: float) -> float:
        """Seconds until this lane has a call that may go."""
        due = math.inf
        if self._fresh:
            due = 0.0
        elif self._later:
            due = max(0.0, self._later[0][0] - now)
        return max(due, self._breaker.wait(now))

    def go(self, now: float) -> None:
        """Send the next call: one that waited for its next try, or a fresh one.

        While the model is down a fresh one goes first: one that failed before may be at fault
        itself, and would keep the model closed that has long come back.
        """
        due = bool(self._later) and self._later[0][0] <= now
        if self._later and (not self._fresh or (due and not self._breaker.open)):
            call = heapq.heappop(self._later)[2]
        else:
            call = self._fresh.popleft()
        self.in_flight += 1
        self._endpoint.pace.sent(now, call.tokens)
        task = self._endpoint.loop.create_task(self._ask(call, self._breaker.sent()))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._outbox.put(fault)  # raised again in the caller's thread

    async def _ask(self, call: _Call, trial: bool) -> None:
        try:
            reply = await self._provider.ask(call.ask)
        except Busy as busy:
            self._failed(call, busy, trial)
        except PsycoprefError as error:
            self._breaker.refused(str(error))
            self._ended(call, str(error))
        else:
            self._answered(call, reply, trial)
        while self._provider.notes:
            self._outbox.put(Note(self._provider.notes.pop(0)))
        self._drop_if_gone()

    def _answered(self, call: _Call, reply: Reply, trial: bool) -> None:
        if self._breaker.answered(trial):
            self._outbox.put(Note(f"{self._entry.name} answers again"))
        self._endpoint.pace.answered(
            self._endpoint.loop.time(), call.tokens, reply.tokens_in + reply.tokens_out
        )
        self._outbox.put(reply)

    def _failed(self, call: _Call, busy: Busy, trial: bool) -> None:
        """A 429 speaks for all that share the pace, anything else for this model alone; an outage
        is no fault of the call's.
        """
        now = self._endpoint.loop.time()
        if busy.ends and self._breaker.proven:
            self._no_choice(call, busy, now)
            return
        known = self._breaker.open
        self._breaker.failed(
            now, str(busy), trial, None if busy.limited else busy.wait, self._dice()
        )
        self._slow_down(now, busy, known)
        if self._breaker.open and not known:
            self._outbox.put(
                Note(
                    f"{self._entry.name} does not answer ({busy}); it gets one call at a time until"
                    " it does"
                )
            )
        call.limited += busy.limited
        call.tries += not (busy.limited or known)
        if call.tries >= TRIES or call.limited >= LIMITED:
            self._ended(call, str(busy))
        elif busy.limited and not known:
            # its place stays taken meanwhile, or the next call would run into the same wall
            self._endpoint.loop.call_later(
                wait_after(call.limited, self._dice()), self._again, call
            )
        elif known:
            # behind the others: next time another call tries the model out
            self._fresh.append(call)
            self._release(1)
        else:
            heapq.heappush(
                self._later, (now + wait_after(call.tries, self._dice()), next(self._number), call)
            )
            self._release(1)

    def _no_choice(self, call: _Call, busy: Busy, now: float) -> None:
        """A model that answers others gave this call nothing at all: no outage, and after TRIES the
        call's own outcome.
        """
        call.tries += 1
        if call.tries >= TRIES and busy.ends:
            self._answered(call, Reply(call.call_id, busy.ends, ""), False)
            return
        wait = wait_after(call.tries, self._dice())
        heapq.heappush(self._later, (now + wait, next(self._number), call))
        self._release(1)

    def _slow_down(self, now: float, busy: Busy, known: bool) -> None:
        pace = self._endpoint.pace
        alone = len(self._endpoint.lanes) == 1
        if busy.limited and busy.wait is not None:
            # No longer than the model may be down: its patience is what the user said.
            wait = pace.hold(now, min(busy.wait, self._entry.patience))
            if wait >= TOLD:
                self._outbox.put(Note(f"{self._entry.name} asks to wait {wait:.0f} s ({busy})"))
        if busy.limited or alone or not known:
            pace.window.failed(now)
        if alone and self._breaker.open and not known:
            pace.window.collapse(now)

    def _again(self, call: _Call) -> None:
        self._fresh.appendleft(call)
        self._drop_if_gone()
        self._release(1)

    def _ended(self, call: _Call, why: str) -> None:
        self._give_up(call, why)
        self._release(1)

    def _give_up(self, call: _Call, why: str) -> None:
        self._outbox.put(Unanswered(call.call_id, why))

    def _drop_if_gone(self) -> None:
        if self._breaker.gone:
            if not self._dropped:
                self._outbox.put(
                    Note(
                        f"{self._entry.name} is given up ({self._breaker.gone}); the other models"
                        " go on"
                    )
                )
            self._dropped = True
            for call in (*self._fresh, *(late[2] for late in self._later)):
                self._give_up(call, self._breaker.gone)
            self._fresh.clear()
            self._later.clear()

    def stop(self) -> None:
        """Drop what is in flight and close the connections; called from another thread."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._endpoint.loop).result()

    async def _stop(self) -> None:
        self._endpoint.lanes.remove(self)
        self._endpoint.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._provider.close()


def _estimate(ask: Ask) -> int:
    """Tokens of prompt and answer, before any are known."""
    return sum(len(one.content) for one in ask.messages) // LETTERS + (ask.max_tokens or ANSWER)
