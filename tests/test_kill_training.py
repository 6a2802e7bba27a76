"""kill -9 of the real process while it trains and samples: it goes on from its checkpoints to the
same weights, bit for bit.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.loopback import Behaviour, Loopback
from helpers.tiny_paper import write

from psycopref.lab import Lab
from psycopref.store.keys import file_digest, folder_digest

KILLS = 6
TRAINING = ("policy-", "reward-", "draft-")


def run(recipe: Path, work: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "psycopref", "run", str(recipe), "--work", str(work)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def under_way(work: Path) -> list[str]:
    return sorted(path.name for path in (work / "steps").glob("*.part"))


def checkpoints(work: Path) -> list[Path]:
    return list((work / "steps").glob("*.part/checkpoint/state.pt"))


def stamps(work: Path) -> list[tuple[Path, int]]:
    """The checkpoints there are and when each was written; one that goes away meanwhile is left
    out.
    """
    found = []
    for path in checkpoints(work):
        with contextlib.suppress(FileNotFoundError):
            found.append((path, path.stat().st_mtime_ns))
    return found


def kill_inside(
    process: subprocess.Popen[bytes], work: Path, rng: random.Random, saved: bool
) -> str:
    """Kill a process some moments after a training or drafting step came under way (or, `saved`,
    after some fresh checkpoints).

    Gives the step that was killed, "" where the process was quicker.
    """
    seen = set(stamps(work))
    enough = len(seen) + rng.choice((2, 6, 9))
    wait = rng.random() * (0.02 if saved else 0.25)
    while process.poll() is None:
        seen |= set(stamps(work))
        if (
            len(seen) >= enough
            if saved
            else any(name.startswith(TRAINING) for name in under_way(work))
        ):
            break
        time.sleep(0.005)
    time.sleep(wait)
    inside = [name for name in under_way(work) if name.startswith(TRAINING)]
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return inside[0] if inside else ""


def results(work: Path) -> dict[str, str]:
    """The digest of each step's weights, and the bytes of its tables."""
    out = {
        path.parent.name: folder_digest(path) for path in sorted((work / "steps").glob("*/weights"))
    }
    return out | {
        f"{path.parent.name}/{path.name}": file_digest(path)
        for path in sorted((work / "steps").glob("draft-*/*.parquet"))
    }


@pytest.mark.slow
def test_killed_while_training(tmp_path: Path) -> None:
    rng, work, kills, resumed = random.Random(11), tmp_path / "work", [], 0
    with Loopback(default=Behaviour(latency=0.02)) as server:
        recipe = write(tmp_path, server.url)
        for number in range(KILLS):
            kills.append(kill_inside(run(recipe, work), work, rng, saved=number % 2 == 0))
            resumed += len(checkpoints(work))
        assert run(recipe, work).wait() == 0
        answered = sum(server.book.answers.values())
        assert run(recipe, work).wait() == 0 and sum(server.book.answers.values()) == answered, (
            "an unchanged run asks nothing"
        )
        assert len(server.book.repeats()) <= KILLS * 4
        assert run(recipe, tmp_path / "straight").wait() == 0
    hit = [name.split("-")[0] for name in kills if name]
    print(f"killed inside {hit}, gone on from a checkpoint {resumed} times")
    assert len(hit) >= 3 and resumed, f"the kills came too late to show anything: {kills}"
    assert results(work) == results(tmp_path / "straight")
    assert not under_way(work)
    with Lab(work) as killed, Lab(tmp_path / "straight") as straight:
        assert killed.ledger.ids() == straight.ledger.ids()
