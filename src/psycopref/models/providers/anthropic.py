"""Anthropic's Messages API, over the same transport as everything else; no SDK is needed for one
POST.
"""

from typing import Any

from psycopref.models.providers.openai import OpenAI
from psycopref.store.calls import Ask, Outcome, Reply

VERSION = "2023-06-01"
MAX_TOKENS = 1024  # the protocol asks for a limit; used where an entry sets none
_OUTCOMES: dict[str, Outcome] = {
    "max_tokens": "truncated",
    "model_context_window_exceeded": "truncated",
    "refusal": "refused",
}


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
        if ask.temperature is not None:
            request["temperature"] = min(ask.temperature, 1.0)  # the protocol's highest
        return request

    def holds_answer(self, found: dict[str, Any]) -> bool:
        """Whether a body of status 200 is the protocol's."""
        return found.get("type") == "message"

    def read(self, call_id: str, answer: dict[str, Any], seconds: float) -> Reply:
        """The texts of an answer, joined; thoughts and tools are no part of a reply."""
        text = "".join(block["text"] for block in answer["content"] if block["type"] == "text")
        usage = answer.get("usage") or {}
        cached = sum(
            int(usage.get(f"cache_{kind}_input_tokens") or 0) for kind in ("read", "creation")
        )
        tokens = (
            int(usage.get("input_tokens") or 0) + cached,
            int(usage.get("output_tokens") or 0),
        )
        outcome = _OUTCOMES.get(answer.get("stop_reason") or "", "ok")
        kept = text.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be kept
        return Reply(call_id, outcome, kept, *tokens, seconds, str(answer.get("model") or ""))
