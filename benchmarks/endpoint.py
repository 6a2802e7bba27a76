"""A chat-completions endpoint that is never the bottleneck: `python benchmarks/endpoint.py
--latency 0.2` prints its port.

A raw asyncio protocol in a process of its own, one answer of fixed length for every request, sent
`latency` seconds after the request came. It can refuse what is over its limits, fail for a while,
and count requests by content, so that a benchmark can say what was asked how often. `GET /counts`
gives the counts; `GET /asked` the numbers at the start of those prompts, since it was last asked,
that have or will have an answer; `POST /faults` with a JSON object sets any of the fields of Faults
while it runs.
"""

import argparse
import asyncio
import gc
import json
import random
import re
import resource
import time
from collections import Counter
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

NUMBER = re.compile(rb'"content": "(\d+): ')
WORDS = (
    "It sounds as though this has been weighing on you for some time, and I am glad that you found"
    " words for it here. " * 8
)


@dataclass(frozen=True)
class Faults:
    """Shares are of requests; `down` and `limit` are statuses and seconds of the endpoint as a
    whole.
    """

    latency: float = 0.2
    busy: float = 0.0  # share that gets a 429
    broken: float = 0.0  # share that gets a 500
    hung: float = 0.0  # share that never gets an answer
    down: int = 0  # every request gets this status at once
    flight: int = 0  # 429 for what is over this many in flight
    per_minute: int = 0  # 429 for requests over this many in the running minute
    retry_after: str = ""  # sent with every 429


class Book:
    """What came in, second by second and by content."""

    def __init__(self, faults: Faults, by_content: bool) -> None:
        self.faults, self.by_content = faults, by_content
        self.requests = self.in_flight = self.most_in_flight = 0
        self.answered: Counter[int] = Counter()
        self.statuses: Counter[int] = Counter()
        self.seconds: Counter[int] = Counter()
        self.good: Counter[int] = Counter()
        self.window: list[float] = []
        self.asked: list[int] = []
        self.began = time.monotonic()
        self.rng = random.Random(0)

    def second(self) -> int:
        return int(time.monotonic() - self.began)

    def counts(self) -> dict[str, Any]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "requests": self.requests,
            "most_in_flight": self.most_in_flight,
            "statuses": {str(key): n for key, n in self.statuses.items()},
            "distinct": len(self.answered),
            "repeats": sum(n - 1 for n in self.answered.values()),
            "seconds": dict(self.seconds),
            "good": dict(self.good),
            "now": self.second(),
            "cpu": used.ru_utime + used.ru_stime,
        }

    def status(self) -> int:
        """The status of a request that has just come; 0 is never answered."""
        faults, now = self.faults, time.monotonic()
        if faults.per_minute:
            self.window = [one for one in self.window if one > now - 60.0]
            if len(self.window) >= faults.per_minute:
                return 429
            self.window.append(now)
        if faults.down:
            return faults.down
        if faults.flight and self.in_flight > faults.flight:
            return 429
        kind = self.rng.random() if faults.busy or faults.broken or faults.hung else 1.0
        for status, share in ((429, faults.busy), (500, faults.broken), (0, faults.hung)):
            if kind < share:
                return status
            kind -= share
        return 200


def completion(model: str, text: str) -> bytes:
    """The body of an answer."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
    usage = {"prompt_tokens": 400, "completion_tokens": 180, "total_tokens": 580}
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "system_fingerprint": "fp",
        "choices": [choice],
        "usage": usage,
    }
    return json.dumps(answer).encode()


ANSWER = completion("m", WORDS)


def http(status: int, body: bytes, more: str = "") -> bytes:
    """A whole response."""
    return (
        f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length:"
        f" {len(body)}\r\n{more}\r\n".encode()
        + body
    )


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests on it come one after another."""

    def __init__(self, book: Book) -> None:
        self.book, self.buffer, self.need = book, bytearray(), 0
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= self.need:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self.buffer[:end])
            at = head.lower().find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self.need = end + 4 + length
            if len(self.buffer) < self.need:
                return
            body = bytes(self.buffer[end + 4 : self.need])
            del self.buffer[: self.need]
            self.need = 0
            self.request(head, body)

    def request(self, head: bytes, body: bytes) -> None:
        book = self.book
        if head.startswith(b"GET /asked"):
            self.transport.write(http(200, json.dumps(book.asked).encode()))
            book.asked = []
            return
        if head.startswith(b"GET"):
            self.transport.write(http(200, json.dumps(book.counts()).encode()))
            return
        if b" /faults " in head.split(b"\r\n", 1)[0]:
            book.faults = replace(book.faults, **json.loads(body))
            self.transport.write(http(200, b"{}"))
            return
        book.requests += 1
        book.in_flight += 1
        book.most_in_flight = max(book.most_in_flight, book.in_flight)
        book.seconds[book.second()] += 1
        status = book.status()
        if book.by_content and status == 200 and (found := NUMBER.search(body)):
            book.asked.append(int(found[1]))
        if status != 0:
            self.loop.call_later(
                book.faults.latency if status == 200 else 0.0,
                self.answer,
                status,
                hash(body) if book.by_content else 0,
            )

    def answer(self, status: int, content: int) -> None:
        book = self.book
        book.in_flight -= 1
        if self.transport.is_closing():
            return
        book.statuses[status] += 1
        if status == 200:
            book.good[book.second()] += 1
            if book.by_content:
                book.answered[content] += 1
            self.transport.write(http(200, ANSWER))
            return
        wait = (
            f"Retry-After: {book.faults.retry_after}\r\n"
            if status == 429 and book.faults.retry_after
            else ""
        )
        self.transport.write(
            http(status, b'{"error":{"message":"no","type":"t","code":"made_to_fail"}}', wait)
        )


async def serve(port: int, faults: Faults, by_content: bool) -> None:
    """Serve until killed."""
    book = Book(faults, by_content)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(book), "127.0.0.1", port, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--by-content", action="store_true", help="count answers by the request's content"
    )
    for field in fields(Faults):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default
        )
    args = vars(parser.parse_args())
    faults = Faults(**{name: args[name] for name in asdict(Faults())})
    gc.freeze()
    try:
        asyncio.run(serve(args["port"], faults, args["by_content"]))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
