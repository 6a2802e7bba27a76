"""What endpoints say of a call, in their own words, as an outcome: finish reasons and error codes
of every protocol in one table.
"""

import re
from typing import Any

from psycopref.store.calls import Outcome

# In small letters, without a prefix such as FINISH_REASON_. What is not here is a whole answer: new
# reasons for a good end (tool_calls, eos) come more often than new reasons for a bad one.
_FINISHED: dict[str, Outcome] = {
    **dict.fromkeys(
        (
            "length",
            "max_tokens",
            "max_output_tokens",
            "max_completion_tokens",
            "max_new_tokens",
            "token_limit",
            "model_length",
            "model_context_window_exceeded",
            "context_length_exceeded",
            "incomplete",
        ),
        "truncated",
    ),
    **dict.fromkeys(
        (
            "content_filter",
            "content_filtered",
            "filtered",
            "safety",
            "recitation",
            "blocklist",
            "prohibited_content",
            "spii",
            "image_safety",
            "guardrail_intervened",
            "sensitive",
            "error_toxic",
            "blocked",
        ),
        "filtered",
    ),
    "refusal": "refused",
    "refused": "refused",
}
_PREFIX = re.compile(r"^(?:finish_?reason[._]|stop_?reason[._])")
# Statuses that say of a request that it will never be taken as it is.
REFUSING = (400, 413, 422, 451)
_CODES: dict[Outcome, re.Pattern[str]] = {
    "overlong": re.compile(
        r"context_length|context_size|context_window|prompt_too_long|too_many_tokens|input_too_long"
        r"|string_above_max_length|max_tokens_exceeded|request_too_large|token_limit"
    ),
    "filtered": re.compile(
        r"content_?filter|content_policy|content_management|invalid_prompt|prompt_blocked"
        r"|moderation|flagged|safety|sensitive|data_inspection_failed|prohibited_content"
        r"|responsible_?ai|guardrail|policy_violation|unsafe"
    ),
}
# Servers without codes say it in words. What is looked for cannot be a client's sentence about
# itself; and nothing of the message goes further than this.
_WORDS: dict[Outcome, re.Pattern[str]] = {
    "overlong": re.compile(
        r"maximum context length|context (?:length|window|size)|prompt is too long"
        r"|(?:input|prompt).{0,40}(?:too long|exceeds?).{0,40}(?:tokens|length|limit)"
        r"|exceeds? the (?:available )?context|too many (?:input )?tokens"
    ),
    "filtered": re.compile(
        r"content (?:management|filter(?:ing)?|moderation)(?: policy)?|usage polic(?:y|ies)"
        r"|violat\w+ .{0,60}(?:polic|guideline|terms)|(?:prompt|input|output|request) "
        r"(?:was |has been )?(?:blocked|flagged|rejected) (?:by|for|as|due)"
    ),
}
_HEAD = 400  # characters of a message that are looked at: what it is about stands at its start


def finished(reason: object) -> Outcome:
    """The outcome that a finish reason stands for; 'ok' for none and for one that is not known."""
    said = _PREFIX.sub("", reason.strip().lower()) if isinstance(reason, str) else ""
    return _FINISHED.get(said, "ok")


def refused_prompt(status: int, body: object) -> Outcome | None:
    """Whether an error says that this prompt is not taken, by a filter or for its length; None
    where it says something else (of the key, the model, an option).
    """
    if status not in REFUSING:
        return None
    if status == 413:
        return "overlong"
    if status == 451:
        return "filtered"
    return prompt_of(body)


def prompt_of(body: object) -> Outcome | None:
    """The same of an error whatever its status: by its codes, and where these say nothing by the
    start of its message.
    """
    if outcome := coded(body):
        return outcome
    message = message_of(body)[:_HEAD].lower()
    return next((one for one, pattern in _WORDS.items() if pattern.search(message)), None)


def coded(body: object) -> Outcome | None:
    """What the codes of an error say of its prompt."""
    codes = error_code(body).lower().replace("-", "_")
    return next((one for one, pattern in _CODES.items() if pattern.search(codes)), None)


def blocked(answer: dict[str, Any]) -> bool:
    """Whether an answer without choices says that its prompt was stopped by a filter."""
    feedback = answer.get("promptFeedback") or answer.get("prompt_feedback") or {}
    if isinstance(feedback, dict) and (feedback.get("blockReason") or feedback.get("block_reason")):
        return True
    results = answer.get("prompt_filter_results")
    return isinstance(results, list) and '"filtered": true' in _flat(results)


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(
            '"filtered": true' if name == "filtered" and one is True else _flat(one)
            for name, one in value.items()
        )
    return " ".join(map(_flat, value)) if isinstance(value, list) else ""


def error_code(body: object) -> str:
    """The error codes in an error's body, in one string; never its message, which may quote the
    request.
    """
    found = [inner.get(name) for inner in _inner(body) for name in ("code", "type", "status")]
    found += [one.get("type") for one in _details(body)]
    return " ".join(str(one) for one in found if one is not None)


def error_param(body: object) -> str:
    """The option that an error names (`param`, or the place in a validation error); '' for none."""
    for inner in _inner(body):
        if isinstance(inner.get("param"), str):
            return str(inner["param"])
    for one in _details(body):
        place = one.get("loc")
        if isinstance(place, list) and len(place) > 1:
            return str(place[1])
    return ""


def _details(body: object) -> list[dict[str, Any]]:
    """The mistakes that a server which checks requests lists (FastAPI and its kin)."""
    found = body.get("detail") if isinstance(body, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _inner(body: object) -> list[dict[str, Any]]:
    """The objects of an error that hold its codes: the innermost first."""
    if not isinstance(body, dict):
        return []
    inner = body.get("error", body)
    if not isinstance(inner, dict):
        return [body]
    deeper = inner.get("innererror")
    return [deeper, inner] if isinstance(deeper, dict) else [inner]


def message_of(body: object) -> str:
    """What an error says in words, to be looked through and never shown: it may quote a client."""
    said = [inner.get("message") for inner in _inner(body)]
    if isinstance(body, dict):
        said += [body.get("error"), body.get("detail"), body.get("message")]
    return " ".join(one for one in said if isinstance(one, str))


def count(value: object) -> int:
    """A number of tokens as an endpoint states it; 0 where it is no count that can be."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 <= value <= MOST and value == int(value) else 0


MOST = 1_000_000_000  # tokens of a call; what is beyond is no count
