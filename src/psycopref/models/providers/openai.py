"""Any endpoint that speaks the OpenAI chat-completions protocol, over aiohttp; when and how often
to ask is left to lane.py.
"""

import json
import os
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from pydantic import SecretStr

from psycopref import __version__
from psycopref.errors import ModelError
from psycopref.models.calling.rate_limit import retry_after
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.protocol import Busy
from psycopref.store.calls import Ask, Outcome, Reply

_OUTCOMES: dict[str, Outcome] = {"length": "truncated", "content_filter": "filtered"}
FILTERED = "content_filter"  # in the error code of a request that a filter stopped
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
        headers={**headers, "User-Agent": f"psycopref/{__version__}"},
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
        if not answer.get("choices") or answer["choices"][0].get("finish_reason") == "error":
            raise Busy(
                f"{self._entry.host}: an answer without choices, or an error passed on as one"
            )
        return read_completion(call_id, answer, seconds)

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
        answer = await self._sent(
            json.dumps(self.body(ask), ensure_ascii=False).encode("utf-8", "replace")
        )
        seconds = round(time.monotonic() - began, 3)
        if isinstance(answer, dict):
            return self._reply(ask, answer, seconds)
        if isinstance(answer, Exception):
            # raised outside the `except`: an exception with the request's text must not hang on to
            # it
            raise answer
        return Reply(ask.call_id, answer, "", seconds=seconds)

    async def _sent(self, request: bytes) -> dict[str, Any] | Outcome | Exception:
        """The answer, an outcome that came as an error status, or the exception that says why there
        is none.
        """
        host = self._entry.host
        self._session = self._session or open_session(self._entry, self.headers())
        try:
            async with self._session.post(
                self._address, data=request, headers=_JSON, allow_redirects=False, proxy=self._proxy
            ) as response:
                body = await response.read()
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
            return self._refused(response.status, answer, response.headers)
        if isinstance(answer, dict) and self.holds_answer(answer):
            return answer
        return ModelError(
            f"{host} sent something that is not a chat completion; check `url` (it usually ends in"
            " /v1)"
        )

    def _refused(
        self, status: int, body: object, headers: Mapping[str, str]
    ) -> Outcome | Exception:
        host, code = self._entry.host, error_code(body)
        if status == 400 and FILTERED in code:
            return "filtered"
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
                    f"{host} {status}: the request was not accepted; {hint}{self._key_note()}"
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


def error_code(body: object) -> str:
    """The error codes in an error's body, in one string; never its message, which may quote the
    request.
    """
    if not isinstance(body, dict):
        return ""
    inner = body.get("error", body)
    found = [inner.get("code"), inner.get("type")] if isinstance(inner, dict) else []
    return " ".join(str(one) for one in found)


def read_completion(call_id: str, answer: dict[str, Any], seconds: float) -> Reply:
    """A chat completion as a reply; one of the usual errors where a part is missing or of another
    kind.
    """
    choice, usage = answer["choices"][0], answer.get("usage") or {}
    message = choice["message"]
    refusal, content = message.get("refusal"), message.get("content")
    outcome = "refused" if refusal else _OUTCOMES.get(choice.get("finish_reason") or "", "ok")
    text = (
        (content or refusal or "").encode("utf-8", "replace").decode()
    )  # half a surrogate pair cannot be kept
    version = " ".join(
        part for part in (answer.get("model"), answer.get("system_fingerprint")) if part
    )
    tokens = (int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))
    return Reply(
        call_id, outcome, text, *tokens, seconds, version.encode("utf-8", "replace").decode()
    )
