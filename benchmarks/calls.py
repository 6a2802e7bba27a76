"""Model calls a second, beside what a plain asyncio loop gets: a loopback server with set latency,
each client in a fresh process.

pip install -c constraints.txt -e . 'openai[aiohttp]' python benchmarks/calls.py [--calls 50000]
[--flight 256] [--latency 0.2] [--only sdk-httpx,lab] [--distilabel PYTHON]

Every client sends the same requests (a counseling prompt of about 2,400 characters with a number in
it, so that no two are alike) to benchmarks/endpoint.py in a process of its own, at most --flight at
once, and is held to one core. `sdk-*` are plain loops with the openai SDK, `aiohttp` and `httpx2`
the same loop without the SDK, `raw` a loop over sockets that parses nothing, which says what the
server can do; `lab` is `Lab.ask` with its ledger, `play` the same by `Lab.play`. --distilabel names
the Python of an environment that has distilabel[openai].
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SYSTEM = (
    "You are a counselor. "
    + "Answer with warmth, stay with what the client says, ask before you advise, and keep to plain"
    " words. " * 8
)
SPEECH = (
    "I have been lying awake since the move, and my partner says that I have become someone else. "
    * 16
)
Send = Callable[[int], Awaitable[int]]


def messages(n: int) -> list[dict[str, str]]:
    """The request numbered n."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"{n}: {SPEECH}"}]


async def loop(send: Send, calls: int, flight: int) -> None:
    """The plain loop: `flight` workers take the next number each."""
    numbers = iter(range(calls))

    async def work() -> None:
        for n in numbers:
            assert await send(n) > 0

    await asyncio.gather(*(work() for _ in range(flight)))


@asynccontextmanager
async def sdk(url: str, flight: int, aiohttp: bool) -> AsyncIterator[Send]:
    """The openai SDK over its default transport or over aiohttp."""
    import httpx2
    import openai

    limits = httpx2.Limits(max_connections=flight, max_keepalive_connections=flight)
    http = (
        openai.DefaultAioHttpClient(limits=limits)
        if aiohttp
        else openai.DefaultAsyncHttpxClient(limits=limits)
    )
    async with openai.AsyncOpenAI(
        api_key="none", base_url=url, max_retries=0, http_client=http
    ) as client:

        async def send(n: int) -> int:
            answer = await client.chat.completions.create(
                model="m", messages=messages(n), max_tokens=300
            )
            return len(answer.choices[0].message.content or "")

        yield send


@asynccontextmanager
async def bare_aiohttp(url: str, flight: int) -> AsyncIterator[Send]:
    """aiohttp without the SDK."""
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=flight)) as session:

        async def send(n: int) -> int:
            body = json.dumps({"model": "m", "messages": messages(n), "max_tokens": 300})
            async with session.post(
                f"{url}/chat/completions", data=body, headers={"Content-Type": "application/json"}
            ) as answer:
                return len(json.loads(await answer.read())["choices"][0]["message"]["content"])

        yield send


@asynccontextmanager
async def bare_httpx(url: str, flight: int) -> AsyncIterator[Send]:
    """httpx2 without the SDK."""
    import httpx2

    limits = httpx2.Limits(max_connections=flight, max_keepalive_connections=flight)
    async with httpx2.AsyncClient(limits=limits, timeout=60.0, trust_env=False) as client:

        async def send(n: int) -> int:
            body = json.dumps({"model": "m", "messages": messages(n), "max_tokens": 300})
            answer = await client.post(
                f"{url}/chat/completions",
                content=body,
                headers={"Content-Type": "application/json"},
            )
            return len(answer.json()["choices"][0]["message"]["content"])

        yield send


@asynccontextmanager
async def raw(url: str, flight: int) -> AsyncIterator[Send]:
    """Sockets, and nothing parsed but the length."""
    host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
    free = [await asyncio.open_connection(host, int(port), limit=1 << 20) for _ in range(flight)]

    async def send(n: int) -> int:
        reader, writer = free.pop()
        body = b'{"n": %d, "%s"}' % (n, b"x" * 2400)
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        answer = await reader.readexactly(
            int(head.split(b"Content-Length: ", 1)[1].split(b"\r\n", 1)[0])
        )
        free.append((reader, writer))
        return len(answer)

    yield send
    for _, writer in free:
        writer.close()


def plain(make: Callable[[str, int], Any]) -> Callable[[str, int, int], None]:
    """A client that is a plain loop."""

    def run(url: str, calls: int, flight: int) -> None:
        async def go() -> None:
            async with make(url, flight) as send:
                await loop(send, calls, flight)

        asyncio.run(go())

    return run


