"""An endpoint that goes down in the middle of a run: requests while it is down, and how soon the
full rate is back.

python benchmarks/outage.py [--flight 64] [--before 30] [--down 60] [--after 60] [--status 503]

`Lab.ask` runs against benchmarks/endpoint.py with 200 ms latency; after --before seconds every
request gets --status (0: no answer at all, with a time-out of 5 s), after --down more seconds the
endpoint is well again. Rates are the endpoint's own counts by second.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from calls import messages

from psycopref.lab import Lab
from psycopref.models.entries import ModelEntry
from psycopref.progress import Progress
from psycopref.store.calls import Ask, Message

HERE = Path(__file__).parent


def talk(port: int, what: str, body: dict[str, Any] | None = None) -> Any:
    """The endpoint's counts, or new faults for it."""
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        f"http://127.0.0.1:{port}/{what}", data, timeout=10
    ) as answer:
        return json.load(answer)


def play(port: int, args: argparse.Namespace, marks: list[int]) -> None:
    """Down and up again; the seconds on the endpoint's clock are written into `marks`."""
    trouble = {"down": args.status} if args.status else {"hung": 1.0}
    for wait, faults in (
        (args.before, trouble),
        (args.down, {"down": 0, "hung": 0.0}),
        (args.after, None),
    ):
        time.sleep(wait)
        marks.append(int(talk(port, "counts")["now"]))
        if faults is not None:
            talk(port, "faults", faults)


def run(port: int, args: argparse.Namespace) -> list[int]:
    """Ask until the play is over."""
    marks: list[int] = []
    actor = threading.Thread(target=play, args=(port, args, marks))
    actor.start()

    def asks() -> Iterator[Ask]:
        n = 0
        while actor.is_alive():
            yield Ask(
                "m",
                tuple(Message(**one) for one in messages(n)),
                max_tokens=300,
            )
            n += 1

    entry = ModelEntry(
        name="m",
        kind="openai",
        url=f"http://127.0.0.1:{port}/v1",
        concurrency=args.flight,
        timeout=5.0,
    )
    with (
        tempfile.TemporaryDirectory(prefix="outage-") as folder,
        Lab(Path(folder) / "work", Progress(quiet=False)) as lab,
    ):
        for _ in lab.ask(asks(), [entry]):
            pass
    actor.join()
    return marks


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flight", type=int, default=64)
    parser.add_argument("--before", type=float, default=30.0)
    parser.add_argument("--down", type=float, default=60.0)
    parser.add_argument("--after", type=float, default=60.0)
    parser.add_argument("--status", type=int, default=503)
    args = parser.parse_args()
    with subprocess.Popen(
        [sys.executable, str(HERE / "endpoint.py"), "--latency", "0.2"],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            fell, rose, end = run(port, args)
            counts = talk(port, "counts")
        finally:
            server.kill()
    asked, good = (
        {int(second): n for second, n in counts[name].items()} for name in ("seconds", "good")
    )
    full = sum(good.get(second, 0) for second in range(5, fell)) / max(1, fell - 5)
    back = next(
        (second - rose for second in range(rose, end) if good.get(second, 0) >= 0.9 * full), None
    )
    print(
        f"full rate {full:.0f}/s; while down"
        f" {sum(asked.get(second, 0) for second in range(fell + 1, rose))} requests in"
        f" {rose - fell - 1} s, "
    )
    print(
        "most in one second"
        f" {max((asked.get(second, 0) for second in range(fell + 1, rose)), default=0)}; nine"
        f" tenths of the rate after {back} s"
    )
    print(
        "each 5 s after:",
        [
            round(sum(good.get(second, 0) for second in range(start, start + 5)) / 5)
            for start in range(rose, end - 4, 5)
        ],
    )


if __name__ == "__main__":
    main()
