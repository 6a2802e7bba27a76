"""A provider's batch API (OpenAI's: files and batches): calls handed in together and collected
hours later, at a lower price.
"""

import asyncio
import io
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp

from psycopref.errors import ModelError
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.batch_rows import PASSES, Haul, codes, listing, row, table
from psycopref.models.providers.openai import Key, open_session, proxy_of
from psycopref.store.calls import Ask, Reply

FILE = 20_000  # calls in one batch (the protocol allows 50,000 and 200 MB)
POLL = 30.0  # seconds between looks at a batch
AGAIN = 5.0  # seconds before a request that met a fault is made again
LOOK = 0.1  # seconds between looks at whether to stop, while a request is under way
# seconds that a hand-in under way is given when all is stopped, so that the batch's id is known
GRACE = 2.0
_OVER = ("completed", "failed", "expired", "cancelled")

State = dict[
    str, Any
]  # a batch as it is written down: model, key, calls, and its id once it has one


class _StoppedError(Exception):
    """Nobody wants replies any more; what was handed in is collected by the next run."""


class _GoneError(ModelError):
    """404: what was asked for is not at the provider's."""


class Batch:
    """Submits what is asked, waits, and gives the replies. What was submitted is written down in
    `place` first, so that a run that was killed collects it instead of paying twice; a batch whose
    making was cut off is found again by its metadata.
    """

    def __init__(self, entry: ModelEntry, place: Path) -> None:
        self._entry, self._place, self._key = entry, place, Key(entry)
        self._stopped = threading.Event()

    def __repr__(self) -> str:
        return f"Batch({self._entry.name!r} at {self._entry.host})"

    def stop(self) -> None:
        """Wait no longer and hand nothing more in; the batches go on at the provider's."""
        self._stopped.set()

    def answer(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """Replies as batches end; ModelError at the end where calls came back without an answer. A
        batch that fails holds up no other.
        """
        left = {ask.call_id: ask for ask in asks}
        why: list[str] = []
        try:
            under_way, rest = self._before(left, why)
            under_way += self._handed_in(rest, why)
            while under_way:
                for state in list(under_way):
                    if (replies := self._looked(state, why)) is not None:
                        under_way.remove(state)
                        yield from (reply for reply in replies if left.pop(reply.call_id, None))
                if under_way:
                    self._stopped.wait(POLL)
        except _StoppedError:
            return
        if left and not self._stopped.is_set():
            some = (
                f"{self._entry.host}: the batch held no answer to some calls; run again to hand"
                " them in anew"
            )
            raise ModelError("; ".join(dict.fromkeys(why)) or some)

    def _states(self) -> list[State]:
        """All batches that are written down, of this model and of others (whose threads may take a
        file away meanwhile).
        """
        states: list[State] = []
        for path in sorted(self._place.glob("*.json")):
            with suppress(FileNotFoundError):
                states.append(json.loads(path.read_text(encoding="utf-8")))
        return states

    def _before(self, wanted: Mapping[str, Ask], why: list[str]) -> tuple[list[State], list[Ask]]:
        """Batches handed in before that hold something wanted, and what is in none. One that cannot
        be looked up may exist, so it keeps its calls.
        """
        under_way, free = [], dict(wanted)
        for state in self._states():
            if state["model"] != self._entry.name or not any(
                call in wanted for call in state["calls"]
            ):
                continue
            try:
                state = state if state["batch"] else self._found_again(state)
            except ModelError as error:
                why.append(
                    f"{error}; until then it is not known whether the batch of {self._path(state)}"
                    " was made (delete that file if it was not)"
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
            self._path(state).unlink()
            return state
        return self._kept({**state, "batch": self._field(made, "id")})

    def _listed(self, key: str) -> dict[str, Any] | None:
        """The provider's batch of that key, on whatever page of its list; never one that is written
        down already.
        """
        named, pages, after = {state["batch"] for state in self._states()}, {""}, ""
        while True:
            page = self._request("GET", f"batches?limit=100{after}")
            rows = [one for one in self._field(page, "data") if isinstance(one, dict)]
            for one in rows:
                if (one.get("metadata") or {}).get("psycopref") == key and one.get(
                    "id"
                ) not in named:
                    return one
            if not page.get("has_more"):
                return None
            last = page.get("last_id") or (rows[-1].get("id") if rows else "")
            after = f"&after={quote(str(last), safe='')}"
            if after in pages:
                raise ModelError(
                    f"{self._entry.host}: its list of batches does not go on where it says there is"
                    " more; run again"
                )
            pages.add(after)

    def _handed_in(self, asks: Sequence[Ask], why: list[str]) -> Iterator[State]:
        """Hand in batch after batch, until one is not taken or all is stopped."""
        for at in range(0, len(asks), FILE):
            if self._stopped.is_set():
                return
            try:
                yield self._submitted(asks[at : at + FILE])
            except ModelError as error:
                why.append(str(error))
                return

    def _submitted(self, asks: Sequence[Ask]) -> State:
        # The key is new each time: calls that are handed in anew must not be taken for the batch
        # that failed.
        state = self._kept(
            {
                "model": self._entry.name,
                "key": uuid4().hex,
                "calls": [ask.call_id for ask in asks],
                "batch": "",
            }
        )
        lines = "".join(json.dumps(self._line(ask), ensure_ascii=False) + "\n" for ask in asks)
        file = self._field(
            self._request("POST", "files", upload=lines.encode("utf-8", "replace")), "id"
        )
        body = {
            "input_file_id": file,
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"psycopref": state["key"]},
        }
        # A fault may hide that the batch was made: it is looked for before it would be made, and
        # paid for, once more.
        made = self._request(
            "POST", "batches", body=body, instead=lambda: self._listed(state["key"])
        )
        return self._kept({**state, "batch": self._field(made, "id")})

    def _line(self, ask: Ask) -> dict[str, Any]:
        return {
            "custom_id": ask.call_id,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": self._entry.request(ask),
        }

    def _looked(self, state: State, why: list[str]) -> list[Reply] | None:
        """The replies of a batch that is over; None where it is not. What cannot be collected is
        said and has no replies.
        """
        try:
            found = self._request("GET", f"batches/{state['batch']}")
            return (
                self._collected(state, found, why)
                if self._field(found, "status") in _OVER
                else None
            )
        except _GoneError:
            where = "another account's or `url`'s, or too old"
            why.append(
                f"{self._entry.host} 404: no batch {state['batch']} ({where});"
                f" {self._to_delete(state)}"
            )
        except ModelError as error:
            why.append(str(error))
        return []

    def _to_delete(self, state: State) -> str:
        return f"delete {self._path(state)} and run again to hand its calls in anew"

    def _collected(self, state: State, found: dict[str, Any], why: list[str]) -> list[Reply]:
        """The final answers of a batch that is over; calls without one are taken off its list, so
        that the next run hands them in anew.
        """
        haul = Haul()
        for name in ("output_file_id", "error_file_id"):
            if found.get(name):
                self._read(str(found[name]), haul)
        answered = {reply.call_id for reply in haul.replies}
        lost = [call for call in state["calls"] if call not in answered]
        why += self._said(state, found, haul, set(lost))
        if lost and not haul.unread:
            self._kept({**state, "calls": [call for call in state["calls"] if call in answered]})
        return haul.replies

    def _said(
        self, state: State, found: dict[str, Any], haul: Haul, lost: set[str]
    ) -> Iterator[str]:
        """Why calls of a batch have no answer and what to do, by what helps."""
        host, number, refused = self._entry.host, len(state["calls"]), lost & haul.refused
        if refused:
            hint = (
                "running again does not help; check `model`, max_tokens, json_schema, system_role"
                " and the model's context"
            )
            yield (
                f"{host}: {len(refused)} of {number} calls were not"
                f" accepted{listing(haul.refusals)}; {hint}"
            )
        if haul.unread:
            parts = " and ".join(haul.unread)
            yield (
                f"{host}: batch {state['batch']} came with {parts}; run again to read it once more,"
                f" or {self._to_delete(state)}"
            )
        elif lost - refused:
            listed = table(found.get("errors")).get("data")
            found_codes = haul.codes.union(
                *(codes(one) for one in (listed if isinstance(listed, list) else []))
            )
            missing = (
                f"a batch ended as {found['status']} with {len(lost - refused)} of {number} calls"
                f" unanswered{listing(found_codes)}"
            )
            yield f"{host}: {missing}; run again to hand them in anew"

    def _read(self, file: str, haul: Haul) -> None:
        try:
            content: bytes = self._request("GET", f"files/{file}/content", raw=True)
        except _GoneError:
            haul.unread.append("a file that is not there (404)")
            return
        rows = [row(line) for line in content.split(b"\n") if line.strip()]
        if rows.count(None):
            haul.unread.append(
                f"{rows.count(None)} of {len(rows)} lines that are cut or no answers"
            )
        for found in rows:
            if found is not None:
                haul.take(found)

    def _path(self, state: Mapping[str, Any]) -> Path:
        return self._place / f"{state['key']}.json"

    def _kept(self, state: State) -> State:
        """Write a batch down, by way of a file beside it; ids only, no text."""
        self._place.mkdir(mode=0o700, exist_ok=True)
        fresh = self._path(state).with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path(state))
        return state

    def _request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        upload: bytes | None = None,
        raw: bool = False,
        instead: Callable[[], dict[str, Any] | None] | None = None,
    ) -> Any:
        """One request; 429, 5xx and lost connections again (unless `instead` has the result by
        then) until the entry's patience is over.

        ModelError for what will not pass.
        """
        until, what = (
            time.monotonic() + self._entry.patience,
            f"/{path.split('/')[0].split('?')[0]}",
        )
        while True:
            status, answer = asyncio.run(self._unless_stopped(method, path, body, upload))
            if status == 200:
                return answer if raw else self._parsed(answer)
            if status and status not in PASSES and status < 500:
                do = (
                    f"set the environment variable {self._entry.key_env}"
                    if status in (401, 403)
                    else "check `url`, `model` and whether it has a batch API"
                )
                raise (_GoneError if status == 404 else ModelError)(
                    f"{self._entry.host} {status}: {what} was not accepted; {do}"
                )
            if time.monotonic() > until:
                raise ModelError(
                    f"{self._entry.host}: no answer from {what} for {self._entry.patience:g} s; run"
                    " again to go on"
                )
            self._stopped.wait(AGAIN)
            if instead is not None and (found := instead()) is not None:
                return found

    def _parsed(self, answer: bytes) -> dict[str, Any]:
        if (found := row(answer)) is None:
            raise ModelError(
                f"{self._entry.host} sent something that is no batch API's answer; check `url` (it"
                " usually ends in /v1)"
            )
        return found

    def _field(self, found: dict[str, Any], name: str) -> Any:
        """A field that an answer of the batch API has; ModelError where it is another answer, such
        as an error sent with status 200.
        """
        value = found.get(name)
        if value and isinstance(value, str) or name == "data" and isinstance(value, list):
            return value
        raise ModelError(
            f"{self._entry.host} sent an answer without `{name}`{listing(codes(found))}; check"
            " `url`, or run again if it is a passing fault"
        )

    async def _unless_stopped(
        self, method: str, path: str, body: dict[str, Any] | None, upload: bytes | None
    ) -> tuple[int, bytes]:
        """Send, but drop the request when all is stopped; one that makes a batch is given a
        moment.
        """
        if self._stopped.is_set():
            raise _StoppedError
        sent = asyncio.create_task(self._sent(method, path, body, upload))
        while not (await asyncio.wait({sent}, timeout=LOOK))[0]:
            if self._stopped.is_set():
                await asyncio.wait({sent}, timeout=GRACE if body else 0.0)
                break
        if not sent.done():
            sent.cancel()
            await asyncio.wait({sent})
            raise _StoppedError
        return sent.result()

    async def _sent(
        self, method: str, path: str, body: dict[str, Any] | None, upload: bytes | None
    ) -> tuple[int, bytes]:
        """Status and body; 0 where the connection failed."""
        form = None
        if upload is not None:
            form = aiohttp.FormData()
            form.add_field("purpose", "batch")
            form.add_field(
                "file", io.BytesIO(upload), filename="calls.jsonl", content_type="application/jsonl"
            )
        try:
            async with open_session(self._entry, self._key.bearer()) as session:
                address = f"{self._entry.url.rstrip('/')}/{path}"
                async with session.request(
                    method,
                    address,
                    json=body,
                    data=form,
                    allow_redirects=False,
                    proxy=proxy_of(self._entry.url),
                ) as response:
                    return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError):
            return 0, b""
