"""What endpoints say of a prompt that they do not take, and of options that they do not know: an
outcome or a setting, never the end of a run.
"""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.loopback import Loopback

from psycopref.config.instruments import load_instrument
from psycopref.errors import ModelError
from psycopref.lab import Lab
from psycopref.models.entries import ModelEntry, Pool
from psycopref.models.providers import bodies
from psycopref.progress import Progress
from psycopref.stages.rate import Rate
from psycopref.stages.respond import Respond
from psycopref.store.calls import Ask, Message, Reply
from psycopref.tables import Response, Speech

SAID = "I cannot sleep since my sister left"
Answer = Callable[[dict[str, Any]], tuple[int, Any] | None]


class Odd(Loopback):
    """A server that answers `odd` requests as the test says, and all others as ever."""

    def __init__(self, odd: Answer) -> None:
        super().__init__()
        self.seen: list[dict[str, Any]] = []

        def other(method: str, path: str, raw: bytes) -> tuple[int, bytes] | None:
            self.seen.append(json.loads(raw))
            found = odd(self.seen[-1])
            if found is None:
                return None
            status, body = found
            return status, body if isinstance(body, bytes) else json.dumps(body).encode()

        self.other = other


def entry(server: Loopback, **more: Any) -> ModelEntry:
    return ModelEntry(name="m", kind="openai", url=server.url, concurrency=4, **more)


def asked(lab: Lab, one: ModelEntry, *texts: str, **more: Any) -> dict[str, Reply]:
    asks = [Ask("m", (Message("system", "be kind"), Message("user", t)), **more) for t in texts]
    return {ask.messages[1].content: reply for ask, reply in lab.ask(asks, [one])}


def on(word: str, status: int, body: Any) -> Answer:
    return lambda request: (status, body) if word in str(request["messages"]) else None


def error(code: Any, message: str = f"no: {SAID}", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "code": code, **more}}


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, error("invalid_prompt", type="invalid_request_error"), "filtered"),
        (400, error("content_policy_violation"), "filtered"),
        (400, error("content_filter"), "filtered"),
        (400, error(400, type="data_inspection_failed"), "filtered"),
        (400, error(None, innererror={"code": "ResponsibleAIPolicyViolation"}), "filtered"),
        (422, error("safety_violation"), "filtered"),
        (451, {}, "filtered"),
        (
            400,
            error("invalid_request_error", "Output blocked by content filtering policy"),
            "filtered",
        ),
        (400, error("context_length_exceeded"), "overlong"),
        (400, error(400, "This model's maximum context length is 4096 tokens."), "overlong"),
        (400, error(400, type="exceed_context_size_error"), "overlong"),
        (400, {"object": "error", "message": "The prompt is too long: 9 > 8"}, "overlong"),
        (413, b"<html>too large</html>", "overlong"),
        (200, {"choices": [], "promptFeedback": {"blockReason": "SAFETY"}}, "filtered"),
        (200, {"choices": [], "prompt_filter_results": [{"r": {"filtered": True}}]}, "filtered"),
        (200, {**error("content_filter"), "choices": []}, "filtered"),
    ],
)
def test_a_prompt_that_is_not_taken_is_that_calls_outcome(
    lab: Lab, status: int, body: Any, outcome: str
) -> None:
    with Odd(on("suicide", status, body)) as server:
        found = asked(lab, entry(server), "one", "of suicide", "three", "four")
        assert found["of suicide"].outcome == outcome
        assert {one.outcome for text, one in found.items() if "suicide" not in text} == {"ok"}
        made = len(server.seen)
        assert asked(lab, entry(server), "of suicide")["of suicide"].outcome == outcome
        assert len(server.seen) == made, "it is kept as it ended"


@pytest.mark.parametrize("choices", [[], None, [{"index": 0, "message": None}]])
def test_no_choice_at_all_is_tried_again_and_then_that_calls_outcome(
    lab: Lab, choices: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from psycopref.models.calling import lane

    monkeypatch.setattr(lane, "wait_after", lambda tries, dice: 0.01)
    with Odd(on("suicide", 200, {"choices": choices})) as server:
        found = asked(lab, entry(server), *(f"n {k}" for k in range(8)), "of suicide")
        assert found.pop("of suicide").outcome == "filtered"
        assert {one.outcome for one in found.values()} == {"ok"}
        assert sum("suicide" in str(one) for one in server.seen) == lane.TRIES


FIELDS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "seed, pydantic": (
        "seed",
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs"}]},
        {"seed": False},
    ),
    "seed, in words": (
        "seed",
        {"message": "Unrecognized request argument supplied: 'seed'"},
        {"seed": False},
    ),
    "seed, in front": (
        "seed",
        {"type": "error", "error": {"message": "seed: Extra inputs are not permitted"}},
        {"seed": False},
    ),
    "max_tokens": (
        "max_tokens",
        error("unsupported_parameter", "Unsupported parameter: 'max_tokens'", param="max_tokens"),
        {"max_tokens_field": "max_completion_tokens"},
    ),
    "temperature": (
        "temperature",
        error("unsupported_value", "Only the default (1) is supported", param="temperature"),
        {"send_temperature": False},
    ),
}


