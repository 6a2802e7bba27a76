"""The models at work: one event loop in a thread for endpoints, one thread for each model that
answers in batches.
"""

import asyncio
import queue
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Literal

from psycopref.errors import PsycoprefError
from psycopref.models.calling.lane import Endpoint, Lane, Outbox, Result, Unanswered, Work
from psycopref.models.calling.rate_limit import RateLimit
from psycopref.models.connect import connect
from psycopref.models.entries import GATHERED, ModelEntry
from psycopref.models.providers.protocol import BatchProvider, Provider
from psycopref.store.calls import Ask, Reply

BATCH = 64  # asks handed to a batch provider together
GATHER = 2.0  # seconds without a further ask after which calls are handed in to a batch API
# calls handed in to a batch API together, where the entry's `concurrency` says nothing
TOGETHER = 20_000
# seconds: nothing waits longer in one piece, since polars has Ctrl-C restart what is waited for
# instead of breaking it off
LOOK = 0.2
# seconds that replies are gathered for one commit; while it is written the next ones gather by
# themselves
LINGER = 0.001


class Dispatcher:
    """Takes work with `send`, gives results with `arrived`; both are called from one thread."""

    def __init__(self, models: Mapping[str, ModelEntry], place: Path) -> None:
        self._models = models
        self._place = place
        self._outbox: Outbox = queue.SimpleQueue()
        self._taken: list[Result | BaseException] = []  # since `arrived` was last called
        self._lanes: dict[str, Lane | _Batches] = {}
        self._endpoints: dict[tuple[str, ...], Endpoint] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="psycopref-models", daemon=True
        )
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

    def _open(self, entry: ModelEntry) -> "Lane | _Batches":
        provider = connect(entry, self._place)
        if isinstance(provider, Provider):
            return Lane(entry, provider, self._endpoint(entry), self._outbox)
        return _Batches(entry, provider, self._outbox)

    def _endpoint(self, entry: ModelEntry) -> Endpoint:
        """An endpoint of its own for each model, or one for all shared models of one address, with
        the strictest of their limits.
        """
        key = _address(entry)
        if key not in self._endpoints:
            those = [one for one in self._models.values() if _address(one) == key]
            rates = [
                min((rate for rate in given if rate is not None), default=None)
                for given in (
                    [one.requests_per_minute for one in those],
                    [one.tokens_per_minute for one in those],
                )
            ]
            self._endpoints[key] = Endpoint(
                RateLimit(min(one.concurrency for one in those), *rates), self._loop
            )
        return self._endpoints[key]

    def kept(self, calls: Counter[str]) -> None:
        """So many replies of each model are in the ledger: as many further calls may go."""
        for model, number in calls.items():
            self._lanes[model].kept(number)

    def arrived(self, block: bool) -> list[Result]:
        """Whatever has come; with `block` at least one, and what comes just behind it. An error
        that is nobody's answer is raised here.
        """
        self._taken = []
        for lane in self._lanes.values() if block else ():
            if isinstance(lane, _Batches):
                lane.go()
        waits = block and self._outbox.empty()
        try:
            self._take(block)
            if waits:
                time.sleep(LINGER)
            while not isinstance(self._taken[-1], BaseException):
                self._take(block=False)
        except queue.Empty:
            return _results(self._taken)
        fault = self._taken[-1]
        self._outbox.put(fault)
        if len(self._taken) == 1 and isinstance(fault, BaseException):
            raise fault
        return _results(self._taken)

    def _take(self, block: bool) -> None:
        """One more from the outbox. What is taken is at once in the list, with no bytecode between,
        so that Ctrl-C loses nothing.
        """
        while True:
            try:
                return self._taken.extend(map(self._outbox.get, (block,), (LOOK,)))
            except queue.Empty:
                if not block:
                    raise

    def stop(self) -> list[Result]:
        """Stop every lane (calls in flight are dropped) and give what had come, with replies that
        `arrived` gave last (it may have been broken off).
        """
        for lane in self._lanes.values():
            if isinstance(lane, _Batches):
                lane.halt()
        for lane in self._lanes.values():
            lane.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        while self._thread.is_alive():
            self._thread.join(LOOK)
        self._loop.close()
        results: list[Result] = [one for one in self._taken if isinstance(one, Reply)]
        while not self._outbox.empty():
            results += _results([self._outbox.get()])
        return results


def _results(taken: Sequence[Result | BaseException]) -> list[Result]:
    return [one for one in taken if not isinstance(one, BaseException)]


def together(entry: ModelEntry) -> int:
    """How many calls a model that gathers them is handed at once: of a batch API one batch; weights
    cut their own batches, of prompts of like length.
    """
    said = entry.kind == "openai-batch" and "concurrency" in entry.model_fields_set
    return entry.concurrency if said else TOGETHER


def _address(entry: ModelEntry) -> tuple[str, ...]:
    """What a model shares its limits with: the endpoint, or nobody."""
    return (entry.url.rstrip("/").lower(), entry.key_env) if entry.shared else (entry.name,)


class _Batches:
    """One model on this machine: a thread collects what is waiting and has it answered in
    batches.
    """

    def __init__(self, entry: ModelEntry, provider: BatchProvider, outbox: Outbox) -> None:
        self._provider = provider
        self._outbox = outbox
        self._stopped = threading.Event()
        self._size = together(entry) if entry.kind in GATHERED else BATCH
        # What is handed to a batch API together is answered together, so it waits until nothing
        # more comes; weights are waited for by the caller, who says when that is.
        self._linger = {"openai-batch": GATHER, "weights": None}.get(entry.kind, 0.0)
        self._told = True
        self._inbox: queue.SimpleQueue[Work | Literal["go"] | None] = queue.SimpleQueue()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"psycopref-{entry.name}")
        self._working = self._executor.submit(self._work)
        self._working.add_done_callback(self._ended)

    def _ended(self, work: "Future[None]") -> None:
        if (fault := work.exception()) is not None:
            self._outbox.put(fault)  # raised again in the caller's thread

    def send(self, work: Sequence[Work]) -> None:
        for one in work:
            self._inbox.put(one)
        self._told = False

    def go(self) -> None:
        """Nothing more comes until some of it is answered."""
        if not self._told and self._linger is None:
            self._inbox.put("go")
        self._told = True

    def kept(self, calls: int) -> None:
        """Nothing waits for it: a batch is answered as a whole."""

    def _work(self) -> None:
        while (part := self._collect()) and not self._stopped.is_set():
            self._answer(dict(part))

    def _collect(self) -> list[Work]:
        """At least one ask, at most so many; nothing once the lane is stopped."""
        part: list[Work] = []
        while len(part) < self._size:
            try:
                one = self._inbox.get(
                    block=not part or self._linger != 0, timeout=self._linger if part else None
                )
            except queue.Empty:
                break
            if one is None:
                return []
            if one != "go":
                part.append(one)
            elif part:
                break
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

    def halt(self) -> None:
        """Say that no reply is wanted any more."""
        self._stopped.set()
        self._provider.stop()
        self._inbox.put(None)

    def stop(self) -> None:
        """Wait until the thread has ended."""
        self.halt()
        while not wait([self._working], LOOK).done:
            pass
        self._executor.shutdown()
