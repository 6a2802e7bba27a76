"""The quickstart once per seed, each in a workspace of its own: every seed's figures and times,
rising or not.

python benchmarks/seeds.py [--seeds 3] [--work DIR]

The seed goes into every training stage; split, recorded responses and the judge's ratings stay.
Drafts follow the weights.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from psycopref.config.toml_files import DATA

RECIPE = DATA / "recipes" / "quickstart.toml"
TRAINED = ("start", "reward", "gold", "policy", "online")
Figures = dict[tuple[str, str], dict[str, Any]]


def seeded(seed: int) -> str:
    """The quickstart's recipe with `seed` in every section that trains."""
    return re.sub(
        rf"(?m)^\[training\.({'|'.join(TRAINED)})\].*$",
        rf"\g<0>\nseed = {seed}",
        RECIPE.read_text(encoding="utf-8"),
    )


def once(work: Path, seed: int) -> tuple[float, float, Figures]:
    """Run one seed twice: seconds of the first and of the second run, and the figures."""
    recipe = work / f"seed{seed}.toml"
    recipe.write_text(seeded(seed), encoding="utf-8")
    seconds = []
    for _ in range(2):
        began = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "psycopref",
            "run",
            str(recipe),
            "--work",
            str(work / f"work{seed}"),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.monotonic() - began)
    newest = max((work / f"work{seed}" / "runs").iterdir(), key=lambda path: path.stat().st_mtime)
    rows = json.loads((newest / "metrics.json").read_text(encoding="utf-8"))
    return seconds[0], seconds[1], {(row["name"], row["slice"]): row for row in rows}


def cell(figures: Figures, name: str, place: str, digits: int = 3) -> str:
    """One figure with its interval and count."""
    row = figures.get((name, place))
    if row is None:
        return "-"
    span = f" [{row['low']:.{digits}f}, {row['high']:.{digits}f}]" if row["low"] is not None else ""
    return f"{row['value']:.{digits}f}{span} ({row['count']})"


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp(prefix="seeds-"))
    work.mkdir(parents=True, exist_ok=True)
    found = [once(work, seed) for seed in range(args.seeds)]
    print("| figure | " + " | ".join(f"seed {seed}" for seed in range(args.seeds)) + " |")
    print("|---|" + "---|" * args.seeds)
    print("| seconds, first run | " + " | ".join(f"{one:.0f}" for one, _, _ in found) + " |")
    print("| seconds, second run | " + " | ".join(f"{two:.1f}" for _, two, _ in found) + " |")
    rows = [
        (f"reward.{field}", f"{place}{model}")
        for place in ("test", "test_all")
        for model in ("", ":tfidf", ":longer")
        for field in FIELDS
    ]
    rows += [
        (f"policy.{field}", f"round:{number}")
        for field in ("gold_reward", "reward", "words")
        for number in range(5)
    ]
    rows += [
        ("winrate", "overall:raw"),
        ("winrate", "overall:constrained"),
        ("winrate.start", "overall:raw"),
    ]
    for name, place in rows:
        digits = 1 if name == "policy.words" else 3
        print(
            f"| {name} {place} | "
            + " | ".join(cell(figures, name, place, digits) for _, _, figures in found)
            + " |"
        )
    print(
        "\npeak memory of a run:"
        f" {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20:.2f} GiB"
    )


FIELDS = ("accuracy", "auc", "ece", "brier")

if __name__ == "__main__":
    main()
