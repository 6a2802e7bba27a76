"""Any endpoint that speaks the OpenAI chat-completions protocol, over aiohttp; when and how often
to ask is left to lane.py.
"""

import json
import os
import re
import time
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from pydantic import SecretStr

from psycopref import __version__
from psycopref.errors import ModelError
from psycopref.models.calling.rate_limit import retry_after
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.bodies import TooLarge, whole
from psycopref.models.providers.completions import read_completion
from psycopref.models.providers.options import OPTIONS, Option, refused_option
from psycopref.models.providers.outcomes import (
    blocked,
    error_code,
    error_param,
    prompt_of,
    refused_prompt,
)
from psycopref.models.providers.protocol import Busy
from psycopref.store.calls import Ask, Outcome, Reply

_NAME = re.compile(r"[A-Za-z0-9_.\[\] -]{1,80}")
_JSON = {"Content-Type": "application/json"}


class Key:
    """An entry's key, read here and nowhere else; in no repr. ModelError where it holds what no key
    has.
    """

    def __init__(self, entry: ModelEntry) -> None:
        key = os.environ.get(entry.key_env, "").strip() if entry.key_env else ""
        if not (key.isascii() and (key.isprintable() or not key)):
            raise ModelError(
                f"model {entry.name!r}: the environment variable {entry.key_env} holds characters"
                " that no key has; set it again"
            )
        self._value = SecretStr(
            key or "none"
        )  # some servers want the header even where they want no key

    def bearer(self) -> dict[str, str]:
        """The header that carries it to OpenAI-compatible endpoints."""
        return {"Authorization": f"Bearer {self.reveal()}"}

    def reveal(self) -> str:
        """The key itself, for a header and nothing else."""
        return self._value.get_secret_value()


