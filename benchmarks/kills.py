"""kill -9 of a process that makes model calls, at random moments under load: what is asked again,
and what is lost.

python benchmarks/kills.py [--kills 50] [--calls 60000] [--flight 64]

A child process runs `Lab.ask` over --calls requests against benchmarks/endpoint.py, which also
sends some 429 and 500 and writes down which requests came. The child is killed after a random
number of requests and started again in the same workspace, until all is answered. After each kill
the ledger is opened and checked; what the child asks next is held against it. It fails (exit status
1) where a finished call was asked again, where more calls than may be in flight were lost in a
kill, or where a reply is not as it was written.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from calls import messages

from psycopref.lab import Lab
from psycopref.models.entries import ModelEntry
from psycopref.store.calls import Ask, Message
from psycopref.store.ledger import Ledger

HERE = Path(__file__).parent


def asks(calls: int) -> list[Ask]:
    """The requests, each with its number."""
    return [
        Ask("m", tuple(Message(**one) for one in messages(n)), max_tokens=300) for n in range(calls)
    ]


def child(url: str, work: Path, calls: int, flight: int) -> None:
    """Ask for everything."""
    with Lab(work) as lab:
        for _ in lab.ask(
            asks(calls), [ModelEntry(name="m", kind="openai", url=url, concurrency=flight)]
        ):
            pass


def get(port: int, what: str) -> object:
    """One GET at the endpoint."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        f"http://127.0.0.1:{port}/{what}", timeout=10
    ) as answer:
        return json.load(answer)


def requests(port: int) -> int:
    """How many requests have come."""
    counts = get(port, "counts")
    assert isinstance(counts, dict)
    return int(counts["requests"])


def finished(path: Path, numbers: dict[str, int]) -> set[int]:
    """The numbers of the calls in the ledger; AssertionError where it is not whole."""
    if not path.exists():
        return set()
    ledger = Ledger(path)
    assert ledger.check() == [] and ledger.changed() == [] and ledger.wrong_ids() == [], (
        "the ledger is damaged"
    )
    found = {numbers[call_id] for call_id in ledger.ids()}
    ledger.close()
    return found


def killed(process: "subprocess.Popen[bytes]", port: int, more: int, dice: random.Random) -> bool:
    """Kill it after so many more requests and a moment; False where it ended by itself."""
    target = requests(port) + more
    while process.poll() is None and requests(port) < target:
        time.sleep(0.005)
    time.sleep(dice.random() * 0.05)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    return process.wait() != 0


def run(port: int, work: Path, kills: int, calls: int, flight: int) -> dict[str, object]:
    """Kill, look, go on; then to the end."""
    numbers = {ask.call_id: n for n, ask in enumerate(asks(calls))}
    dice, before, again, lost, done = random.Random(7), set[int](), 0, [], 0
    for kill in range(kills + 1):
        process = subprocess.Popen(
            [
                sys.executable,
                __file__,
                "--child",
                str(port),
                "--work",
                str(work),
                "--calls",
                str(calls),
                "--flight",
                str(flight),
            ]
        )
        died = (
            killed(process, port, dice.randint(1, 2 * calls // (3 * kills)), dice)
            if kill < kills
            else process.wait() != 0
        )
        asked = set(get(port, "asked"))  # type: ignore[call-overload]
        again += len(asked & before)
        before = finished(work / "calls.sqlite", numbers)
        done += died
        if died:
            lost.append(len(asked - before))
    assert before == set(range(calls)), "calls are missing at the end"
    worst = max(lost)
    return {
        "kills": done,
        "calls": calls,
        "finished and asked again": again,
        "lost in a kill, at most": worst,
        "asked twice": sum(lost),
        "in flight": flight,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--calls", type=int, default=60_000)
    parser.add_argument("--flight", type=int, default=64)
    parser.add_argument("--child", type=int, metavar="PORT")
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    if args.child:
        child(f"http://127.0.0.1:{args.child}/v1", args.work, args.calls, args.flight)
        return
    endpoint = [
        sys.executable,
        str(HERE / "endpoint.py"),
        "--latency",
        "0.05",
        "--busy",
        "0.01",
        "--broken",
        "0.01",
        "--by-content",
    ]
    with (
        tempfile.TemporaryDirectory(prefix="kills-") as folder,
        subprocess.Popen(endpoint, stdout=subprocess.PIPE, text=True) as server,
    ):
        try:
            assert server.stdout is not None
            found = run(
                int(server.stdout.readline()),
                Path(folder) / "work",
                args.kills,
                args.calls,
                args.flight,
            )
        finally:
            server.kill()
    print(json.dumps(found))
    good = (
        found["finished and asked again"] == 0
        and int(str(found["lost in a kill, at most"])) <= args.flight
    )
    raise SystemExit(0 if good and found["kills"] == args.kills else 1)


if __name__ == "__main__":
    main()