@pytest.mark.parametrize("name", FIELDS)
def test_an_option_that_is_not_taken_is_found_out_once(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    option, body, setting = FIELDS[name]
    more = {"attempt": 1, "temperature": 0.5, "max_tokens": 30}
    texts = [f"speech {n}" for n in range(40)]
    with (
        Odd(lambda request: (422, body) if option in request else None) as server,
        Lab(tmp_path / "work", Progress(quiet=False)) as lab,
    ):
        found = asked(lab, entry(server), *texts, **more)
        assert {one.outcome for one in found.values()} == {"ok"}
        refused = sum(option in one for one in server.seen)
        assert 1 <= refused <= 4, "only those in flight when it was found out"
        assert capsys.readouterr().err.count("does not take") == 1
        before = len(server.seen)
        again = asked(lab, entry(server, **setting), *(f"more {n}" for n in range(3)), **more)
        assert len(again) == 3 and len(server.seen) == before + 3, "by the entry it works at once"


def test_o1_mini_works_by_its_entry_alone(lab: Lab) -> None:
    def picky(request: dict[str, Any]) -> tuple[int, Any] | None:
        for bad in ("temperature", "max_tokens"):
            if bad in request:
                return 400, error("unsupported_parameter", "Unsupported parameter", param=bad)
        if request["messages"][0]["role"] != "user":
            return 400, error("unsupported_value", "not supported: role", param="messages[0].role")
        return None

    mine = {"system_role": False, "max_tokens_field": "max_completion_tokens"}
    with Odd(picky) as server:
        assert asked(lab, entry(server, **mine), "one", max_tokens=300)["one"].outcome == "ok"
        assert len(server.seen) == 1 and server.seen[0]["max_completion_tokens"] == 300
        found = asked(lab, entry(server), "two", max_tokens=300, temperature=1.0)
        assert found["two"].outcome == "ok" and len(server.seen) == 5, "three refusals, and found"


def test_another_refusal_names_code_and_option_and_quotes_nothing(lab: Lab) -> None:
    body = error("unknown_thing", f"no: {SAID}", param="logit_bias")
    with (
        Odd(lambda request: (400, body)) as server,
        pytest.raises(ModelError, match=r"code unknown_thing, param logit_bias") as caught,
    ):
        asked(lab, entry(server), SAID)
    assert SAID not in str(caught.value)


@pytest.mark.parametrize(
    "reason", ["MAX_TOKENS", "length", "FinishReason.MAX_TOKENS", "max_tokens"]
)
def test_finish_reasons_of_every_adapter(lab: Lab, reason: str) -> None:
    body = {"choices": [{"finish_reason": reason, "message": {"content": "half a"}}]}
    with Odd(on("one", 200, body)) as server:
        assert asked(lab, entry(server), "one")["one"].outcome == "truncated"


@pytest.mark.parametrize(
    "usage",
    [
        '{"prompt_tokens": 1e400, "completion_tokens": 99999999999999999999999999}',
        '{"prompt_tokens": -4, "completion_tokens": true}',
        '{"prompt_tokens": "many", "completion_tokens": [1]}',
        '{"prompt_tokens": 1.5, "completion_tokens": NaN}',
    ],
)
def test_numbers_of_tokens_that_cannot_be_count_as_none(lab: Lab, usage: str) -> None:
    body = '{"choices": [{"message": {"content": "hello"}}], "usage": ' + usage + "}"
    with Odd(on("one", 200, body.encode())) as server:
        reply = asked(lab, entry(server), "one")["one"]
    assert (reply.text, reply.tokens_in, reply.tokens_out) == ("hello", 0, 0)


def test_a_stream_is_called_one(lab: Lab) -> None:
    with (
        Odd(on("one", 200, b'data: {"choices": []}\n\ndata: [DONE]\n\n')) as server,
        pytest.raises(ModelError, match="sent a stream"),
    ):
        asked(lab, entry(server), "one")


def test_a_body_is_read_to_a_bound(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        Odd(on("one", 200, b" " * (bodies.LARGEST + 1))) as server,
        pytest.raises(ModelError, match="over 64 MiB"),
    ):
        asked(lab, entry(server), "one")
    bomb = gzip.compress(b" " * (bodies.LARGEST + 1))
    assert len(bomb) < 100_000
    with pytest.raises(bodies.TooLarge, match="over 64 MiB"):
        bodies._unpacked(bomb, bodies.LARGEST)
    assert bodies._unpacked(gzip.compress(b"{}"), 10) == b"{}"


def test_parts_and_thinking_apart_from_the_answer(lab: Lab) -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "notes"}]},
        {"type": "text", "text": "What keeps you awake?"},
    ]
    said: dict[str, Any] = {
        "parts": {"content": parts},
        "apart": {"content": "What keeps you awake?", "reasoning_content": "notes"},
        "tags": {"content": "<think>notes</think>What keeps you awake?"},
        "never": {"content": "<think>notes"},
    }

    def answer(request: dict[str, Any]) -> tuple[int, Any]:
        word = next(one for one in said if f"way {one}" in str(request["messages"]))
        return 200, {"choices": [{"finish_reason": "stop", "message": said[word]}]}

    speeches = [Speech(f"speech-{one}", "x", f"way {one}", topic="t") for one in said]
    with Odd(answer) as server:
        pool = Pool(name="p", models=(entry(server),))
        made = lab.do(Respond(pool=pool, per_speech=1), speeches, [])
    assert [row.text for row in made.responses] == ["What keeps you awake?"] * 3
    assert [row.reason for row in made.failures] == ["empty: respond"]
    thought = {row.slice: (row.value, row.count) for row in made.metrics if "thinking" in row.name}
    assert thought == {"all": (4, 4), "model:m": (4, 4)}