def lab(url: str, calls: int, flight: int) -> None:
    """Lab.ask: asks stream in, replies stream into the ledger and out."""
    from psycopref.lab import Lab
    from psycopref.models.entries import ModelEntry
    from psycopref.store.calls import Ask, Message

    def asks() -> Iterator[Ask]:
        for n in range(calls):
            yield Ask(
                "m",
                tuple(Message(**one) for one in messages(n)),  # type: ignore[arg-type]
                max_tokens=300,
            )

    with tempfile.TemporaryDirectory(prefix="calls-") as folder, Lab(Path(folder)) as one:
        entry = ModelEntry(name="m", kind="openai", url=url, concurrency=flight)
        assert sum(1 for _ in one.ask(asks(), [entry])) == calls == one.calls_made
        print(f"ledger {one.ledger.path.stat().st_size / 1e6:.0f} MB", file=sys.stderr)


def played(url: str, calls: int, flight: int) -> None:
    """Lab.play: the same calls, each an exchange of one ask."""
    from psycopref.judging.calls import once
    from psycopref.lab import Lab
    from psycopref.models.entries import ModelEntry
    from psycopref.store.calls import Ask, Message

    def ask(n: int) -> Ask:
        said = tuple(Message(**one) for one in messages(n))  # type: ignore[arg-type]
        return Ask("m", said, max_tokens=300)

    with tempfile.TemporaryDirectory(prefix="calls-") as folder, Lab(Path(folder)) as one:
        entry = ModelEntry(name="m", kind="openai", url=url, concurrency=flight)
        exchanges = ((n, once(ask(n))) for n in range(calls))
        assert sum(1 for _ in one.play(exchanges, [entry])) == calls == one.calls_made


CLIENTS: dict[str, Callable[[str, int, int], None]] = {
    "raw": plain(raw),
    "aiohttp": plain(bare_aiohttp),
    "httpx2": plain(bare_httpx),
    "sdk-httpx": plain(lambda url, flight: sdk(url, flight, aiohttp=False)),
    "sdk-aiohttp": plain(lambda url, flight: sdk(url, flight, aiohttp=True)),
    "lab": lab,
    "play": played,
}


def client(name: str, url: str, calls: int, flight: int) -> None:
    """In its own process: warm up with a few calls, then run and print what it took."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    run = CLIENTS[name]
    run(url, flight, flight)
    wall, cpu = time.perf_counter(), time.process_time()
    run(url, calls, flight)
    taken = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps({**taken, "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def measured(name: str, args: argparse.Namespace) -> str:
    """One row of the table: a fresh server, a fresh client."""
    command = [
        sys.executable,
        str(HERE / "endpoint.py"),
        "--latency",
        str(args.latency),
        "--flight",
        str(args.flight),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        os.sched_setaffinity(server.pid, {max(os.sched_getaffinity(0))})
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        try:
            one = [
                sys.executable,
                __file__,
                "--client",
                name,
                "--url",
                url,
                "--calls",
                str(args.calls),
                "--flight",
                str(args.flight),
            ]
            if name == "distilabel":
                one = [
                    args.distilabel,
                    str(HERE / "calls_distilabel.py"),
                    url,
                    str(args.calls),
                    str(args.flight),
                ]
            done = subprocess.run(one, stdout=subprocess.PIPE, text=True, check=True)
            used = Path(f"/proc/{server.pid}/stat").read_text().split()
        finally:
            server.kill()
    took = json.loads(done.stdout.splitlines()[-1])
    rate, per = args.calls / took["wall"], 1000 * took["cpu"] / args.calls
    ticks = (int(used[13]) + int(used[14])) / os.sysconf("SC_CLK_TCK")
    ideal = args.flight / args.latency
    return (
        f"| {name} | {rate:,.0f} | {rate / ideal:.0%} | {per:.2f} | {took['rss']:.0f} |"
        f" {ticks / took['wall']:.0%} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--flight", type=int, default=256)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--only", default=",".join(CLIENTS))
    parser.add_argument(
        "--distilabel", default="", help="the Python of an environment with distilabel[openai]"
    )
    parser.add_argument("--client", choices=CLIENTS)
    parser.add_argument("--url")
    args = parser.parse_args()
    if args.client:
        client(args.client, args.url, args.calls, args.flight)
        return
    print(
        f"{args.calls:,} calls, {args.flight} in flight, {1000 * args.latency:.0f} ms: at most"
        f" {args.flight / args.latency:,.0f} a second\n"
    )
    print(
        "| client | calls/s | of the most | CPU s per 1,000 | peak RSS MB | server's core"
        " |\n|---|---|---|---|---|---|"
    )
    for name in [*args.only.split(","), *(["distilabel"] if args.distilabel else [])]:
        print(measured(name, args), flush=True)


if __name__ == "__main__":
    main()
