"""The answer and error files of a provider's batch API, line by line."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from psycopref.models.providers.completions import read_completion
from psycopref.models.providers.outcomes import refused_prompt
from psycopref.store.calls import Reply

PASSES = (408, 409, 429)  # these and 5xx may pass; any other 4xx will not
_CODE = re.compile(
    r"[A-Za-z0-9_.-]{1,48}"
)  # what an error code looks like; a sentence, which may quote a request, does not


@dataclass
class Haul:
    """What the files of a batch hold."""

    replies: list[Reply] = field(default_factory=list)
    refused: set[str] = field(
        default_factory=set
    )  # calls that the provider will not take as they are
    refusals: set[str] = field(default_factory=set)  # their codes
    codes: set[str] = field(default_factory=set)  # codes of faults that may pass
    unread: list[str] = field(default_factory=list)  # what could not be read

    def take(self, row: dict[str, Any]) -> None:
        """A line's final answer, or why it has none."""
        response = table(row.get("response"))
        status, body, call_id = (
            response.get("status_code"),
            response.get("body"),
            str(row.get("custom_id")),
        )
        found = codes(body) | codes(row.get("error"))
        outcome = None
        if isinstance(status, int):
            outcome = refused_prompt(status, body) or refused_prompt(status, row.get("error"))
        if outcome:
            self.replies.append(Reply(call_id, outcome, ""))
        elif isinstance(status, int) and 400 <= status < 500 and status not in PASSES:
            self.refused.add(call_id)
            self.refusals |= found | {str(status)}
        elif status == 200 and isinstance(body, dict) and body.get("choices"):
            with suppress(
                KeyError, IndexError, TypeError, AttributeError, ValueError
            ):  # an error of these may quote the answer
                self.replies.append(read_completion(call_id, body, 0.0))
        else:
            self.codes |= found | (
                {str(status)} if isinstance(status, int) and status != 200 else set()
            )


def row(line: bytes) -> dict[str, Any] | None:
    """A JSON object; None where it is none (the error that says so would quote it)."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def codes(error: object) -> set[str]:
    """The error codes in an error, or in a body with one; never its message, which may quote the
    request.
    """
    inner = table(table(error).get("error", error))
    found = [str(inner[name]) for name in ("code", "type") if inner.get(name) is not None]
    return {code for code in found if _CODE.fullmatch(code)}


def listing(found: set[str]) -> str:
    return f" ({', '.join(sorted(found))})" if found else ""
