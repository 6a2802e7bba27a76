"""The models at work: one event loop in a thread for endpoints, one thread for each model that answers in batches."""

import asyncio
import queue
import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from psycopref.errors import PsycoprefError
from psycopref.models.chat import Ask, BatchProvider, Busy, Provider, Reply
from psycopref.models.pool import ModelEntry, connect

TRIES = 6  # for one call
FIRST_WAIT = 0.5  # seconds before the second try, doubled from try to try
CAP = 30.0  # seconds, the longest wait that nobody asked for
LONGEST_WAIT = 600.0  # seconds, the longest Retry-After that is honoured
GIVE_UP = 20  # calls in a row without an answer, after which a model is left alone for the rest of the stage
BATCH = 64  # asks handed to a batch provider together

Work = tuple[str, Ask]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A call that ended without an answer, and why (host names, status codes and settings; never any text of it)."""

    call_id: str
    why: str


Result = Reply | Unanswered
Outbox = queue.SimpleQueue[Result | BaseException]


class Crew:
    """Takes work with `send`, gives results with `arrived`; both are called from one thread."""

    def __init__(self, models: Mapping[str, ModelEntry]) -> None:
        self._models = models
        self._outbox: Outbox = queue.SimpleQueue()
        self._lanes: dict[str, _Endpoint | _Batches] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="psycopref-models", daemon=True)
        self._thread.start()

    def send(self, work: Sequence[Work]) -> None:
        """Hand asks to their models' lanes; a lane is opened with its first ask."""
        by_model: dict[str, list[Work]] = {}
        for one in work:
            by_model.setdefault(one[1].model, []).append(one)
        for model in by_model.keys() - self._lanes.keys():
            self._lanes[model] = self._open(self._models[model])
        for model, part in by_model.items():
            self._lanes[model].send(part)

    def _open(self, entry: ModelEntry) -> "_Endpoint | _Batches":
        provider = connect(entry)
        if isinstance(provider, Provider):
            return _Endpoint(entry, provider, self._loop, self._outbox)
        return _Batches(entry, provider, self._outbox)

    def arrived(self, block: bool) -> list[Result]:
        """Whatever has come; with `block` at least one. An error that is nobody's answer is raised here."""
        results: list[Result] = []
        try:
            while True:
                one = self._outbox.get(block=block and not results)
                if isinstance(one, BaseException):
                    self._outbox.put(one)
                    if results:
                        return results
                    raise one
                results.append(one)
        except queue.Empty:
            return results

    def stop(self) -> list[Result]:
        """Stop every lane (calls in flight are dropped) and give what had come."""
        for lane in self._lanes.values():
            lane.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        results: list[Result] = []
        while not self._outbox.empty():
            one = self._outbox.get()
            if not isinstance(one, BaseException):
                results.append(one)
        return results


class _Health:
    """Counts calls in a row without an answer; a model that is down is not asked a million times."""

    def __init__(self) -> None:
        self.down, self._row = "", 0

    def answered(self) -> None:
        self._row = 0

    def failed(self, why: str) -> None:
        self._row += 1
        if self._row >= GIVE_UP:
            self.down = why


class _Endpoint:
    """One model behind an endpoint: `concurrency` workers on the shared loop take asks from one queue."""

    def __init__(self, entry: ModelEntry, provider: Provider, loop: asyncio.AbstractEventLoop, outbox: Outbox) -> None:
        self._provider, self._loop, self._outbox, self._health = provider, loop, outbox, _Health()
        self._inbox: asyncio.Queue[Work] = asyncio.Queue()
        self._free_at = 0.0
        self._workers: list[asyncio.Task[None]] = []
        loop.call_soon_threadsafe(self._start, entry.concurrency)

    def _start(self, workers: int) -> None:
        self._workers = [self._loop.create_task(self._work()) for _ in range(workers)]
        for worker in self._workers:
            worker.add_done_callback(self._ended)

    def _ended(self, worker: asyncio.Task[None]) -> None:
        if not worker.cancelled() and (fault := worker.exception()) is not None:
            self._outbox.put(fault)  # raised again in the caller's thread

    def send(self, work: Sequence[Work]) -> None:
        self._loop.call_soon_threadsafe(self._put, work)

    def _put(self, work: Sequence[Work]) -> None:
        for one in work:
            self._inbox.put_nowait(one)

    async def _work(self) -> None:
        while True:
            self._outbox.put(await self._answer(*await self._inbox.get()))

    async def _answer(self, call_id: str, ask: Ask) -> Result:
        why = self._health.down
        for tried in range(0 if why else TRIES):
            await self._rest()
            try:
                reply = await self._provider.ask(ask)
            except Busy as busy:
                why = str(busy)
                if tried + 1 < TRIES:
                    await self._back_off(tried, busy.wait)
            except PsycoprefError as error:
                why = str(error)
                break
            else:
                self._health.answered()
                return reply
        self._health.failed(why)
        return Unanswered(call_id, why)

    async def _back_off(self, tried: int, wait: float | None) -> None:
        if wait is not None:  # the endpoint has spoken for the model: all its workers hold still
            self._free_at = max(self._free_at, time.monotonic() + min(wait, LONGEST_WAIT))
        # Jitter is for the endpoint's sake and touches no result, so it need not be repeatable.
        await asyncio.sleep(min(CAP, FIRST_WAIT * 2**tried) * random.uniform(0.5, 1.0))

    async def _rest(self) -> None:
        while (left := self._free_at - time.monotonic()) > 0:
            await asyncio.sleep(left * random.uniform(1.0, 1.1))

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()

    async def _stop(self) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await self._provider.close()


class _Batches:
    """One model on this machine: a thread collects what is waiting and has it answered in batches."""

    def __init__(self, entry: ModelEntry, provider: BatchProvider, outbox: Outbox) -> None:
        self._provider, self._outbox, self._stopped = provider, outbox, threading.Event()
        self._inbox: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"psycopref-{entry.name}")
        self._executor.submit(self._work).add_done_callback(self._ended)

    def _ended(self, work: "Future[None]") -> None:
        if (fault := work.exception()) is not None:
            self._outbox.put(fault)  # raised again in the caller's thread

    def send(self, work: Sequence[Work]) -> None:
        for one in work:
            self._inbox.put(one)

    def _work(self) -> None:
        while (part := self._collect()) and not self._stopped.is_set():
            self._answer(dict(part))

    def _collect(self) -> list[Work]:
        """At least one ask, at most BATCH; nothing once the lane is stopped."""
        part: list[Work] = []
        while len(part) < BATCH and not (part and self._inbox.empty()):
            one = self._inbox.get()
            if one is None:
                return []
            part.append(one)
        return part

    def _answer(self, left: dict[str, Ask]) -> None:
        why = "the provider gave no reply"
        try:
            for reply in self._provider.answer(list(left.values())):
                left.pop(reply.call_id)
                self._outbox.put(reply)
                if self._stopped.is_set():
                    return
        except PsycoprefError as error:
            why = str(error)
        for call_id in left:
            self._outbox.put(Unanswered(call_id, why))

    def stop(self) -> None:
        self._stopped.set()
        self._inbox.put(None)
        self._executor.shutdown()
