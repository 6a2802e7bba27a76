"""Handing calls in to a batch API, once whatever is killed: what is submitted is written down
first, and a batch whose making was cut off is found again by its metadata.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from psycopref.errors import ModelError
from psycopref.models.providers.batch_api import BatchApi
from psycopref.store.calls import Ask

FILE = 20_000  # calls in one batch (the protocol allows 50,000 and 200 MB)

# a batch as it is written down: model, key, calls, and its id once it has one
State = dict[str, Any]


class Notes:
    """The batches that are written down in a folder, one small file each; ids only, no text."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def path(self, state: Mapping[str, Any]) -> Path:
        """The file of a batch."""
        return self._place / f"{state['key']}.json"

    def all(self) -> list[State]:
        """All batches, of this model and of others (whose threads may take a file away
        meanwhile).
        """
        states: list[State] = []
        for path in sorted(self._place.glob("*.json")):
            with suppress(FileNotFoundError):
                states.append(json.loads(path.read_text(encoding="utf-8")))
        return states

    def keep(self, state: State) -> State:
        """Write a batch down, by way of a file beside it."""
        self._place.mkdir(mode=0o700, exist_ok=True)
        fresh = self.path(state).with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path(state))
        return state


class Submission:
    """What is handed in, `file` calls to a batch, and what was handed in before. Why something is
    not goes into `why`.
    """

    def __init__(self, api: BatchApi, notes: Notes, why: list[str], file: int) -> None:
        self._api = api
        self._notes = notes
        self._why = why
        self._file = file

    def before(self, wanted: Mapping[str, Ask]) -> tuple[list[State], list[Ask]]:
        """Batches handed in before that hold something wanted, and what is in none. One that cannot
        be looked up may exist, so it keeps its calls.
        """
        under_way = []
        free = dict(wanted)
        for state in self._notes.all():
            if state["model"] != self._api.entry.name or not any(
                call in wanted for call in state["calls"]
            ):
                continue
            try:
                state = state if state["batch"] else self._found_again(state)
            except ModelError as error:
                self._why.append(
                    f"{error}; until then it is not known whether the batch of"
                    f" {self._notes.path(state)} was made (delete that file if it was not)"
                )
            else:
                if not state["batch"]:
                    continue
                under_way.append(state)
            for call in state["calls"]:
                free.pop(call, None)
        return under_way, list(free.values())

    def _found_again(self, state: State) -> State:
        """A batch whose making was cut off, with its id where the provider's list has it; without,
        it never came to be and is forgotten.
        """
        made = self._listed(state["key"])
        if made is None:
            self._notes.path(state).unlink()
            return state
        return self._notes.keep({**state, "batch": self._api.field(made, "id")})

    def _listed(self, key: str) -> dict[str, Any] | None:
        """The provider's batch of that key, on whatever page of its list; never one that is written
        down already.
        """
        known = {state["batch"] for state in self._notes.all()}
        pages = {""}
        after = ""
        while True:
            page = self._api.request("GET", f"batches?limit=100{after}")
            rows = [one for one in self._api.field(page, "data") if isinstance(one, dict)]
            for one in rows:
                named = (one.get("metadata") or {}).get("psycopref")
                if named == key and one.get("id") not in known:
                    return one
            if not page.get("has_more"):
                return None
            last = page.get("last_id") or (rows[-1].get("id") if rows else "")
            after = f"&after={quote(str(last), safe='')}"
            if after in pages:
                raise ModelError(
                    f"{self._api.entry.host}: its list of batches does not go on where it says"
                    " there is more; run again"
                )
            pages.add(after)

    def hand_in(self, asks: Sequence[Ask]) -> Iterator[State]:
        """Hand in batch after batch, until one is not taken or all is stopped."""
        for at in range(0, len(asks), self._file):
            if self._api.stopped.is_set():
                return
            try:
                yield self._submitted(asks[at : at + self._file])
            except ModelError as error:
                self._why.append(str(error))
                return

    def _submitted(self, asks: Sequence[Ask]) -> State:
        # The key is new each time: calls that are handed in anew must not be taken for the batch
        # that failed.
        state = self._notes.keep(
            {
                "model": self._api.entry.name,
                "key": uuid4().hex,
                "calls": [ask.call_id for ask in asks],
                "batch": "",
            }
        )
        lines = "".join(json.dumps(self._line(ask), ensure_ascii=False) + "\n" for ask in asks)
        upload = lines.encode("utf-8", "replace")
        file = self._api.field(self._api.request("POST", "files", upload=upload), "id")
        body = {
            "input_file_id": file,
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"psycopref": state["key"]},
        }
        # A fault may hide that the batch was made: it is looked for before it would be made, and
        # paid for, once more.
        made = self._api.request(
            "POST", "batches", body=body, instead=lambda: self._listed(state["key"])
        )
        return self._notes.keep({**state, "batch": self._api.field(made, "id")})

    def _line(self, ask: Ask) -> dict[str, Any]:
        return {
            "custom_id": ask.call_id,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": self._api.entry.request(ask),
        }
