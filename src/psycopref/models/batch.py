"""A provider's batch API (OpenAI's: files and batches): calls handed in together and collected hours later, at a lower price."""

import asyncio
import io
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from psycopref.errors import ModelError
from psycopref.models.chat import Ask, Reply
from psycopref.models.openai import FILTERED, Key, error_code, open_session, proxy_of, read_completion
from psycopref.models.pool import ModelEntry
from psycopref.store.keys import digest

FILE = 20_000  # calls in one batch (the protocol allows 50,000 and 200 MB)
POLL = 30.0  # seconds between looks at a batch
AGAIN = 5.0  # seconds before a request that met a fault is made again
_OVER = ("completed", "failed", "expired", "cancelled")


class Batch:
    """Submits what is asked, waits, and gives the replies. What was submitted is written down in `place` first, so that a run that was
    killed collects it instead of paying twice; a batch whose making was cut off is found again by its metadata.
    """

    def __init__(self, entry: ModelEntry, place: Path) -> None:
        self._entry, self._place, self._key = entry, place, Key(entry)
        self._stopped = threading.Event()

    def __repr__(self) -> str:
        return f"Batch({self._entry.name!r} at {self._entry.host})"

    def stop(self) -> None:
        """Wait no longer; the batches go on at the provider's."""
        self._stopped.set()

    def answer(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """Replies as batches end; ModelError at the end where calls came back without an answer."""
        left = {ask.call_id: ask for ask in asks}
        under_way = self._known(left)
        covered = {call_id for state in under_way for call_id in state["calls"]}
        rest = [ask for ask in asks if ask.call_id not in covered]
        under_way += [self._submitted(rest[at : at + FILE]) for at in range(0, len(rest), FILE)]
        why: list[str] = []
        while under_way and not self._stopped.is_set():
            for state in list(under_way):
                found = self._request("GET", f"batches/{state['batch']}")
                if found["status"] in _OVER:
                    under_way.remove(state)
                    yield from (reply for reply in self._collected(state, found, why) if left.pop(reply.call_id, None))
            if under_way:
                self._stopped.wait(POLL)
        if left and not self._stopped.is_set():
            raise ModelError(f"{self._entry.host}: {'; '.join(why) or 'the batch held no answer to some calls'}; run again to hand them in anew")

    def _known(self, wanted: Mapping[str, Ask]) -> list[dict[str, Any]]:
        """Batches handed in before that hold something wanted."""
        states = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(self._place.glob("*.json"))]
        mine = [state for state in states if state["model"] == self._entry.name and any(call in wanted for call in state["calls"])]
        return [found for state in mine if (found := state if state["batch"] else self._found_again(state)) is not None]

    def _found_again(self, state: dict[str, Any]) -> dict[str, Any] | None:
        """A batch whose making was cut off: the provider's list says whether it came to be."""
        listed = self._request("GET", "batches?limit=100")["data"]
        made = next((one for one in listed if (one.get("metadata") or {}).get("psycopref") == state["key"]), None)
        if made is None:
            self._path(state).unlink()
            return None
        return self._kept({**state, "batch": made["id"]})

    def _submitted(self, asks: Sequence[Ask]) -> dict[str, Any]:
        calls = [ask.call_id for ask in asks]
        state = self._kept({"model": self._entry.name, "key": digest([self._entry.name, calls])[:24], "calls": calls, "batch": ""})
        lines = "".join(json.dumps(self._line(ask), ensure_ascii=False) + "\n" for ask in asks)
        file = self._request("POST", "files", upload=lines.encode("utf-8", "replace"))
        body = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h", "metadata": {"psycopref": state["key"]}}
        return self._kept({**state, "batch": self._request("POST", "batches", body=body)["id"]})

    def _line(self, ask: Ask) -> dict[str, Any]:
        return {"custom_id": ask.call_id, "method": "POST", "url": "/v1/chat/completions", "body": self._entry.request(ask)}

    def _collected(self, state: dict[str, Any], found: dict[str, Any], why: list[str]) -> list[Reply]:
        """The final answers of a batch that is over; calls without one are taken off its list, so that the next run hands them in anew."""
        replies = [reply for name in ("output_file_id", "error_file_id") if found.get(name) for reply in self._read(str(found[name]))]
        answered = {reply.call_id for reply in replies}
        lost = len(state["calls"]) - len(answered.intersection(state["calls"]))
        if lost:
            codes = sorted({str(one.get("code")) for one in (found.get("errors") or {}).get("data") or [] if isinstance(one, dict)})
            why.append(f"a batch ended as {found['status']} with {lost} of {len(state['calls'])} calls unanswered{f' ({codes})' if codes else ''}")
            self._kept({**state, "calls": [call for call in state["calls"] if call in answered]})
        return replies

    def _read(self, file: str) -> Iterator[Reply]:
        for line in self._request("GET", f"files/{file}/content", text=True).split("\n"):
            if line.strip() and (reply := self._reply(json.loads(line))) is not None:
                yield reply

    def _reply(self, row: dict[str, Any]) -> Reply | None:
        """A line's final answer; None where it has none (a fault at the provider's)."""
        response = row.get("response") or {}
        status, body, call_id = response.get("status_code"), response.get("body"), str(row.get("custom_id"))
        if status == 400 and FILTERED in f"{error_code(body)} {error_code(row.get('error'))}":
            return Reply(call_id, "filtered", "")
        if status != 200 or not isinstance(body, dict) or not body.get("choices"):
            return None
        try:
            return read_completion(call_id, body, 0.0)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError):
            return None  # its error may quote the answer

    def _path(self, state: Mapping[str, Any]) -> Path:
        return self._place / f"{state['key']}.json"

    def _kept(self, state: dict[str, Any]) -> dict[str, Any]:
        """Write a batch down, by way of a file beside it; ids only, no text."""
        self._place.mkdir(mode=0o700, exist_ok=True)
        fresh = self._path(state).with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path(state))
        return state

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None, upload: bytes | None = None, text: bool = False) -> Any:
        """One request; 429, 5xx and lost connections again until the entry's patience is over. ModelError for what will not pass."""
        until = time.monotonic() + self._entry.patience
        while True:
            status, answer = asyncio.run(self._sent(method, path, body, upload))
            if status == 200:
                return answer.decode("utf-8") if text else self._parsed(answer)
            if status and status not in (408, 409, 429) and status < 500:
                do = f"set the environment variable {self._entry.key_env}" if status in (401, 403) else "check `url`, `model` and whether it has a batch API"
                raise ModelError(f"{self._entry.host} {status}: /{path.split('/')[0].split('?')[0]} was not accepted; {do}")
            if time.monotonic() > until or self._stopped.wait(AGAIN):
                raise ModelError(f"{self._entry.host}: no answer from /{path.split('/')[0].split('?')[0]} for {self._entry.patience:g} s")

    def _parsed(self, answer: bytes) -> Any:
        try:
            found = json.loads(answer)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ModelError(f"{self._entry.host} sent something that is no batch API's answer; check `url` (it usually ends in /v1)")
        return found

    async def _sent(self, method: str, path: str, body: dict[str, Any] | None, upload: bytes | None) -> tuple[int, bytes]:
        """Status and body; 0 where the connection failed."""
        form = None
        if upload is not None:
            form = aiohttp.FormData()
            form.add_field("purpose", "batch")
            form.add_field("file", io.BytesIO(upload), filename="calls.jsonl", content_type="application/jsonl")
        try:
            async with open_session(self._entry, self._key.bearer()) as session:
                address = f"{self._entry.url.rstrip('/')}/{path}"
                async with session.request(method, address, json=body, data=form, allow_redirects=False, proxy=proxy_of(self._entry.url)) as response:
                    return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError):
            return 0, b""