def open_session(entry: ModelEntry, headers: Mapping[str, str]) -> aiohttp.ClientSession:
    """Connections to an endpoint, opened in the event loop that uses them. Cookies, netrc and
    redirects would carry things nobody asked for.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0, ttl_dns_cache=300
        ),  # lane.py bounds what is in flight
        timeout=aiohttp.ClientTimeout(total=entry.timeout),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # `whole` does it, to a bound
        headers={
            **headers,
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": f"psycopref/{__version__}",
        },
    )


class OpenAI:
    """One model at one endpoint. Errors name host and status and never hold a key or any text of a
    request.

    What another protocol does otherwise stands in `PATH`, `headers`, `body`, `holds_answer` and
    `read`.
    """

    PATH = "chat/completions"

    def __init__(self, entry: ModelEntry) -> None:
        self._entry = entry
        self._key = Key(entry)
        self._address = f"{entry.url.rstrip('/')}/{self.PATH}"
        self._proxy = proxy_of(entry.url)
        self._session: aiohttp.ClientSession | None = None
        self.notes: list[str] = []

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._entry.name!r} at {self._entry.host})"

    def headers(self) -> dict[str, str]:
        """The headers that carry the key."""
        return self._key.bearer()

    def body(self, ask: Ask) -> dict[str, Any]:
        """The request."""
        return self._entry.request(ask)

    def holds_answer(self, found: dict[str, Any]) -> bool:
        """Whether a body of status 200 is the protocol's."""
        return "choices" in found or "error" in found

    def read(self, call_id: str, answer: dict[str, Any], seconds: float) -> Reply:
        """The reply in a body; Busy where it holds none (some endpoints pass on an upstream error
        so), a usual error where it is not as it should be.
        """
        choices = answer.get("choices")
        passed_on = "error" in answer or (choices and choices[0].get("finish_reason") == "error")
        if choices and not passed_on and choices[0].get("message"):
            return read_completion(call_id, answer, seconds)
        outcome = prompt_of(answer) if "error" in answer else None
        if blocked(answer):
            outcome = "filtered"
        if outcome:
            return Reply(call_id, outcome, "", seconds=seconds)
        why = f"{self._entry.host}: an answer without choices, or an error passed on as one"
        raise Busy(why, ends=None if passed_on else "filtered")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, ask: Ask) -> Reply:
        """One reply. Busy for what may pass (429, 5xx, time-out, a lost connection), ModelError for
        what will not.
        """
        began = time.monotonic()
        answer: object = None
        for _ in range(len(OPTIONS) + 1):
            sent_by = self._entry
            request = json.dumps(self.body(ask), ensure_ascii=False).encode("utf-8", "replace")
            answer = await self._sent(request, sent_by)
            if not isinstance(answer, Option):
                break
            self._leave_out(answer, sent_by)
        seconds = round(time.monotonic() - began, 3)
        if isinstance(answer, dict):
            return self._reply(ask, answer, seconds)
        if isinstance(answer, Exception):
            # raised outside the `except`: an exception with the request's text must not hang on to
            # it
            raise answer
        if isinstance(answer, Option):
            raise ModelError(
                f"{self._entry.host}: takes a request neither with nor without"
                f" {answer.name}; write {answer.write} or what it wants into the pool entry"
            )
        return Reply(ask.call_id, cast(Outcome, answer), "", seconds=seconds)

    def _leave_out(self, option: Option, sent_by: ModelEntry) -> None:
        """Send it no more, and say so once; of the calls in flight the others find it done."""
        if sent_by is not self._entry:
            return
        self._entry = self._entry.model_copy(update=option.without)
        self.notes.append(
            f"{self._entry.name} does not take {option.name}, so it is asked without; write"
            f" {option.write} into its pool entry"
        )

    async def _sent(
        self, request: bytes, entry: ModelEntry
    ) -> dict[str, Any] | Outcome | Option | Exception:
        """The answer, an outcome that came as an error status, or the exception that says why there
        is none.
        """
        host = self._entry.host
        self._session = self._session or open_session(self._entry, self.headers())
        try:
            async with self._session.post(
                self._address, data=request, headers=_JSON, allow_redirects=False, proxy=self._proxy
            ) as response:
                body = await whole(response)
        except TooLarge as error:
            return ModelError(f"{host}: {error}")
        except TimeoutError:
            return Busy(f"{host}: no answer within {self._entry.timeout:g} s")
        except aiohttp.ClientConnectorCertificateError:
            return ModelError(
                f"{host}: its certificate is not trusted here; check `url`, or name your"
                " authority's file in SSL_CERT_FILE"
            )
        except aiohttp.ClientError as error:
            return Busy(f"{host}: {type(error).__name__}")
        answer = _parsed(body)
        if response.status != 200:
            return self._refused(response.status, answer, response.headers, entry)
        if isinstance(answer, dict) and self.holds_answer(answer):
            return answer
        if body.lstrip().startswith((b"data:", b"event:")):
            return ModelError(
                f"{host} sent a stream, although none was asked for; turn streaming off there"
            )
        return ModelError(
            f"{host} sent something that is not a chat completion; check `url` (it usually ends in"
            " /v1)"
        )

    def _refused(
        self, status: int, body: object, headers: Mapping[str, str], entry: ModelEntry
    ) -> Outcome | Option | Exception:
        host, code = self._entry.host, error_code(body)
        if option := refused_option(status, body, entry):
            return option
        if outcome := refused_prompt(status, body):
            return outcome
        if (
            (status == 429 and "insufficient_quota" not in code)
            or status in (408, 409)
            or status >= 500
        ):
            return Busy(f"{host} {status}", retry_after(headers), limited=status == 429)
        match status:
            case 401 | 403:
                variable = (
                    f"the environment variable {self._entry.key_env}"
                    if self._entry.key_env
                    else "`key_env` in the pool entry"
                )
                return ModelError(f"{host} {status}: the key was not accepted; set {variable}")
            case 402:
                return ModelError(f"{host} 402: the account's balance is used up{self._key_note()}")
            case 404:
                return ModelError(
                    f"{host} 404: no model {self._entry.sent_as!r} or no such address; check `url`"
                    f" and `model`{self._key_note()}"
                )
            case 429:
                return ModelError(f"{host} 429: the account's quota is used up{self._key_note()}")
            case moved if 300 <= moved < 400:
                return ModelError(
                    f"{host} {status}: the address has moved, and the key is not sent after it;"
                    " write the new address into `url`"
                )
            case _:
                hint = "check max_tokens, json_schema, system_role and the model's context"
                return ModelError(
                    f"{host} {status}: the request was not accepted{_named(body)};"
                    f" {hint}{self._key_note()}"
                )

    def _key_note(self) -> str:
        return (
            f" (the key comes from the environment variable {self._entry.key_env})"
            if self._entry.key_env
            else ""
        )

    def _reply(self, ask: Ask, answer: dict[str, Any], seconds: float) -> Reply:
        try:
            return self.read(ask.call_id, answer, seconds)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError):
            pass  # raised outside the `except`: its error may quote the answer
        raise ModelError(
            f"{self._entry.host} sent an answer that is not as the protocol has it; check `url` and"
            " `kind`"
        )


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for an address, if any."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme.lower())


def _parsed(body: bytes) -> object:
    """The JSON of a body; None where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _named(body: object) -> str:
    """Code and option of an error, which never quote a request, behind what is said of it."""
    named = {"code": error_code(body), "param": error_param(body)}
    parts = [f"{name} {one}" for name, one in named.items() if _NAME.fullmatch(one)]
    return f" ({', '.join(parts)})" if parts else ""
