"""The desk where asks are handed in: looked up in the ledger, paid for, sent to their models, kept
when answered.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence

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
_FEW = 20  # replies of a model, after which it is told once that most of them came to nothing
_CUT_OFF = "cut off at max_tokens = {max_tokens}"
_NOTHING: dict[str, str] = {  # what is said of replies with an outcome
    "truncated": _CUT_OFF,
    "filtered": "stopped by a filter",
    "refused": "refusals",
    "overlong": "prompts too long for it",
}

Pair = tuple[Ask, Reply]


class Requests:
    """What has been asked and not yet answered: `put` asks at any time, `step` for replies.

    A new reply is in the ledger before `step` gives it, and `count` is told how many came from
    providers. About twice as many asks of a model are held as may be in flight; the rest wait on
    disk. Used from the caller's thread alone: the ledger is a SQLite connection.
    """

    def __init__(
        self,
        models: Sequence[ModelEntry],
        ledger: Ledger,
        stage: str,
        count: Callable[[int], None],
        progress: Progress,
        budget: Budget | None = None,
        *,
        chunk: int = CHUNK,
        spilled: int = SPILLED,
    ) -> None:
        self.chunk = chunk
        self.lost: list[str] = []  # calls that got no answer; whoever waits for them may clear it
        self._spilled = spilled
        self._models = {entry.name: entry for entry in models}
        self._ledger = ledger
        self._stage = stage
        self._count = count
        self._progress = progress
        self._budget = budget or Budget()
        self._tight = False  # no money for another call until one comes back
        self._broke = False  # no money for another call at all
        self._put: list[Ask] = []
        self._waiting: dict[str, list[Ask]] = {}  # equal asks by their call
        self._enough = {entry.name: enough(entry, chunk) for entry in models}
        self._load: Counter[str] = Counter()  # calls that wait, by model
        self._spills: dict[str, SpillFile] = {}
        self._dispatcher: Dispatcher | None = None
        self._calls = 0
        self._unanswered: Counter[str] = Counter()  # by reason
        self._outcomes: dict[str, Counter[str]] = {}  # of replies from providers, by model

    def hungry(self, among: Collection[str] = ()) -> bool:
        """Whether some model (one of `among`, where any are named) could do with more asks: at the
        start, and where one that has been asked has too few.
        """
        if self._tight or self._broke:
            return False
        if sum(spill.bytes for spill in self._spills.values()) > self._spilled:
            return False
        # a model whose calls were all in the ledger has no load, and says nothing of the others'
        asked = self._load.keys() & among or self._load.keys()
        return not asked or any(
            self._load[model] < self._enough[model] and not self._shelved(model) for model in asked
        )

    @property
    def idle(self) -> bool:
        """Whether `step` would give nothing: nothing is asked, or nothing that can be paid for."""
        shelved = not self._broke and any(spill.asks for spill in self._spills.values())
        return not (self._put or self._waiting or shelved)

    def put(self, asks: Sequence[Ask]) -> None:
        """Hand in asks; equal ones are one call, and a pair each."""
        self._put.extend(asks)

    def step(self) -> list[Pair]:
        """Send what can be sent, and give the replies that are there; with nothing to send, wait
        until something has come.
        """
        shelved = self._from_shelf()  # before what is new, or it might wait for ever
        pairs = self._take(shelved)
        asks, self._put = self._put, []
        pairs += self._take(asks)
        return pairs + self._arrived(block=not shelved and not asks)

    def _shelved(self, model: str) -> int:
        return self._spills[model].asks if model in self._spills else 0

    def _from_shelf(self) -> list[Ask]:
        """Asks that waited on disk for a model that now has room for them, and for money."""
        if (self._tight and self._waiting) or self._broke:
            return []
        self._tight = False
        for model, spill in self._spills.items():
            if spill.asks and self._load[model] < self._enough[model]:
                return spill.take(self.chunk)
        return []

    def _take(self, asks: Sequence[Ask]) -> list[Pair]:
        """The asks that the ledger knows, with their replies; the others go to their models, equal
        ones once.
        """
        if not asks:
            return []
        by_id: dict[str, list[Ask]] = {}
        for ask in asks:
            by_id.setdefault(ask.call_id, []).append(ask)
        known = self._ledger.get([call_id for call_id in by_id if call_id not in self._waiting])
        fresh: list[tuple[str, Ask]] = []
        for call_id, equal in by_id.items():
            if call_id in self._waiting:
                self._waiting[call_id].extend(equal)
            elif call_id not in known and not self._shelve(equal):
                self._waiting[call_id] = equal
                self._load[equal[0].model] += 1
                fresh.append((call_id, equal[0]))
        self._calls += len(known) + len(fresh)
        if fresh:
            self._send(fresh)
        return [(ask, reply) for call_id, reply in known.items() for ask in by_id[call_id]]

    def _affords(self, ask: Ask) -> bool:
        """Whether there is money for a call; where there is none, but calls in flight, what those
        turn out to cost is waited for.
        """
        if ask.model not in self._models:
            return True  # an error of its own
        if not self._tight and not self._broke:
            able = self._budget.hold(self._models[ask.model], ask)
            self._tight = not able
            self._broke = not able and not self._waiting
        return not self._tight and not self._broke

    def _shelve(self, equal: list[Ask]) -> bool:
        """Put asks aside whose model has enough to do (a chunk more than enough is taken, so that
        one model alone needs no disk).
        """
        model = equal[0].model
        most = self._enough.get(model, 0) + self.chunk
        if self._load[model] < most and self._affords(equal[0]):
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

    def _arrived(self, block: bool) -> list[Pair]:
        """Keep whatever has come, in one commit, then give it. With `block`, wait until something
        has come.
        """
        if self._dispatcher is None or not self._waiting:
            return []
        results = self._dispatcher.arrived(block)
        self._tight = self._tight and not results
        return [(ask, reply) for reply, equal in self._keep(results) for ask in equal]

    def _keep(self, results: Sequence[Result]) -> list[tuple[Reply, list[Ask]]]:
        replies = [
            one for one in results if isinstance(one, Reply) and one.call_id in self._waiting
        ]
        if replies:
            asks = [self._waiting[reply.call_id][0] for reply in replies]
            # first of all: Ctrl-C may come at any line from here on, and what is kept is kept
            self._ledger.add(list(zip(asks, replies, strict=True)), self._stage, self._cost)
            self._count(len(replies))
            for ask, reply in zip(asks, replies, strict=True):
                self._budget.paid(self._models[ask.model], ask, reply)
                self._watch(ask, reply)
            if self._dispatcher is not None:
                self._dispatcher.kept(Counter(ask.model for ask in asks))
        for one in results:
            if isinstance(one, Note):
                self._progress.say(f"{self._stage}: {one.text}")
            elif isinstance(one, Unanswered):
                ask = self._pop(one.call_id)[0]
                self._budget.let_go(one.call_id)
                self._unanswered[f"{ask.model}: {one.why}"] += 1
                self.lost.append(one.call_id)
        return [(reply, self._pop(reply.call_id)) for reply in replies]

    def _watch(self, ask: Ask, reply: Reply) -> None:
        """Say it once where most of what a model gives comes to nothing, while money is still to be
        saved.
        """
        came = self._outcomes.setdefault(ask.model, Counter())
        came[reply.outcome] += 1
        lost = came.total() - came["ok"]
        if came.total() != _FEW or 2 * lost <= _FEW:
            return
        for outcome, count in came.most_common():
            if outcome != "ok":
                what = _NOTHING[outcome].format(
                    max_tokens=ask.max_tokens or "the model's own limit"
                )
                self._progress.say(
                    f"WARNING: {self._stage}: {count} of {_FEW} replies of {ask.model} were {what}"
                )

    def _cost(self, ask: Ask, reply: Reply) -> float | None:
        return cost(self._models[ask.model], ask, reply)

    def _pop(self, call_id: str) -> list[Ask]:
        equal = self._waiting.pop(call_id)
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


def enough(entry: ModelEntry, chunk: int = CHUNK) -> int:
    """Asks of a model that are held: twice what may be in flight or goes into a batch; of a
    provider's batch API one batch, of weights what they cut into batches.
    """
    if entry.kind in ENDPOINTS:
        return 2 * entry.concurrency + chunk
    if entry.kind in GATHERED:
        return dispatch.together(entry)
    return 2 * max(entry.concurrency, dispatch.BATCH) + chunk
