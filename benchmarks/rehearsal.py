"""The paper's dataset at full size against a loopback endpoint with faults: 26,483 speeches,
105,932 responses, 185,381 judge calls.

python benchmarks/rehearsal.py [--speeches 26483] [--latency 0.2] [--work DIR]

The speeches are shuffled words; the endpoint is a process of its own (benchmarks/endpoint.py) that
answers by a hash of the request and is busy, broken, silent, refusing, filtering, cut off or
unreadable as often as FAULTS says. Prints wall time, memory, ledger size and counts, and fails
where they do not add up. It measures the construction, not the judging: scores are noise.
"""

import argparse
import asyncio
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from endpoint import Book, Connection, Faults, http

from psycopref.progress import Progress
from psycopref.runs import run
from psycopref.store import run_folder
from psycopref.store.ledger import Ledger

FAULTS = Faults(latency=0.2, busy=0.02, broken=0.01, hung=0.0002)
REFUSED, FILTERED, CUT, PROSE = 0.015, 0.005, 0.01, 0.01  # shares of requests, by content
SENTENCES = (
    "It sounds as though this has been weighing on you for some time.",
    "I hear how tired you are of holding it all together.",
    "What you describe would be hard for anyone.",
    "I wonder what a small step might look like for you this week.",
    "You have already noticed something important about yourself.",
    "Perhaps we could look together at the moments when it is easier.",
    "You might try writing down what happens just before the feeling comes.",
    "Many people in your place feel torn in the same way.",
    "What matters most to you in all of this?",
    "There is no need to decide everything today.",
    "How did you manage when something like this happened before?",
    "It may help to talk with someone you trust about it.",
    "I would like to understand more about what those evenings are like.",
    "You are the one who knows best what fits your life.",
)
SYLLABLES = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("ander", "ill", "ory", "umble")]
WORDS = (
    sorted({word.strip(".?,").lower() for sentence in SENTENCES for word in sentence.split()})
    + SYLLABLES
)


