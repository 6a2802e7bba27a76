"""Requests to a provider's batch API: made again while that may help, dropped when all is
stopped.
"""

import asyncio
import io
import threading
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from psycopref.errors import ModelError
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.batch_rows import PASSES, codes, listing, row
from psycopref.models.providers.openai import Key, open_session, proxy_of

AGAIN = 5.0  # seconds before a request that met a fault is made again
LOOK = 0.1  # seconds between looks at whether to stop, while a request is under way
# seconds that a hand-in under way is given when all is stopped, so that the batch's id is known
GRACE = 2.0


class StoppedError(Exception):
    """Nobody wants replies any more; what was handed in is collected by the next run."""


class GoneError(ModelError):
    """404: what was asked for is not at the provider's."""


class BatchApi:
    """The batch API of one entry's endpoint. Once `stopped` is set, requests end in
    StoppedError.
    """

    def __init__(self, entry: ModelEntry) -> None:
        self.entry = entry
        self.stopped = threading.Event()
        self._key = Key(entry)

    def request(
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
        until = time.monotonic() + self.entry.patience
        what = f"/{path.split('/', maxsplit=1)[0].split('?', maxsplit=1)[0]}"
        while True:
            status, answer = asyncio.run(self._unless_stopped(method, path, body, upload))
            if status == 200:
                return answer if raw else self._parsed(answer)
            if status and status not in PASSES and status < 500:
                do = (
                    f"set the environment variable {self.entry.key_env}"
                    if status in (401, 403)
                    else "check `url`, `model` and whether it has a batch API"
                )
                raise (GoneError if status == 404 else ModelError)(
                    f"{self.entry.host} {status}: {what} was not accepted; {do}"
                )
            if time.monotonic() > until:
                raise ModelError(
                    f"{self.entry.host}: no answer from {what} for {self.entry.patience:g} s; run"
                    " again to go on"
                )
            self.stopped.wait(AGAIN)
            if instead is not None and (found := instead()) is not None:
                return found

    def _parsed(self, answer: bytes) -> dict[str, Any]:
        if (found := row(answer)) is None:
            raise ModelError(
                f"{self.entry.host} sent something that is no batch API's answer; check `url` (it"
                " usually ends in /v1)"
            )
        return found

    def field(self, found: dict[str, Any], name: str) -> Any:
        """A field that an answer of the batch API has; ModelError where it is another answer, such
        as an error sent with status 200.
        """
        value = found.get(name)
        if (value and isinstance(value, str)) or (name == "data" and isinstance(value, list)):
            return value
        raise ModelError(
            f"{self.entry.host} sent an answer without `{name}`{listing(codes(found))}; check"
            " `url`, or run again if it is a passing fault"
        )

    async def _unless_stopped(
        self, method: str, path: str, body: dict[str, Any] | None, upload: bytes | None
    ) -> tuple[int, bytes]:
        """Send, but drop the request when all is stopped; one that makes a batch is given a
        moment.
        """
        if self.stopped.is_set():
            raise StoppedError
        sent = asyncio.create_task(self._sent(method, path, body, upload))
        while not (await asyncio.wait({sent}, timeout=LOOK))[0]:
            if self.stopped.is_set():
                await asyncio.wait({sent}, timeout=GRACE if body else 0.0)
                break
        if not sent.done():
            sent.cancel()
            await asyncio.wait({sent})
            raise StoppedError
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
            async with open_session(self.entry, self._key.bearer()) as session:
                address = f"{self.entry.url.rstrip('/')}/{path}"
                async with session.request(
                    method,
                    address,
                    json=body,
                    data=form,
                    allow_redirects=False,
                    proxy=proxy_of(self.entry.url),
                ) as response:
                    return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError):
            return 0, b""
