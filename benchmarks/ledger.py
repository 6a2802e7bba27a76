"""How fast the ledger takes replies in, and how large it grows: python benchmarks/ledger.py [--rows
300000] [--together 32] [--work DIR], or, for conversations, --turns 10 40 160

Rows are as long as those of the paper's dataset: of ten calls four are answers to a speech (prompt
about 900 characters, answer about 900) and six are ratings of four answers on one principle (prompt
about 6,500, reply about 500), made of random words so that nothing repeats. `--together` replies
are committed at once, each commit synced to the disk. Rates are of the first and the last tenth.

With --turns each conversation is a ledger of its own with a call at every turn, each with all turns
before it (600 characters a turn), one commit a turn: bytes of requests as the ledger keeps them,
and as whole requests, which it kept up to commit 25adbae.
"""

import argparse
import random
import resource
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from psycopref.store.calls import Ask, Message, Reply
from psycopref.store.ledger import Ledger


def rows(rng: random.Random, words: list[str], start: int, count: int) -> list[tuple[Ask, Reply]]:
    """Finished calls, numbered from `start`."""
    made = []
    for n in range(start, start + count):
        asked, answered = (900, 900) if n % 10 < 4 else (6500, 500)
        prompt, answer = (
            " ".join(rng.choices(words, k=length // 7)) for length in (asked, answered)
        )
        ask = Ask(
            f"model-{n % 20}",
            (Message("system", "Be kind."), Message("user", f"{n} {prompt}")),
            0.7,
            400,
        )
        made.append(
            (
                ask,
                Reply(ask.call_id, "ok", answer, asked // 4, answered // 4, 2.5, "model-2026 fp_1"),
            )
        )
    return made


def conversation(turns: int, place: Path) -> str:
    """One row of the table of conversations."""
    rng = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz     "
    said = [Message("system", "Be kind. " * 60)]
    whole = 0
    ledger = Ledger(place / f"{turns}.sqlite")
    began = time.process_time()
    for turn in range(turns):
        text = "".join(rng.choices(letters, k=600))
        said.append(Message("assistant" if turn % 2 else "user", f"{turn} {text}"))
        ask = Ask("counselor", tuple(said), 0.7, 400)
        whole += len(ask.canonical.encode())
        ledger.add([(ask, Reply(ask.call_id, "ok", "Hm."))], "bench")
    spent = time.process_time() - began
    sound = ledger.wrong_ids() == [] and ledger.ask_text(ask.call_id) == ask.canonical
    ledger.close()
    with closing(sqlite3.connect(ledger.path)) as db:
        bytes_of = "SELECT SUM(LENGTH(CAST({} AS BLOB))) FROM {}"
        kept = sum(
            db.execute(bytes_of.format(*one)).fetchone()[0]
            for one in (("ask", "calls"), ("message", "messages"))
        )
    file = ledger.path.stat().st_size
    return (
        f"| {turns} | {whole:,} | {kept:,} | {whole / kept:.1f} | {file:,} |"
        f" {1000 * spent / turns:.2f} | {'yes' if sound else 'NO'} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--together", type=int, default=32)
    parser.add_argument("--work", type=Path, help="a folder on the disk that is to be measured")
    parser.add_argument("--turns", type=int, nargs="+", help="turns of conversations instead")
    args = parser.parse_args()
    if args.turns:
        print("| turns | whole requests, bytes | kept, bytes | times | file | ms/turn | sound |")
        print("|---|---|---|---|---|---|---|")
        with tempfile.TemporaryDirectory(dir=args.work, prefix="ledger-") as folder:
            for turns in args.turns:
                print(conversation(turns, Path(folder)))
        return
    rng = random.Random(0)
    words = [
        "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 9)))
        for _ in range(20_000)
    ]
    wall: list[float] = []
    cpu: list[float] = []
    with tempfile.TemporaryDirectory(dir=args.work, prefix="ledger-") as folder:
        ledger = Ledger(Path(folder) / "calls.sqlite")
        for start in range(0, args.rows, args.together):
            part = rows(rng, words, start, min(args.together, args.rows - start))
            before = time.perf_counter(), time.process_time()
            ledger.add(part, "bench")
            wall.append(time.perf_counter() - before[0])
            cpu.append(time.process_time() - before[1])
        ledger.close()
        size = ledger.path.stat().st_size
        began = time.perf_counter()
        ledger = Ledger(ledger.path)
        found = len(ledger.get([ask.call_id for ask, _ in part]))
        opened = time.perf_counter() - began
        tenth = max(1, len(wall) // 10)
        rates = [tenth * args.together / sum(some) for some in (wall[:tenth], wall[-tenth:])]
        print(
            f"{args.rows:,} rows, {args.together} to a commit: {args.rows / sum(wall):,.0f} rows/s"
            f" ({rates[0]:,.0f} at first, {rates[1]:,.0f} at last), "
        )
        print(
            f"{1000 * sum(cpu) / args.rows:.2f} CPU s per 1,000 rows, longest commit"
            f" {max(wall):.2f} s, "
        )
        print(f"{size / 1e9:.2f} GB, {size / args.rows:,.0f} bytes a row, ")
        print(
            f"opened again and {found} rows found in {opened:.3f} s, peak"
            f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
        )


if __name__ == "__main__":
    main()
