"""A real HTTP server on loopback that speaks the chat-completions protocol: `python
tests/loopback.py --port 0` prints its port.

Everything it does follows from the request and from how often that request has come: delays, 429,
500, refusals, filtered and cut-off answers. It counts requests by content, so that a test can say
how often each was made.
"""

import argparse
import hashlib
import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Messages = list[dict[str, str]]
_RESPONSE = re.compile(r'<response id="(\d+)">\n?(.*?)\n?</response>', re.DOTALL)
_SENTENCES = (
    "It sounds as though this has been weighing on you for some time.",
    "I hear how tired you are of holding it all together.",
    "What you describe would be hard for anyone.",
    "I wonder what a small step might look like for you this week.",
    "You have already noticed something important about yourself.",
    "Perhaps we could look together at the moments when it is a little easier.",
    "You might try writing down what happens just before the feeling comes.",
    "Many people in your place feel torn in the same way.",
    "What matters most to you in all of this?",
    "There is no need to decide everything today.",
    "How did you manage when something like this happened before?",
    "It may help to talk with someone you trust about it.",
    "I would like to understand more about what those evenings are like.",
    "You are the one who knows best what fits your life.",
)


@dataclass(frozen=True)
class Behaviour:
    """How a model behaves. Shares are of distinct requests; `bad_tries` is how often a 429 or 500
    comes before the answer.
    """

    latency: float = 0.0
    busy: float = 0.0
    broken: float = 0.0
    cut: float = 0.0
    refused: float = 0.0
    filtered: float = 0.0
    overlong: float = 0.0
    bad_tries: int = 1
    retry_after: float | None = 0.01
    status: int = 0  # every request gets this status
    drip: float = 0.0  # seconds between the bytes of an answer


@dataclass
class Book:
    """What came in; guarded by `lock`."""

    requests: Counter[str] = field(default_factory=Counter)  # by content
    models: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)  # completions sent, by content
    statuses: Counter[int] = field(default_factory=Counter)
    bodies: list[dict[str, Any]] = field(default_factory=list)  # the latest 1,000
    keys: set[str] = field(default_factory=set)
    headers: dict[str, str] = field(default_factory=dict)  # of the latest request
    in_flight: Counter[str] = field(default_factory=Counter)
    most_in_flight: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def repeats(self) -> dict[str, int]:
        """Requests that were answered more than once."""
        return {key: n for key, n in self.answers.items() if n > 1}


