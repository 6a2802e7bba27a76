"""CounselChat through the whole dataset flow against a loopback server with slow, failing and
refusing models; prints the counts.

python benchmarks/counselchat.py CSV [--work DIR] [--speeches N]
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers.counselchat_flow import MODELS, recipe, server

from psycopref.progress import Progress
from psycopref.runs import run
from psycopref.store import run_folder


def tally(work: Path, run: Path) -> dict[str, object]:
    """The counts of a run, each from the tables themselves."""
    table = {}
    for entry in run_folder.taken(run):
        for name in entry["rows"]:
            table[f"{entry['stage']}.{name}"] = pl.read_parquet(
                work / "steps" / entry["step"] / f"{name}.parquet"
            )
    failures = pl.concat([table["respond.failures"], table["rate.failures"]])
    return {
        "speeches kept": table["topics.speeches"].height,
        "dropped": dict(
            pl.concat([table[f"{s}.dropped"] for s in ("collect", "clean", "dedup")])
            .group_by("reason")
            .len()
            .sort("reason")
            .iter_rows()
        ),
        "responses": table["respond.responses"].height,
        "respond failures": table["respond.failures"].height,
        "ratings": table["rate.ratings"].height,
        "rate failures": table["rate.failures"].height,
        "failures by reason": dict(failures.group_by("reason").len().sort("reason").iter_rows()),
        "pairs": dict(table["pair.preferences"].group_by("split").len().sort("split").iter_rows()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", type=Path)
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp(prefix="counselchat-"))
    with server() as loopback:
        path = work / "counselchat.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(recipe(args.csv, loopback.url), encoding="utf-8")
        made = run.run(str(path), work / "work", Progress(quiet=False))
        print(
            json.dumps(
                {
                    "models": sorted(MODELS),
                    "requests": sum(loopback.book.requests.values()),
                    "answered twice": len(loopback.book.repeats()),
                    "statuses": dict(loopback.book.statuses),
                    **tally(work / "work", made),
                },
                indent=1,
            )
        )
    print(made / "report.html")


if __name__ == "__main__":
    main()
