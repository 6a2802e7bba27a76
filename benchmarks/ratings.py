"""Memory and CPU of the stages `respond` and `rate` themselves: a lab whose calls are answered on
the spot, so nothing but the stages is measured.

python benchmarks/ratings.py [--speeches 26483] [--repeats 1]

Twenty models, four answers a speech, seven principles: at 26,483 speeches the paper's 105,932
responses, 185,381 judge calls and 741,524 ratings. The answers are 900 letters long, the rationales
70. With 250,000 speeches: a million responses and seven million ratings.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from psycopref.lab import K, Lab, T
from psycopref.labels.topic_list import load_topics
from psycopref.models.calling.answer import Exchange, in_rounds
from psycopref.models.entries import ModelEntry, load_pool
from psycopref.progress import Progress
from psycopref.stages.rate import Rate
from psycopref.stages.respond import Respond
from psycopref.store import parquet
from psycopref.store.calls import Ask, Reply
from psycopref.tables import Response, Speech

WHY = "It says what the client brought up and stays with it in plain, warm words."


class Prompt(Lab):
    """A lab that has every answer at once and keeps none."""

    def ask(self, asks: Iterable[Ask], models: Sequence[ModelEntry]) -> Iterator[tuple[Ask, Reply]]:
        """A text of 900 letters, or four scores made of the call's id."""
        for ask in asks:
            key = ask.call_id
            if ask.json_schema:
                rows = [
                    {"response": n, "rationale": WHY, "score": 1 + int(key[-n], 16) % 5}
                    for n in range(1, 5)
                ]
                text = json.dumps({"ratings": rows})
            else:
                text = f"{key} " + "I hear you, and " * 55
            yield ask, Reply(key, "ok", text)

    def play(
        self,
        exchanges: Iterable[tuple[K, Exchange[T]]],
        models: Sequence[ModelEntry],
        live: int | None = None,
    ) -> Iterator[tuple[K, T]]:
        """Every exchange by these answers."""
        return in_rounds(exchanges, lambda asks: self.ask(asks, models))


def peak() -> float:
    """The most memory this process has held, in GB."""
    line = next(
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1e6


def measured(name: str, began: tuple[float, float], rows: int, before: float) -> None:
    """One line of JSON."""
    wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    more = {"bytes_a_row": round((peak() - before) * 1e9 / rows)} if rows else {}
    print(
        json.dumps(
            {
                "stage": name,
                "rows": rows,
                "wall_s": round(wall, 1),
                "cpu_s": round(cpu, 1),
                "peak_gb": round(peak(), 2),
                **more,
            }
        ),
        flush=True,
    )


def respond(folder: Path, count: int) -> None:
    """Speeches to responses, both left in `folder`."""
    topics = load_topics().fine_names()
    speeches = [
        Speech(
            f"speech-{n:016x}",
            "made-up",
            f"{n} It has been hard. " * 15,
            topic=topics[n % len(topics)],
            split="train",
        )
        for n in range(count)
    ]
    table = parquet.table(Speech, speeches)
    parquet.write(table, folder / "speeches.parquet")
    with Prompt(folder / "work", Progress(quiet=True)) as lab:
        before, began = peak(), (time.perf_counter(), time.process_time())
        out = Respond(pool=load_pool("paper")).run(lab, table, [])
        measured("respond", began, len(out.responses), before)
        parquet.write(parquet.table(Response, out.responses), folder / "responses.parquet")


def rate(folder: Path, repeats: int) -> None:
    """Responses to ratings."""
    speeches, responses = (
        parquet.read(Speech, folder / "speeches.parquet"),
        parquet.read(Response, folder / "responses.parquet"),
    )
    judge = load_pool("judges").judges[0]
    with Prompt(folder / "work", Progress(quiet=True)) as lab:
        before, began = peak(), (time.perf_counter(), time.process_time())
        out = Rate(instrument="psychocounsel", judge=judge, repeats=repeats).run(
            lab, speeches, responses
        )
        measured("rate", began, len(out.ratings), before)


def main() -> None:
    """Each stage in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--speeches", type=int, default=26_483)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--child", nargs=2, default=())
    args = parser.parse_args()
    if args.child:
        stage, place = args.child
        rate(Path(place), args.repeats) if stage == "rate" else respond(Path(place), args.speeches)
        return
    with tempfile.TemporaryDirectory() as place:
        for stage in ("respond", "rate"):
            words = [
                "--speeches",
                str(args.speeches),
                "--repeats",
                str(args.repeats),
                "--child",
                stage,
                place,
            ]
            subprocess.run([sys.executable, __file__, *words], check=True)


if __name__ == "__main__":
    main()
