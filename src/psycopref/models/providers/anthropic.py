"""Anthropic's Messages API, over the same transport as everything else; no SDK is needed for one
POST.
"""

from typing import Any

from psycopref.models.providers.completions import parts
from psycopref.models.providers.openai import OpenAI
from psycopref.models.providers.outcomes import count, finished
from psycopref.models.thinking import tagged
from psycopref.store.calls import Ask, Reply

VERSION = "2023-06-01"
MAX_TOKENS = 1024  # the protocol asks for a limit; used where an entry sets none


class Anthropic(OpenAI):
    """One model at one endpoint that speaks the Messages protocol. It takes no seed and no JSON
    schema here: judges are asked for JSON in words.
    """

    PATH = "messages"

    def headers(self) -> dict[str, str]:
        """The headers that carry the key."""
        return {"x-api-key": self._key.reveal(), "anthropic-version": VERSION}

    def body(self, ask: Ask) -> dict[str, Any]:
        """The request; the system text stands apart from the turns."""
        told = self._entry.messages(ask)
        opening = "\n\n".join(one["content"] for one in told if one["role"] == "system")
        request: dict[str, Any] = {
            "model": self._entry.sent_as,
            "max_tokens": ask.max_tokens or MAX_TOKENS,
        }
        request["messages"] = [one for one in told if one["role"] != "system"]
        if opening:
            request["system"] = opening
        if ask.temperature is not None and self._entry.send_temperature:
            request["temperature"] = min(ask.temperature, 1.0)  # the protocol's highest
        return request

    def holds_answer(self, found: dict[str, Any]) -> bool:
        """Whether a body of status 200 is the protocol's."""
        return found.get("type") == "message"

    def read(self, call_id: str, answer: dict[str, Any], seconds: float) -> Reply:
        """The texts of an answer, joined, behind its thoughts; tools are no part of a reply."""
        text = tagged(*parts(answer["content"]))
        usage = answer.get("usage") or {}
        cached = sum(
            count(usage.get(f"cache_{kind}_input_tokens")) for kind in ("read", "creation")
        )
        tokens = (count(usage.get("input_tokens")) + cached, count(usage.get("output_tokens")))
        outcome = finished(answer.get("stop_reason"))
        kept = text.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be kept
        return Reply(call_id, outcome, kept, *tokens, seconds, str(answer.get("model") or ""))
