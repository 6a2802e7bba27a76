"""A provider's batch API (OpenAI's: files and batches): calls handed in together and collected
hours later, at a lower price.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from psycopref.errors import ModelError
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.batch_api import BatchApi, StoppedError
from psycopref.models.providers.batch_collect import Collection
from psycopref.models.providers.batch_submit import FILE, Notes, Submission
from psycopref.store.calls import Ask, Reply

POLL = 30.0  # seconds between looks at a batch


class Batch:
    """Submits what is asked (`batch_submit`), waits, and gives the replies (`batch_collect`). What
    was submitted is written down in `place` first, so that a run that was killed collects it
    instead of paying twice. A batch holds at most `file` calls.
    """

    def __init__(self, entry: ModelEntry, place: Path, file: int = FILE) -> None:
        self._entry = entry
        self._notes = Notes(place)
        self._api = BatchApi(entry)
        self._file = file

    def __repr__(self) -> str:
        return f"Batch({self._entry.name!r} at {self._entry.host})"

    def stop(self) -> None:
        """Wait no longer and hand nothing more in; the batches go on at the provider's."""
        self._api.stopped.set()

    def answer(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """Replies as batches end; ModelError at the end where calls came back without an answer. A
        batch that fails holds up no other.
        """
        left = {ask.call_id: ask for ask in asks}
        why: list[str] = []
        submission = Submission(self._api, self._notes, why, self._file)
        collection = Collection(self._api, self._notes, why)
        try:
            under_way, rest = submission.before(left)
            under_way += submission.hand_in(rest)
            while under_way:
                for state in list(under_way):
                    if (replies := collection.look(state)) is not None:
                        under_way.remove(state)
                        yield from (reply for reply in replies if left.pop(reply.call_id, None))
                if under_way:
                    self._api.stopped.wait(POLL)
        except StoppedError:
            return
        if left and not self._api.stopped.is_set():
            some = (
                f"{self._entry.host}: the batch held no answer to some calls; run again to hand"
                " them in anew"
            )
            raise ModelError("; ".join(dict.fromkeys(why)) or some)
