"""Time and memory of collect and clean over a CSV of made-up speeches of 366 characters: `python
benchmarks/collect.py [ROWS] [--raw] [--language]`.

Each number of rows runs in a process of its own, a quarter of ROWS (default 1,000,000) and ROWS, so
that the growth can be seen. `--raw` does not mask, `--language` screens the language too. Prints
CPU seconds and the peak of the resident memory of each stage.
"""

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from psycopref.lab import Lab
from psycopref.stages.clean import Clean
from psycopref.stages.collect import Collect, SourceSetting

SAID = (
    "I feel so tired and lost since my mother left and nothing helps, my partner says nothing when"
    " we talk at night; how do I go on with work, with the children and with the house? My sister"
    " Anna Smith called me on 12 May and said it will pass. It does not pass. I lie awake and count"
    " the hours."
)


def write(path: Path, rows: int) -> None:
    """A CSV with an id, 366 characters of words in a drawn order, and in every tenth row a mail
    address.
    """
    rng = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        file.write("id,text\n")
        for number in range(rows):
            said = " ".join(rng.choices(SAID.split(), k=90))
            file.write(
                f'{number},"{said[:340] + " me@mail.org" if number % 10 == 0 else said[:366]}"\n'
            )


def measured(path: Path, masked: bool, language: str) -> None:
    """Both stages in one workspace, a line each."""
    with tempfile.TemporaryDirectory() as place, Lab(Path(place) / "work") as lab:
        source = SourceSetting(name="csv", path=path)
        found = lab.do(Collect(sources=(source,), mask=masked))
        _say("collect", len(found.speeches), len(found.dropped))
        clean = lab.do(Clean(language=language), found.speeches)
        _say("clean", len(clean.speeches), len(clean.dropped))


def _say(stage: str, kept: int, dropped: int) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"  {stage:<8} {kept:>9,} kept {dropped:>7,} dropped  {time.process_time():>7.1f} CPU s so"
        f" far  peak {peak:.2f} GB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--raw", action="store_true")
    parser.add_argument("--language", default="")
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    if given.file:
        measured(given.file, not given.raw, given.language)
        return
    with tempfile.TemporaryDirectory() as place:
        for rows in (given.rows // 4, given.rows):
            path = Path(place) / "speeches.csv"
            write(path, rows)
            print(
                f"{rows:,} rows, {path.stat().st_size / 2**20:.0f} MB, masking"
                f" {'off' if given.raw else 'on'}, language {given.language or 'any'}",
                flush=True,
            )
            more = [*(["--raw"] if given.raw else []), "--language", given.language]
            subprocess.run([sys.executable, __file__, "--file", str(path), *more], check=True)


if __name__ == "__main__":
    main()