RATING = '{{"ratings": [{{"response": 1, "rationale": "so", "score": {score}}}]}}'


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("<think>First idea: " + RATING.format(score=1) + " but too harsh, so 4, let me", None),
        ('<think>{"ratings": [{"response": 1, "score": ...</think>' + RATING.format(score=4), 4),
        ("<think>" + RATING.format(score=1) + "</think>" + RATING.format(score=4), 4),
        (RATING.format(score=1) + "\n</think>\n" + RATING.format(score=4), 4),
    ],
)
def test_a_judges_draft_is_never_a_score(lab: Lab, text: str, score: int | None) -> None:
    speech = Speech("speech-1", "x", "I cannot sleep.", topic="t")
    response = Response("response-1", "speech-1", "m", "Tell me more.")
    item = load_instrument("psychocounsel").items[0].name
    body = {"choices": [{"finish_reason": "stop", "message": {"content": text}}]}
    with Odd(lambda request: (200, body)) as server:
        made = lab.do(Rate(instrument="psychocounsel", judge=entry(server)), [speech], [response])
    own = [row.score for row in made.ratings if row.item == item]
    assert own == ([] if score is None else [score])
    if score is None:
        assert {row.parts().outcome for row in made.failures} == {"malformed"}


def test_it_is_said_while_most_of_what_is_paid_for_is_thrown_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = {"choices": [{"finish_reason": "length", "message": {"content": "half a"}}]}
    texts = [f"speech {n}" for n in range(60)]
    with (
        Odd(lambda request: (200, cut)) as server,
        Lab(tmp_path / "work", Progress(quiet=False)) as lab,
    ):
        asked(lab, entry(server), *texts, max_tokens=160)
    said = capsys.readouterr().err
    assert said.count("WARNING") == 1
    assert "20 of 20 replies of m were cut off at max_tokens = 160" in said


@pytest.mark.parametrize(
    "body",
    [
        error(
            "invalid_value",
            "max_tokens is too large",
            param="max_tokens",
            type="invalid_request_error",
        ),
        error(
            None, "temperature must be at most 1", param="temperature", type="invalid_request_error"
        ),
        {
            "detail": [
                {"type": "less_than_equal", "loc": ["body", "temperature"], "msg": "at most 1"}
            ]
        },
        error("unknown", "I do not know 'sadness', and my temperature is unknown"),
    ],
)
def test_a_wrong_value_is_no_option_that_is_not_taken(lab: Lab, body: Any) -> None:
    """Leaving it out would change what is asked; it is said instead."""
    with (
        Odd(lambda request: (400, body)) as server,
        pytest.raises(ModelError, match="the request was not accepted"),
    ):
        asked(lab, entry(server), "one", max_tokens=9000, temperature=3.0)
    assert len(server.seen) == 1


def test_a_prompt_too_long_is_no_matter_of_the_system_message(lab: Lab) -> None:
    said = "This model does not support so long a system message and messages"
    body = error("context_length_exceeded", said, param="messages")
    with Odd(on("one", 400, body)) as server:
        assert asked(lab, entry(server), "one")["one"].outcome == "overlong"
