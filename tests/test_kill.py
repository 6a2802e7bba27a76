"""kill -9 of the real process at random moments: finished calls are not asked again, and the result
is the same.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from helpers.kill_recipe import RECIPE

TESTS = Path(__file__).parent


CONCURRENCY = 4


KILLS = 6


IN_FLIGHT = 3 * CONCURRENCY  # two responders and a judge


@pytest.fixture
def port() -> Iterator[int]:
    command = [
        sys.executable,
        str(TESTS / "helpers" / "loopback.py"),
        "--port",
        "0",
        "--behaviours",
        json.dumps({"*": {"latency": 0.03, "busy": 0.05}}),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.kill()


def counts(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/counts") as answer:
        return dict(json.load(answer))


def start(recipe: Path, work: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "psycopref", "run", str(recipe), "--work", str(work)],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def tables(work: Path) -> dict[str, pl.DataFrame]:
    return {
        f"{path.parent.name.split('-')[0]}/{path.stem}": pl.read_parquet(path)
        for path in sorted((work / "steps").glob("*/*.parquet"))
    }


@pytest.mark.slow
def test_killed_at_random_moments(port: int, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        RECIPE.format(url=f"http://127.0.0.1:{port}/v1", c=CONCURRENCY), encoding="utf-8"
    )
    rng, kills, before = random.Random(7), 0, 0
    for _ in range(KILLS):
        process, seen = start(recipe, tmp_path / "work"), counts(port)["requests"]
        target = seen + rng.randint(1, 60)
        while process.poll() is None and counts(port)["requests"] < target:
            time.sleep(0.01)
        time.sleep(rng.random() * 0.05)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    before = counts(port)["answers"]
    assert kills >= 4 and before > 50, "the kills came too late to show anything"
    assert start(recipe, tmp_path / "work").wait() == 0
    after = counts(port)
    assert after["repeats"] <= kills * IN_FLIGHT, after
    assert after["answers"] - after["repeats"] == after["distinct"]
    print(
        f"kills {kills}, calls {after['distinct']}, asked twice {after['repeats']}, bound"
        f" {kills * IN_FLIGHT}"
    )
    answers = after["answers"]
    assert start(recipe, tmp_path / "work").wait() == 0
    assert counts(port)["answers"] == answers, "an unchanged run asks nothing"
    assert start(recipe, tmp_path / "straight").wait() == 0
    one, two = tables(tmp_path / "work"), tables(tmp_path / "straight")
    assert one.keys() == two.keys() and all(one[name].equals(two[name]) for name in one)
    verify = [sys.executable, "-m", "psycopref", "verify", "--work", str(tmp_path / "work")]
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 0
