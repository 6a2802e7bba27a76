"""Ctrl-C while replies are waited for: the command ends at once, and what was handed in or answered
is kept.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.batches import Provider
from helpers.kill_recipe import RECIPE
from helpers.loopback import Behaviour, Loopback

ROOT = Path(__file__).parents[3]
SOON = 5.0  # seconds that the end may take


def start(recipe: Path, work: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "psycopref", "run", str(recipe), "--work", str(work)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def interrupted(
    process: "subprocess.Popen[str]", ready: Callable[[], bool]
) -> tuple[float, int, str]:
    """Press Ctrl-C a second after it is ready; how long the end took, the exit code, and what was
    printed.
    """
    try:
        until = time.monotonic() + 60
        while not ready():
            assert process.poll() is None and time.monotonic() < until, (
                "it ended, or did not get so far"
            )
            time.sleep(0.05)
        time.sleep(1)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        return time.monotonic() - began, process.returncode, out
    finally:
        process.kill()


@pytest.mark.parametrize("hang", [0.0, 40.0])
def test_while_a_batch_is_waited_for(tmp_path: Path, hang: float) -> None:
    """Between two looks at the batch, and in the middle of one that is not answered."""
    with Loopback() as server:
        provider, looks, recipe = Provider(server, looks=1000), [0], tmp_path / "recipe.toml"

        def look(what: str) -> None:
            if what.startswith("GET batches/"):
                looks[0] += 1
                time.sleep(hang)

        before, judge = (
            RECIPE.format(url=server.url, c=4).replace("low = 640", "low = 720").split("judge = ")
        )
        judge = judge.replace("openai", "openai-batch")
        judge = judge.replace("concurrency = 4", "concurrency = 1000")
        recipe.write_text(f"{before}judge = {judge}", encoding="utf-8")
        provider.after = look
        took, code, out = interrupted(
            start(recipe, tmp_path / "work"),
            lambda: (hang > 0 and bool(provider.batches)) or looks[0] > 0,
        )
        assert code == 130 and took < SOON, (code, took, out)
        (state,) = (
            json.loads(path.read_text()) for path in (tmp_path / "work" / "batches").glob("*.json")
        )
        assert state["batch"] == "batch-0" and len(provider.batches) == 1
        provider.after, provider.batches["batch-0"]["looks"] = (lambda what: None), 0
        again = start(recipe, tmp_path / "work")
        assert again.communicate(timeout=60)[0] is not None and again.returncode == 0
        assert len(provider.batches) == 1 and not server.book.repeats()


def test_while_an_endpoint_does_not_answer(tmp_path: Path) -> None:
    with Loopback({"judge": Behaviour(latency=40)}) as server:
        recipe = tmp_path / "recipe.toml"
        recipe.write_text(
            RECIPE.format(url=server.url, c=4).replace("low = 640", "low = 720"), encoding="utf-8"
        )
        took, code, out = interrupted(
            start(recipe, tmp_path / "work"), lambda: server.book.models["judge"] > 0
        )
        assert code == 130 and took < SOON, (code, took, out)
        server.behaviours["judge"] = Behaviour()
        again = start(recipe, tmp_path / "work")
        assert again.communicate(timeout=60)[0] is not None and again.returncode == 0
        assert not server.book.repeats(), "what the responders had answered was kept"
