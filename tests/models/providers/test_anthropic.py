"""The Messages protocol against a real server: what is sent, what its answers become, and that the
key is in one header only.
"""

import asyncio
import json
from typing import Any

import pytest
from helpers.loopback import Loopback

from psycopref.errors import ModelError
from psycopref.models.connect import connect
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.protocol import Busy
from psycopref.store.calls import Ask, Message, Reply

ASK = Ask(
    "m",
    (
        Message("system", "be kind"),
        Message("user", "hello"),
        Message("assistant", "yes?"),
        Message("user", "well"),
    ),
    1.4,
    60,
)
ANSWER = {
    "type": "message",
    "model": "m-1",
    "stop_reason": "end_turn",
    "content": [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "I hear "},
        {"type": "text", "text": "you."},
    ],
    "usage": {"input_tokens": 5, "cache_read_input_tokens": 20, "output_tokens": 3},
}


def asked(answer: Any, status: int = 200, **more: Any) -> tuple[Reply, dict[str, Any]]:
    """One ask at a server that gives `answer`; the reply and the body that was sent."""
    sent: list[dict[str, Any]] = []
    with Loopback() as server:

        def other(method: str, path: str, raw: bytes) -> tuple[int, bytes]:
            assert path == "/v1/messages" and method == "POST"
            sent.append(json.loads(raw))
            return status, json.dumps(answer).encode()

        server.other = other
        provider = connect(ModelEntry(name="m", kind="anthropic", url=server.url, **more))

        async def one() -> Reply:
            try:
                return await provider.ask(ASK)  # type: ignore[union-attr]
            finally:
                await provider.close()  # type: ignore[union-attr]

        return asyncio.run(one()), sent[0]


def test_system_text_stands_apart_and_texts_are_joined() -> None:
    reply, sent = asked(ANSWER)
    assert (reply.outcome, reply.text, reply.tokens_in, reply.tokens_out, reply.version) == (
        "ok",
        "<think>hm</think>\nI hear you.",
        25,
        3,
        "m-1",
    )
    assert sent["system"] == "be kind" and [one["role"] for one in sent["messages"]] == [
        "user",
        "assistant",
        "user",
    ]
    assert (sent["max_tokens"], sent["temperature"]) == (60, 1.0) and "seed" not in sent


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("max_tokens", "truncated"), ("refusal", "refused"), ("stop_sequence", "ok")],
)
def test_outcomes(reason: str, outcome: str) -> None:
    assert asked({**ANSWER, "stop_reason": reason})[0].outcome == outcome


def test_faults_are_busy_and_what_is_no_message_is_said() -> None:
    with pytest.raises(Busy, match="529"):
        asked({"type": "error", "error": {"type": "overloaded_error", "message": "hello"}}, 529)
    with pytest.raises(ModelError, match="check `url`"):
        asked({"choices": []})
    with pytest.raises(ModelError, match="not as the protocol has it") as caught:
        asked({**ANSWER, "content": [{"type": "text", "words": "hello"}]})
    assert "hello" not in str(caught.value) and caught.value.__context__ is None


def test_the_key_is_in_its_header_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINIC_KEY", "sk-ant-secret")
    provider = connect(
        ModelEntry(name="m", kind="anthropic", url="http://localhost:1/v1", key_env="CLINIC_KEY")
    )
    assert provider.headers() == {  # type: ignore[union-attr]
        "x-api-key": "sk-ant-secret",
        "anthropic-version": "2023-06-01",
    }
    assert "secret" not in repr(provider) and "secret" not in repr(vars(provider))
