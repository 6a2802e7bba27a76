"""Asking many models at once: what is known from the ledger, the rest under each model's own
limits, each call once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from psycopref.errors import ModelError
from psycopref.models import connect
from psycopref.models.budget import Budget, cost
from psycopref.models.calling import dispatch
from psycopref.models.calling.dispatch import Dispatcher
from psycopref.models.calling.lane import Note, Result, Unanswered
from psycopref.models.calling.spill import SpillFile
from psycopref.models.entries import ENDPOINTS, GATHERED, ModelEntry
from psycopref.progress import Progress
from psycopref.store.calls import Ask, Reply
from psycopref.store.ledger import Ledger

CHUNK = 64  # asks looked up in the ledger together
SPILLED = 1 << 30  # bytes of asks on disk, over which no more are read ahead
_SHOWN = 3  # reasons told in the closing error


def answer_all(
    asks: Iterable[Ask],
    models: Sequence[ModelEntry],
    ledger: Ledger,
    stage: str,
    count: Callable[[int], None],
    progress: Progress,
    budget: Budget | None = None,
) -> Iterator[tuple[Ask, Reply]]:
    """Every ask with its reply, in any order; equal asks are one call and one pair for each of
    them.

    A new reply is in the ledger before it is yielded, and `count` is told how many came from
    providers. Asks and replies stream: for each model about twice as many asks are held as may be
    in flight. Where one model is slower than the rest, its further asks wait on disk beside the
    ledger. ModelError before any call where a model cannot be asked (a key that is not set), and at
    the end, when all else is answered and kept, where some calls got no answer, or the next one
    would go over the budget of `budget`.
    """
    requests = _Requests(
        {entry.name: entry for entry in models}, ledger, stage, count, progress, budget or Budget()
    )
    source, more = iter(asks), True
    try:
        while True:
            if shelved := requests.from_shelf():
                yield from requests.take(shelved)
            elif more and requests.hungry():
                part = list(islice(source, CHUNK))
                more = len(part) == CHUNK
                yield from requests.take(part)
            elif requests.waiting:
                yield from requests.arrived(block=True)
            else:
                break
            yield from requests.arrived(block=False)
    finally:
        requests.close()
    requests.complain()


class _Requests:
    """What has been asked and not yet answered. Used from the caller's thread alone: the ledger is
    a SQLite connection.
    """

    def __init__(
        self,
        models: dict[str, ModelEntry],
        ledger: Ledger,
        stage: str,
        count: Callable[[int], None],
        progress: Progress,
        budget: Budget,
    ) -> None:
        self.waiting: dict[str, list[Ask]] = {}
        self._budget, self._tight, self._broke = (
            budget,
            False,
            False,
        )  # tight: no money for another call until one comes back; broke: none at all
        self._models, self._ledger, self._stage, self._count, self._progress = (
            models,
            ledger,
            stage,
            count,
            progress,
        )
        self._enough = {name: _enough(entry) for name, entry in models.items()}
        self._load: Counter[str] = Counter()  # calls that wait, by model
        self._spills: dict[str, SpillFile] = {}
        self._dispatcher: Dispatcher | None = None
        self._calls = 0
        self._unanswered: Counter[str] = Counter()

    def hungry(self) -> bool:
        """Whether some model could do with more asks: at the start, and where one that has been
        asked has too few.
        """
        if self._tight or self._broke:
            return False
        if sum(spill.bytes for spill in self._spills.values()) > SPILLED:
            return False
        return not self._load or any(
            load < self._enough[model] and not self._shelved(model)
            for model, load in self._load.items()
        )

    def _shelved(self, model: str) -> int:
        return self._spills[model].asks if model in self._spills else 0

    def from_shelf(self) -> list[Ask]:
        """Asks that waited on disk for a model that now has room for them, and for money."""
        if (self._tight and self.waiting) or self._broke:
            return []
        self._tight = False
        for model, spill in self._spills.items():
            if spill.asks and self._load[model] < self._enough[model]:
                return spill.take(CHUNK)
        return []

    def take(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Reply]]:
        """Yield the asks that the ledger knows; hand the others to their models, equal ones
        once.
        """
        by_id: dict[str, list[Ask]] = {}
        for ask in asks:
            by_id.setdefault(ask.call_id, []).append(ask)
        known = self._ledger.get([call_id for call_id in by_id if call_id not in self.waiting])
        fresh: list[tuple[str, Ask]] = []
        for call_id, equal in by_id.items():
            if call_id in self.waiting:
                self.waiting[call_id].extend(equal)
            elif call_id not in known and not self._shelve(equal):
                self.waiting[call_id] = equal
                self._load[equal[0].model] += 1
                fresh.append((call_id, equal[0]))
        self._calls += len(known) + len(fresh)
        if fresh:
            self._send(fresh)
        for call_id, reply in known.items():
            yield from ((ask, reply) for ask in by_id[call_id])

    def _affords(self, ask: Ask) -> bool:
        """Whether there is money for a call; where there is none, but calls in flight, what those
        turn out to cost is waited for.
        """
        if ask.model not in self._models:
            return True  # an error of its own
        if not self._tight and not self._broke:
            able = self._budget.hold(self._models[ask.model], ask)
            self._tight, self._broke = not able, not able and not self.waiting
        return not self._tight and not self._broke

    def _shelve(self, equal: list[Ask]) -> bool:
        """Put asks aside whose model has enough to do (a chunk more than enough is taken, so that
        one model alone needs no disk).
        """
        model = equal[0].model
        if self._load[model] < self._enough.get(model, 0) + CHUNK and self._affords(equal[0]):
            return False
        if model not in self._spills:
            self._spills[model] = SpillFile(self._ledger.path.parent)
        for ask in equal:
            self._spills[model].put(ask)
        return True

    def _send(self, fresh: list[tuple[str, Ask]]) -> None:
        for _, ask in fresh:
            if ask.model not in self._models:
                raise ModelError(
                    f"{self._stage}: no entry named {ask.model!r} among the models"
                    f" {list(self._models)}; add it to the pool"
                )
        if self._dispatcher is None:
            self._budget.check(self._models.values())
            for entry in self._models.values():
                connect.check(entry)
            self._dispatcher = Dispatcher(self._models, self._ledger.path.parent)
        self._dispatcher.send(fresh)

    def arrived(self, block: bool) -> Iterator[tuple[Ask, Reply]]:
        """Keep whatever has come, in one commit, then yield it. With `block`, wait until something
        has come.
        """
        if self._dispatcher is None or not self.waiting:
            return
        results = self._dispatcher.arrived(block)
        self._tight = self._tight and not results
        kept = self._keep(results)
        for reply, equal in kept:
            yield from ((ask, reply) for ask in equal)

    def _keep(self, results: Sequence[Result]) -> list[tuple[Reply, list[Ask]]]:
        replies = [one for one in results if isinstance(one, Reply) and one.call_id in self.waiting]
        if replies:
            self._ledger.add(
                [(self.waiting[reply.call_id][0], reply) for reply in replies],
                self._stage,
                self._cost,
            )
            self._count(len(replies))
            for reply in replies:
                ask = self.waiting[reply.call_id][0]
                self._budget.paid(self._models[ask.model], ask, reply)
            if self._dispatcher is not None:
                self._dispatcher.kept(
                    Counter(self.waiting[reply.call_id][0].model for reply in replies)
                )
        for one in results:
            if isinstance(one, Note):
                self._progress.say(f"{self._stage}: {one.text}")
            elif isinstance(one, Unanswered):
                ask = self._pop(one.call_id)[0]
                self._budget.let_go(one.call_id)
                self._unanswered[f"{ask.model}: {one.why}"] += 1
        return [(reply, self._pop(reply.call_id)) for reply in replies]

    def _cost(self, ask: Ask, reply: Reply) -> float | None:
        return cost(self._models[ask.model], ask, reply)

    def _pop(self, call_id: str) -> list[Ask]:
        equal = self.waiting.pop(call_id)
        self._load[equal[0].model] -= 1
        return equal

    def close(self) -> None:
        """Stop the models; what they had already answered is kept even when the caller stopped
        listening.
        """
        for spill in self._spills.values():
            spill.close()
        stopped, self._dispatcher = self._dispatcher, None
        if stopped is not None:
            self._keep(stopped.stop())

    def complain(self) -> None:
        """ModelError where calls were left without an answer, or for another day."""
        if self._broke:
            spent = (
                f"the budget of {self._budget.limit:,.2f} dollars leaves no room for another call"
                f" ({self._budget.spent:,.2f} spent in this workspace)"
            )
            raise ModelError(
                f"{self._stage}: {spent}; everything answered is kept; raise `budget` and run"
                " again: no call is paid for twice"
            )
        lost = self._unanswered.total()
        if not lost:
            return
        reasons = [f"{why} ×{n}" for why, n in self._unanswered.most_common(_SHOWN)]
        if len(self._unanswered) > _SHOWN:
            reasons.append(f"and {len(self._unanswered) - _SHOWN} more reasons")
        raise ModelError(
            f"{self._stage}: {lost} of {self._calls} calls got no answer ({'; '.join(reasons)});"
            f" the other {self._calls - lost} are kept; a run after this one makes only the missing"
            " ones (where a call was not accepted, mend that first)"
        )


def _enough(entry: ModelEntry) -> int:
    """Asks of a model that are held: twice what may be in flight or goes into a batch; of a
    provider's batch API, one batch.
    """
    if entry.kind in ENDPOINTS:
        return 2 * entry.concurrency + CHUNK
    return (
        dispatch.together(entry)
        if entry.kind in GATHERED
        else 2 * max(entry.concurrency, dispatch.BATCH) + CHUNK
    )
