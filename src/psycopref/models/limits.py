"""Asking many models at once: what is known from the ledger, the rest under each model's own limits, each call once."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from psycopref.errors import ModelError
from psycopref.models import pool
from psycopref.models.chat import Ask, Reply
from psycopref.models.crew import Crew, Unanswered
from psycopref.models.pool import ModelEntry
from psycopref.progress import Progress
from psycopref.store.ledger import Ledger

CHUNK = 256  # asks looked up in the ledger together
WINDOW = 4096  # asks in memory at once
_SHOWN = 3  # reasons told in the closing error


def answer_all(
    asks: Iterable[Ask], models: Sequence[ModelEntry], ledger: Ledger, stage: str, count: Callable[[int], None], progress: Progress
) -> Iterator[tuple[Ask, Reply]]:
    """Every ask with its reply, in any order; equal asks are one call and one pair for each of them.

    A new reply is in the ledger before it is yielded, and `count` is told how many came from providers. Asks and replies
    stream: at most about WINDOW asks are held. ModelError before any call where a model cannot be asked (a key that is
    not set), and at the end, when all else is answered and kept, where some calls got no answer.
    """
    desk = _Desk({entry.name: entry for entry in models}, ledger, stage, count, progress)
    source, more = iter(asks), True
    try:
        while more or desk.waiting:
            if more and len(desk.waiting) < WINDOW:
                part = list(islice(source, CHUNK))
                more = len(part) == CHUNK
                yield from desk.take(part)
            yield from desk.arrived(block=not more or len(desk.waiting) >= WINDOW)
    finally:
        desk.close()
    desk.complain()


class _Desk:
    """What has been asked and not yet answered. Used from the caller's thread alone: the ledger is a SQLite connection."""

    def __init__(self, models: dict[str, ModelEntry], ledger: Ledger, stage: str, count: Callable[[int], None], progress: Progress) -> None:
        self.waiting: dict[str, list[Ask]] = {}
        self._models, self._ledger, self._stage, self._count, self._progress = models, ledger, stage, count, progress
        self._crew: Crew | None = None
        self._calls = 0
        self._unanswered: Counter[str] = Counter()

    def take(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Reply]]:
        """Yield the asks that the ledger knows; hand the others to their models, equal ones once."""
        by_id: dict[str, list[Ask]] = {}
        for ask in asks:
            by_id.setdefault(ask.call_id, []).append(ask)
        known = self._ledger.get([call_id for call_id in by_id if call_id not in self.waiting])
        fresh: list[tuple[str, Ask]] = []
        for call_id, equal in by_id.items():
            if call_id in self.waiting:
                self.waiting[call_id].extend(equal)
            elif call_id not in known:
                self.waiting[call_id] = equal
                fresh.append((call_id, equal[0]))
        self._calls += len(known) + len(fresh)
        if fresh:
            self._send(fresh)
        for call_id, reply in known.items():
            yield from ((ask, reply) for ask in by_id[call_id])

    def _send(self, fresh: list[tuple[str, Ask]]) -> None:
        for _, ask in fresh:
            if ask.model not in self._models:
                raise ModelError(f"{self._stage}: no entry named {ask.model!r} among the models {list(self._models)}; add it to the pool")
        if self._crew is None:
            for entry in self._models.values():
                pool.check(entry)
            self._crew = Crew(self._models)
        self._crew.send(fresh)

    def arrived(self, block: bool) -> Iterator[tuple[Ask, Reply]]:
        """Keep whatever has come, in one commit, then yield it. With `block`, wait until something has come."""
        if self._crew is None or not self.waiting:
            return
        kept = self._keep(self._crew.arrived(block))
        for reply, equal in kept:
            yield from ((ask, reply) for ask in equal)

    def _keep(self, results: Sequence[Reply | Unanswered]) -> list[tuple[Reply, list[Ask]]]:
        replies = [one for one in results if isinstance(one, Reply) and one.call_id in self.waiting]
        if replies:
            self._ledger.add([(self.waiting[reply.call_id][0], reply) for reply in replies], self._stage)
            self._count(len(replies))
        for one in results:
            if isinstance(one, Unanswered):
                ask = self.waiting.pop(one.call_id)[0]
                self._unanswered[f"{ask.model}: {one.why}"] += 1
        return [(reply, self.waiting.pop(reply.call_id)) for reply in replies]

    def close(self) -> None:
        """Stop the models; what they had already answered is kept even when the caller stopped listening."""
        if self._crew is not None:
            self._keep(self._crew.stop())
            self._crew = None

    def complain(self) -> None:
        """ModelError where calls were left without an answer."""
        lost = self._unanswered.total()
        if not lost:
            return
        reasons = [f"{why} ×{n}" for why, n in self._unanswered.most_common(_SHOWN)]
        if len(self._unanswered) > _SHOWN:
            reasons.append(f"and {len(self._unanswered) - _SHOWN} more reasons")
        raise ModelError(
            f"{self._stage}: {lost} of {self._calls} calls got no answer ({'; '.join(reasons)}); "
            f"the other {self._calls - lost} are kept; run again to make only the missing ones"
        )
