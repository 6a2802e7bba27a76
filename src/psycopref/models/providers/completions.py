"""A chat completion as a reply, live or from a batch file."""

from typing import Any

from psycopref.models.providers.outcomes import count, finished
from psycopref.models.thinking import tagged
from psycopref.store.calls import Reply


def read_completion(call_id: str, answer: dict[str, Any], seconds: float) -> Reply:
    """A chat completion as a reply; one of the usual errors where a part is missing or of another
    kind.
    """
    choice, usage = answer["choices"][0], answer.get("usage") or {}
    message = choice["message"]
    refusal = message.get("refusal")
    thinking, said = parts(message.get("content"))
    thinking = thinking or message.get("reasoning_content") or message.get("reasoning") or ""
    outcome = "refused" if refusal else finished(choice.get("finish_reason"))
    text = tagged(thinking if isinstance(thinking, str) else "", said or refusal or "")
    version = " ".join(
        part for part in (answer.get("model"), answer.get("system_fingerprint")) if part
    )
    return Reply(
        call_id,
        outcome,
        text.encode("utf-8", "replace").decode(),  # half a surrogate pair cannot be kept
        count(usage.get("prompt_tokens")),
        count(usage.get("completion_tokens")),
        seconds,
        version.encode("utf-8", "replace").decode(),
    )


def parts(content: object) -> tuple[str, str]:
    """Thinking and text of a message's content: a text, nothing or a list of parts. One of the
    usual errors where it is something else.
    """
    if content is None or isinstance(content, str):
        return "", content or ""
    if not isinstance(content, list):
        raise TypeError("content")
    thinking, said = [], []
    for part in content:
        if part.get("type") in ("thinking", "reasoning", "redacted_thinking"):
            inner = part.get("thinking") or part.get("reasoning") or part.get("text") or ""
            thinking.append(parts(inner)[1])
        elif part.get("type") in ("text", "output_text"):
            said.append(str.__str__(part["text"]))  # TypeError where it is none
    return "".join(thinking), "".join(said)
