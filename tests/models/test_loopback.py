"""The loopback server itself: the same request has the same answer, and another process can read
its counts.
"""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from helpers.loopback import Behaviour, Loopback, is_judging, judge

PROMPT = """<client>
hi
</client>

<response id="1">
And then? What now?
</response>

<response id="2">
Cheer up.
</response>

Answer {"ratings": [...]}"""


def post(url: str, body: dict[str, object]) -> dict[str, object]:
    request = urllib.request.Request(
        f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        request, timeout=10
    ) as answer:
        return json.loads(answer.read())  # type: ignore[no-any-return]


def test_the_same_request_has_the_same_answer_and_is_counted() -> None:
    body: dict[str, object] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    with Loopback() as server:
        assert (
            post(server.url, body)
            == post(server.url, body)
            != post(server.url, {**body, "model": "n"})
        )
    assert list(server.book.repeats().values()) == [2] and server.book.models == {"m": 2, "n": 1}


def test_the_judge_scores_every_response_on_the_scale() -> None:
    messages = [{"role": "user", "content": PROMPT}]
    assert is_judging({"messages": messages})
    ratings = json.loads(judge(messages))["ratings"]
    assert [one["response"] for one in ratings] == [1, 2] and all(
        1 <= one["score"] <= 5 and one["rationale"] for one in ratings
    )


def test_shares_are_shares_of_requests() -> None:
    with Loopback(default=Behaviour(refused=0.3)) as server:
        answers = [
            post(server.url, {"model": "m", "messages": [{"role": "user", "content": str(n)}]})
            for n in range(100)
        ]
    refused = sum(
        one["choices"][0]["message"]["refusal"] is not None  # type: ignore[index]
        for one in answers
    )
    assert 15 < refused < 45


def test_it_runs_as_a_process_of_its_own() -> None:
    script = Path(__file__).parents[1] / "helpers" / "loopback.py"
    command = [
        sys.executable,
        str(script),
        "--port",
        "0",
        "--behaviours",
        '{"odd": {"refused": 1.0}}',
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
            post(url, {"model": "odd", "messages": [{"role": "user", "content": "hello"}]})
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                f"{url}/counts", timeout=10
            ) as answer:
                assert json.loads(answer.read()) == {
                    "requests": 1,
                    "distinct": 1,
                    "answers": 1,
                    "repeats": 0,
                    "models": {"odd": 1},
                    "statuses": {"200": 1},
                }
        finally:
            os.kill(process.pid, signal.SIGTERM)