def number(*parts: object) -> float:
    """A number in [0, 1) made of its arguments."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6], "big") / 2**48


def counsel(body: dict[str, Any]) -> str:
    """A counselor-like answer of 60 to 200 words, made of model, messages and seed."""
    rng = random.Random(json.dumps([body["model"], body["messages"], body.get("seed")]))
    target, said = (
        rng.randint(60, 180),
        [f"Thank you for telling me this, {rng.choice(('truly', 'openly', 'so plainly'))}."],
    )
    while len(" ".join(said).split()) < target:
        said.append(rng.choice(_SENTENCES))
    return " ".join(said)


def judge(messages: Messages) -> str:
    """Scores for every `<response id="k">` of the last user message: 1 to 5, made of item and text;
    questions score higher.
    """
    text = messages[-1]["content"]
    item = text.rsplit("</response>", 1)[-1]
    ratings = []
    for key, reply in _RESPONSE.findall(text):
        score = 1 + int(4 * number(item, reply)) + (reply.count("?") > 1)
        ratings.append(
            {
                "response": int(key),
                "rationale": f"{reply.count('?')} questions in {len(reply.split())} words",
                "score": min(5, score),
            }
        )
    return json.dumps({"ratings": ratings})


def is_judging(body: dict[str, Any]) -> bool:
    """Whether a request asks for ratings."""
    return '"ratings"' in body["messages"][-1]["content"] or "ratings" in json.dumps(
        body.get("response_format", "")
    )


class Loopback:
    """`with Loopback({"slow": Behaviour(latency=0.2)}) as server:` serves at `server.url`;
    `server.book` has the counts.

    `judge`, `counsel` and `extra` (for other kinds of requests: body to text, or None) may be
    replaced.
    """

    def __init__(
        self,
        behaviours: dict[str, Behaviour] | None = None,
        default: Behaviour | None = None,
        key: str = "",
        port: int = 0,
    ) -> None:
        self.behaviours, self.default, self.key = (
            dict(behaviours or {}),
            default or Behaviour(),
            key,
        )
        self.book = Book()
        self.judge: Callable[[Messages], str] = judge
        self.counsel: Callable[[dict[str, Any]], str] = counsel
        self.extra: Callable[[dict[str, Any]], str | None] = lambda body: None
        self.other: Callable[[str, str, bytes], tuple[int, bytes] | None] = (
            lambda method, path, raw: None
        )  # other addresses
        self._server = _Server(("127.0.0.1", port), self)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self) -> None:
        """Serve until killed."""
        self._server.serve_forever()

    def text(self, body: dict[str, Any]) -> str:
        """The answer to a request."""
        other = self.extra(body)
        if other is not None:
            return other
        return self.judge(body["messages"]) if is_judging(body) else self.counsel(body)

    def respond(
        self, body: dict[str, Any], auth: str, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, JSON and headers for a request; waits the model's latency."""
        model, content = str(body["model"]), json.dumps(body, sort_keys=True)
        how = self.behaviours.get(model, self.default)
        with self.book.lock:
            tried = self.book.requests[content]
            self.book.requests[content] += 1
            self.book.models[model] += 1
            self.book.keys.add(auth)
            self.book.headers = headers
            self.book.bodies = [*self.book.bodies[-999:], body]
            self.book.in_flight[model] += 1
            self.book.most_in_flight[model] = max(
                self.book.most_in_flight[model], self.book.in_flight[model]
            )
        time.sleep(how.latency)
        answer = self._answer(body, how, content, tried, auth)
        with self.book.lock:
            self.book.in_flight[model] -= 1
            self.book.statuses[answer[0]] += 1
            self.book.answers[content] += answer[0] == 200
        return answer

    def _answer(
        self, body: dict[str, Any], how: Behaviour, content: str, tried: int, auth: str
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        if self.key and auth != f"Bearer {self.key}":
            return 401, _error(f"Incorrect API key provided: {auth}", "invalid_api_key"), {}
        if how.status:
            return how.status, _error(f"no: {content}", "made_to_fail"), {}
        trouble, kind = tried < how.bad_tries, number("trouble", content)
        if trouble and kind < how.busy:
            return (
                429,
                _error("slow down", "rate_limit_exceeded"),
                {"Retry-After": str(how.retry_after)} if how.retry_after is not None else {},
            )
        if trouble and kind < how.busy + how.broken:
            return 500, _error(f"fault while reading {content}", "server_error"), {}
        return self._complete(body, how, content)

    def _complete(
        self, body: dict[str, Any], how: Behaviour, content: str
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        kind, text = number("answer", content), self.text(body)
        if kind < how.filtered:
            return 400, _error(f"filtered: {content}", "content_filter"), {}
        if kind < how.filtered + how.refused:
            return 200, _completion(body, None, "stop", "I am sorry, I cannot help with that."), {}
        if kind < how.filtered + how.refused + how.cut:
            return 200, _completion(body, text[: len(text) * 2 // 3], "length", None), {}
        if kind < how.filtered + how.refused + how.cut + how.overlong:
            said = f"This model's maximum context length is 8 tokens, not enough for: {content}"
            return 400, _error(said, "context_length_exceeded"), {}
        return 200, _completion(body, text, "stop", None), {}


def _error(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": code, "param": None, "code": code}}


def _completion(
    body: dict[str, Any], text: str | None, reason: str, refusal: str | None
) -> dict[str, Any]:
    words = sum(len(one["content"].split()) for one in body["messages"])
    more = len((text or refusal or "").split())
    return {
        "id": "chatcmpl-loopback",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "system_fingerprint": "fp_loopback",
        "choices": [
            {
                "index": 0,
                "finish_reason": reason,
                "logprobs": None,
                "message": {"role": "assistant", "content": text, "refusal": refusal},
            }
        ],
        "usage": {"prompt_tokens": words, "completion_tokens": more, "total_tokens": words + more},
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], owner: Loopback) -> None:
        self.owner = owner
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed or gave up is no fault of the server's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if (other := self.server.owner.other("POST", self.path, raw)) is not None:
            self._raw(*other)
            return
        if not self.path.endswith("/chat/completions"):
            self._send(404, _error("no such address", "not_found"), {})
            return
        body, owner = json.loads(raw), self.server.owner
        drip = owner.behaviours.get(body["model"], owner.default).drip
        self._send(
            *owner.respond(body, self.headers.get("Authorization", ""), dict(self.headers)), drip
        )

    def do_GET(self) -> None:
        """`/counts`: what came in, for a test in another process."""
        if (other := self.server.owner.other("GET", self.path, b"")) is not None:
            self._raw(*other)
            return
        book = self.server.owner.book
        with book.lock:
            counts = {
                "requests": sum(book.requests.values()),
                "distinct": len(book.requests),
                "answers": sum(book.answers.values()),
                "repeats": sum(n - 1 for n in book.answers.values() if n > 1),
                "models": dict(book.models),
                "statuses": dict(book.statuses),
            }
        self._send(200, counts, {})

    def _raw(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _send(
        self, status: int, value: dict[str, Any], headers: dict[str, str], drip: float = 0.0
    ) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {
            **headers,
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
        }.items():
            self.send_header(name, text)
        self.end_headers()
        for start in range(0, len(data), 1 if drip else len(data)):
            self.wfile.write(data[start : start + (1 if drip else len(data))])
            time.sleep(drip)

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument(
        "--behaviours",
        default="{}",
        help='JSON: {"model": {"latency": 0.2, "busy": 0.1}}; the model "*" stands for all others',
    )
    args = parser.parse_args()
    named = {model: Behaviour(**values) for model, values in json.loads(args.behaviours).items()}
    server = Loopback(named, named.pop("*", Behaviour(latency=args.latency)), port=args.port)
    print(server.port, flush=True)
    server.serve()


if __name__ == "__main__":
    main()
