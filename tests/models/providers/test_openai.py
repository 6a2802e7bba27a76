"""The endpoint provider against a real server on loopback: every kind of answer, and errors that
tell no secret.
"""

import asyncio
import json
import time
import traceback
from email.utils import formatdate

import pytest
from helpers.loopback import Behaviour, Loopback

from psycopref.errors import ModelError
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.openai import OpenAI
from psycopref.models.providers.protocol import Busy
from psycopref.store.calls import Ask, Message, Reply

SPEECH = "I cannot sleep since my sister left"
SCHEMA = '{"properties":{"ratings":{"type":"array"}},"type":"object"}'


def ask(model: str = "m", **more: object) -> Ask:
    return Ask(
        model,
        (Message("system", "be kind"), Message("user", SPEECH)),
        **more,  # type: ignore[arg-type]
    )


def sent(entry: ModelEntry, one: Ask) -> Reply:
    async def go() -> Reply:
        provider = OpenAI(entry)
        try:
            return await provider.ask(one)
        finally:
            await provider.close()

    return asyncio.run(go())


def entry(server: Loopback, **more: object) -> ModelEntry:
    return ModelEntry(name="m", kind="openai", url=server.url, **more)  # type: ignore[arg-type]


def test_an_answer_with_its_tokens_and_version() -> None:
    with Loopback() as server:
        reply = sent(entry(server), ask(temperature=0.7, max_tokens=90))
        body = server.book.bodies[0]
    assert reply.outcome == "ok" and 60 <= len(reply.text.split()) <= 200
    assert (
        reply.tokens_in == 9 and reply.tokens_out == len(reply.text.split()) and reply.seconds > 0
    )
    assert (
        reply.version == "m fp_loopback"
        and reply.call_id == ask(temperature=0.7, max_tokens=90).call_id
    )
    messages = [{"role": "system", "content": "be kind"}, {"role": "user", "content": SPEECH}]
    assert body == {"model": "m", "messages": messages, "temperature": 0.7, "max_tokens": 90}


def test_a_draw_or_an_attempt_has_its_own_seed_and_a_first_call_none() -> None:
    with Loopback() as server:
        texts = {
            sent(entry(server), ask(draw=draw, attempt=attempt)).text
            for draw, attempt in ((0, 0), (1, 0), (0, 1))
        }
        seeds = [body.get("seed") for body in server.book.bodies]
    assert len(texts) == 3
    assert (
        seeds[0] is None
        and None not in seeds[1:]
        and seeds[1] != seeds[2]
        and all(0 <= seed < 2**31 for seed in seeds[1:])
    )


def test_the_schema_is_sent_only_where_the_endpoint_takes_one() -> None:
    with Loopback() as server:
        sent(entry(server, json_schema=True), ask(json_schema=SCHEMA))
        sent(entry(server), ask(json_schema=SCHEMA))
        with_schema, without = server.book.bodies
    assert with_schema["response_format"]["json_schema"] == {
        "name": "answer",
        "strict": True,
        "schema": json.loads(SCHEMA),
    }
    assert "response_format" not in without


def test_the_endpoints_own_name_of_a_model() -> None:
    with Loopback() as server:
        reply = sent(entry(server, model="deployment-7"), ask())
    assert list(server.book.models) == ["deployment-7"] and reply.call_id == ask().call_id


@pytest.mark.parametrize(
    ("how", "outcome", "text"),
    [
        (Behaviour(cut=1.0), "truncated", "Thank you"),
        (Behaviour(refused=1.0), "refused", "I am sorry"),
        (Behaviour(filtered=1.0), "filtered", ""),
    ],
)
def test_outcomes_that_are_answers(how: Behaviour, outcome: str, text: str) -> None:
    with Loopback(default=how) as server:
        reply = sent(entry(server), ask())
    assert reply.outcome == outcome and reply.text.startswith(text)


@pytest.mark.parametrize(
    ("how", "wait"),
    [
        (Behaviour(busy=1.0, retry_after=7.0), 7.0),
        (Behaviour(busy=1.0, retry_after=None), None),
        (Behaviour(broken=1.0), None),
    ],
)
def test_what_may_pass_is_busy(how: Behaviour, wait: float | None) -> None:
    with Loopback(default=how) as server, pytest.raises(Busy) as caught:
        sent(entry(server), ask())
    assert caught.value.wait == wait and "127.0.0.1" in str(caught.value)
    assert sum(server.book.requests.values()) == 1, "the SDK must not try again by itself"
    silent(caught.value)


def test_a_429_says_that_the_endpoint_is_well_and_a_500_does_not() -> None:
    for how, limited in ((Behaviour(busy=1.0), True), (Behaviour(broken=1.0), False)):
        with Loopback(default=how) as server, pytest.raises(Busy) as caught:
            sent(entry(server), ask())
        assert caught.value.limited is limited


def test_a_date_in_retry_after_is_held_against_the_servers_clock() -> None:
    class Late(Loopback):
        def respond(
            self, body: dict[str, object], auth: str, headers: dict[str, str]
        ) -> tuple[int, dict[str, object], dict[str, str]]:
            return 429, {}, {"Retry-After": formatdate(time.time() + 90, usegmt=True)}

    with Late() as server, pytest.raises(Busy) as caught:
        sent(entry(server), ask())
    assert caught.value.wait is not None and 85 <= caught.value.wait <= 91


