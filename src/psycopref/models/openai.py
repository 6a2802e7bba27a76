"""Any endpoint that speaks the OpenAI chat-completions protocol, through the openai SDK; retries are left to limits.py."""

import asyncio
import json
import os
import time
from typing import Any

import openai
from openai.types.chat import ChatCompletion

from psycopref.errors import ModelError
from psycopref.models.chat import Ask, Busy, Outcome, Reply
from psycopref.models.pool import ModelEntry

_OUTCOMES: dict[str, Outcome] = {"length": "truncated", "content_filter": "filtered"}
_FILTERED = "content_filter"


class OpenAI:
    """One model at one endpoint. Errors name host and status and never hold a key or any text of a request."""

    def __init__(self, entry: ModelEntry) -> None:
        self._entry = entry
        key = os.environ.get(entry.key_env, "").strip() if entry.key_env else ""
        if not key.isascii():
            raise ModelError(f"model {entry.name!r}: the environment variable {entry.key_env} holds characters that no key has; set it again")
        # Without a key of its own the SDK would send the user's OpenAI key and organisation to whatever endpoint this is.
        self._client = openai.AsyncOpenAI(api_key=key or "none", base_url=entry.url, timeout=entry.timeout, max_retries=0)
        if not entry.key_env.startswith("OPENAI_"):
            self._client.organization = self._client.project = None

    def __repr__(self) -> str:
        return f"OpenAI({self._entry.name!r} at {self._entry.host})"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(self, ask: Ask) -> Reply:
        """One reply. Busy for what may pass (429, 5xx, time-out, a lost connection), ModelError for what will not."""
        began = time.monotonic()
        answer = await self._sent(self._entry.request(ask))
        if isinstance(answer, ChatCompletion):
            return _reply(ask, answer, time.monotonic() - began, self._entry.host)
        if isinstance(answer, Exception):
            raise answer  # raised outside the `except`: an exception with the request's text must not hang on to it
        return Reply(ask.call_id, answer, "", seconds=time.monotonic() - began)

    async def _sent(self, request: dict[str, Any]) -> ChatCompletion | Outcome | Exception:
        """The answer, an outcome that came as an error status, or the exception that says why there is none."""
        host = self._entry.host
        try:
            async with asyncio.timeout(self._entry.timeout):
                answer: Any = await self._client.chat.completions.create(**request)
        except openai.APIStatusError as error:
            return self._refused(error.status_code, error)
        except (TimeoutError, openai.APITimeoutError):
            return Busy(f"{host}: no answer within {self._entry.timeout:g} s")
        except (openai.APIConnectionError, openai.APIResponseValidationError, json.JSONDecodeError) as error:
            return Busy(f"{host}: {type(error).__name__}")
        if not isinstance(answer, ChatCompletion):
            return ModelError(f"{host} sent something that is not a chat completion; check `url` (it usually ends in /v1)")
        return answer

    def _refused(self, status: int, error: openai.APIStatusError) -> Outcome | Exception:
        host, code = self._entry.host, _code(error.body)
        if status == 400 and _FILTERED in code:
            return "filtered"
        if (status == 429 and "insufficient_quota" not in code) or status in (408, 409) or status >= 500:
            return Busy(f"{host} {status}", _wait(error.response.headers.get("retry-after")))
        match status:
            case 401 | 403:
                variable = f"the environment variable {self._entry.key_env}" if self._entry.key_env else "`key_env` in the pool entry"
                return ModelError(f"{host} {status}: the key was not accepted; set {variable}")
            case 404:
                return ModelError(f"{host} 404: no model {self._entry.sent_as!r} or no such address; check `url` and `model`{self._key_note()}")
            case 429:
                return ModelError(f"{host} 429: the account's quota is used up{self._key_note()}")
            case _:
                hint = "check max_tokens, json_schema, system_role and the model's context"
                return ModelError(f"{host} {status}: the request was not accepted; {hint}{self._key_note()}")

    def _key_note(self) -> str:
        return f" (the key comes from the environment variable {self._entry.key_env})" if self._entry.key_env else ""


def _code(body: object) -> str:
    """The error codes in an error's body, in one string; never its message, which may quote the request."""
    if not isinstance(body, dict):
        return ""
    inner = body.get("error", body)
    found = [inner.get("code"), inner.get("type")] if isinstance(inner, dict) else []
    return " ".join(str(one) for one in found)


def _wait(header: str | None) -> float | None:
    """Seconds from a Retry-After header; None where it is missing or a date."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


def _reply(ask: Ask, answer: ChatCompletion, seconds: float, host: str) -> Reply:
    """The reply in a chat completion; Busy where it holds no choice (some endpoints pass on an upstream error so)."""
    if not answer.choices:
        raise Busy(f"{host}: an answer without choices")
    choice, usage = answer.choices[0], answer.usage
    refusal = choice.message.refusal
    outcome = "refused" if refusal else _OUTCOMES.get(choice.finish_reason or "", "ok")
    tokens = (usage.prompt_tokens or 0, usage.completion_tokens or 0) if usage else (0, 0)
    version = " ".join(part for part in (answer.model, answer.system_fingerprint) if part)
    text = (choice.message.content or refusal or "").encode("utf-8", "replace").decode()  # half a surrogate pair cannot be kept
    return Reply(ask.call_id, outcome, text, *tokens, round(seconds, 3), version)