def reply(body: bytes) -> tuple[int, bytes]:
    """Status and body: the same for the same request."""
    key = zlib.crc32(body)
    share, rated = key % 10_000 / 10_000, body.count(b"<response id=")
    if share < FILTERED:
        return 400, b'{"error":{"message":"no","type":"content_filter","code":"content_filter"}}'
    text, reason, refusal = _text(key, rated), "stop", None
    if share < FILTERED + REFUSED:
        text, refusal = "", "I am sorry, I cannot help with that."
    elif share < FILTERED + REFUSED + CUT:
        text, reason = text[: len(text) // 2], "length"
    elif rated and share < FILTERED + REFUSED + CUT + PROSE:
        text = "All of them are quite good, I should say."
    message = {"role": "assistant", "content": text, "refusal": refusal}
    usage = {
        "prompt_tokens": len(body) // 4,
        "completion_tokens": len(text) // 4,
        "total_tokens": (len(body) + len(text)) // 4,
    }
    choice = {"index": 0, "finish_reason": reason, "message": message}
    return (
        200,
        json.dumps(
            {
                "id": "c",
                "object": "chat.completion",
                "created": 0,
                "model": "m",
                "choices": [choice],
                "usage": usage,
            }
        ).encode(),
    )


def _text(key: int, rated: int) -> str:
    if rated:
        scores = [
            {
                "response": n,
                "rationale": SENTENCES[(key >> n) % 14],
                "score": 1 + (key >> (3 * n)) % 5,
            }
            for n in range(1, rated + 1)
        ]
        return json.dumps({"ratings": scores})
    return " ".join(SENTENCES[(key >> n) % 14] for n in range(6 + key % 12)) + f" {key}"


def serve(latency: float) -> None:
    """The endpoint; prints its port."""

    class One(Connection):  # type: ignore[misc]
        def request(self, head: bytes, body: bytes) -> None:
            if not head.startswith(b"POST"):
                super().request(head, body)
                return
            self.book.requests += 1
            status = self.book.status()
            if status == 200:
                self.loop.call_later(latency, self.sent, *reply(body), hash(body))
            elif status:
                self.book.statuses[status] += 1
                self.transport.write(
                    http(
                        status,
                        b'{"error":{"message":"no","type":"t","code":"made_to_fail"}}',
                        "Retry-After: 0.2\r\n",
                    )
                )

        def sent(self, status: int, body: bytes, content: int) -> None:
            if not self.transport.is_closing():
                self.book.statuses[status] += 1
                self.book.answered[content] += 1
                self.transport.write(http(status, body))

    async def main() -> None:
        book = Book(FAULTS, True)
        server = await asyncio.get_running_loop().create_server(
            lambda: One(book), "127.0.0.1", 0, backlog=4096
        )
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(main())


def write_speeches(path: Path, count: int) -> None:
    """Shuffled words, 100 to 1,000 characters, as the paper's are (366 on average)."""
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            wanted = min(980, max(120, int(rng.lognormvariate(5.75, 0.55))))
            words = ["I", "am", "case", str(number)]
            while sum(map(len, words)) + len(words) < wanted:
                words.append(rng.choice(WORDS))
            file.write(json.dumps({"text": " ".join(words) + "."}) + "\n")


def recipe(speeches: Path, url: str) -> str:
    """The dataset half of the recipe `paper` with all models at one address."""
    own = (
        f'kind = "openai", url = "{url}", timeout = 20.0, max_tokens = 512, price_in = 1.0,'
        " price_out = 4.0"
    )
    models = ",\n".join(f'{{ name = "model-{n}", concurrency = 16, {own} }}' for n in range(20))
    return f"""
flow = "dataset"
[dataset.collect]
sources = [{{ name = "jsonl", path = "{speeches}" }}]
[dataset.clean]
low = 100
high = 1000
[dataset.dedup]
[dataset.topics]
labeller = "given"
[dataset.respond]
per_speech = 4
pool = {{ name = "twenty", models = [{models}] }}
[dataset.rate]
instrument = "psychocounsel"
judge = {{ name = "judge", concurrency = 256, {own} }}
attempts = 3
[dataset.pair]
instrument = "psychocounsel"
"""


def tables(work: Path, place: Path) -> dict[str, int]:
    """Rows of every table of the run."""
    return {
        f"{entry['stage']}.{name}": rows
        for entry in run_folder.taken(place)
        for name, rows in entry["rows"].items()
    }


def check(rows: dict[str, int], ledger: Ledger, counts: dict[str, Any]) -> list[str]:
    """What does not add up."""
    speeches = rows["topics.speeches"]
    answered = rows["respond.responses"] + rows["respond.failures"]
    rated = rows["rate.ratings"] + rows["rate.failures"]
    claims: Sequence[tuple[str, int, int]] = (
        ("responses and failures are 4 a speech", answered, 4 * speeches),
        ("ratings and failures are 7 a response", rated, 7 * rows["respond.responses"]),
        (
            "every call in the ledger was answered by the endpoint",
            sum(one["calls"] for one in ledger.summary()),
            counts["distinct"],
        ),
        ("none was answered twice", counts["repeats"], 0),
    )
    return [f"{what}: {one} against {other}" for what, one, other in claims if one != other]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speeches", type=int, default=26_483)
    parser.add_argument("--latency", type=float, default=FAULTS.latency)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.latency)
        return
    work = args.work or Path(tempfile.mkdtemp(prefix="rehearsal-"))
    work.mkdir(parents=True, exist_ok=True)
    write_speeches(work / "speeches.jsonl", args.speeches)
    with subprocess.Popen(
        [sys.executable, __file__, "--serve", "--latency", str(args.latency)],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        (work / "rehearsal.toml").write_text(recipe(work / "speeches.jsonl", url), encoding="utf-8")
        began = time.monotonic()
        place = run.run(str(work / "rehearsal.toml"), work / "work", Progress(quiet=False))
        seconds = time.monotonic() - began
        with urllib.request.urlopen(f"{url.removesuffix('/v1')}/counts") as answer:
            counts = json.load(answer)
        server.kill()
    ledger = Ledger(work / "work" / "calls.sqlite")
    rows, used = tables(work, place), resource.getrusage(resource.RUSAGE_SELF)
    said = {
        "minutes": round(seconds / 60, 1),
        "CPU minutes": round((used.ru_utime + used.ru_stime) / 60, 1),
        "peak RSS MB": round(used.ru_maxrss / 1024),
        "ledger MB": round(
            sum(path.stat().st_size for path in (work / "work").glob("calls.sqlite*")) / 1e6
        ),
        "dollars at 1 and 4 a million": round(ledger.spent(), 2),
        "requests": counts["requests"],
        "statuses": counts["statuses"],
        "answered twice": counts["repeats"],
        **rows,
        "reasons": dict(
            pl.read_parquet(next((work / "work" / "steps").glob("rate-*/failures.parquet")))
            .group_by("reason")
            .len()
            .sort("reason")
            .iter_rows()
        ),
        "by stage, s": {
            entry["stage"]: round(entry["seconds"], 1) for entry in run_folder.taken(place)
        },
        "does not add up": check(rows, ledger, counts),
    }
    print(json.dumps(said, indent=1))
    sys.exit(bool(said["does not add up"]))


if __name__ == "__main__":
    main()