GOOD = {"model": "m", "choices": [{"finish_reason": "stop", "message": {"content": "hello"}}]}


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ({"choices": []}, Busy, "without choices"),
        ({"error": {"code": 502, "message": SPEECH}}, Busy, "without choices"),
        (
            {"choices": [{"finish_reason": "error", "message": {"content": SPEECH}}]},
            Busy,
            "passed on",
        ),
        ({"hello": SPEECH}, ModelError, "not a chat completion"),
        ([SPEECH], ModelError, "not a chat completion"),
        ({"choices": [SPEECH]}, ModelError, "as the protocol has it"),
        ({"choices": [{"message": {"content": [SPEECH]}}]}, ModelError, "as the protocol has it"),
        ({**GOOD, "usage": {"prompt_tokens": SPEECH}}, None, ""),
        ({**GOOD, "usage": SPEECH}, ModelError, "as the protocol has it"),
        ({**GOOD, "usage": None}, None, ""),
        ({**GOOD, "usage": {"prompt_tokens": None, "completion_tokens": 7}}, None, ""),
    ],
)
def test_an_answer_of_another_shape(
    answer: object, error: type[Exception] | None, words: str
) -> None:
    class Odd(Loopback):
        def respond(
            self, body: dict[str, object], auth: str, headers: dict[str, str]
        ) -> tuple[int, dict[str, object], dict[str, str]]:
            return 200, answer, {}  # type: ignore[return-value]

    with Odd() as server:
        if error is None:
            assert sent(entry(server), ask()).text == "hello"
            return
        with pytest.raises(error, match=words) as caught:
            sent(entry(server), ask())
    silent(caught.value)


def test_a_redirect_is_not_followed_with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-very-secret")
    with Loopback() as other:

        class Elsewhere(Loopback):
            def respond(
                self, body: dict[str, object], auth: str, headers: dict[str, str]
            ) -> tuple[int, dict[str, object], dict[str, str]]:
                return 307, {}, {"Location": f"{other.url}/chat/completions"}

        with Elsewhere() as server, pytest.raises(ModelError, match="307") as caught:
            sent(entry(server, key_env="SOME_KEY"), ask())
        assert not other.book.requests
    silent(caught.value)


def test_a_proxy_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback() as proxy:
        for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        far = ModelEntry(name="m", kind="openai", url="http://nowhere.invalid/v1")
        assert sent(far, ask()).outcome == "ok"
        monkeypatch.setenv("no_proxy", "nowhere.invalid")
        with pytest.raises(Busy, match="nowhere.invalid"):
            sent(far, ask())


def test_slow_and_gone_are_busy() -> None:
    with (
        Loopback(default=Behaviour(latency=0.5)) as server,
        pytest.raises(Busy, match="no answer within 0.1 s"),
    ):
        sent(entry(server, timeout=0.1), ask())
    with (
        Loopback(default=Behaviour(drip=0.05)) as server,
        pytest.raises(Busy, match="no answer within 0.3 s"),
    ):
        sent(entry(server, timeout=0.3), ask())
    with pytest.raises(Busy, match="ClientConnectorError"):
        sent(entry(server), ask())


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "set the environment variable SOME_KEY"),
        (403, "SOME_KEY"),
        (404, "no model 'm'.*SOME_KEY"),
        (400, "not accepted.*SOME_KEY"),
        (422, "SOME_KEY"),
    ],
)
def test_what_will_not_pass_is_an_error_without_key_or_request(
    monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-very-secret")
    with (
        Loopback(default=Behaviour(status=status)) as server,
        pytest.raises(ModelError, match=words) as caught,
    ):
        sent(entry(server, key_env="SOME_KEY"), ask())
    assert f"127.0.0.1:{server.port} {status}" in str(caught.value)
    silent(caught.value)


def test_a_wrong_key_and_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-very-secret")
    with Loopback(key="sk-very-secret") as server:
        assert sent(entry(server, key_env="SOME_KEY"), ask()).outcome == "ok"
        monkeypatch.setenv("SOME_KEY", "sk-wrong-one")
        with pytest.raises(ModelError, match="401") as caught:
            sent(entry(server, key_env="SOME_KEY"), ask())
    silent(caught.value)


def test_the_users_openai_key_goes_to_no_other_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-secret")
    with Loopback() as server:
        sent(entry(server), ask())
    assert server.book.keys == {"Bearer none"} and len(server.book.headers) > 5
    assert not [name for name, value in server.book.headers.items() if "secret" in value]


def test_half_a_surrogate_pair_can_be_kept() -> None:
    with Loopback() as server:
        server.counsel = lambda body: "ok \ud83d then"
        assert sent(entry(server), ask()).text == "ok ? then"


def silent(error: BaseException) -> None:
    """Neither the message nor anything chained to it tells the key or the request."""
    told = str(error) + "".join(traceback.format_exception(error))
    assert error.__context__ is None and error.__cause__ is None
    assert "sister" not in told and "very-secret" not in told and "wrong-one" not in told
