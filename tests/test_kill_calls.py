"""kill -9 while calls are in flight: finished calls are not asked again, and no more are lost than may be in flight."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def killed(*options: str) -> dict[str, int]:
    command = [sys.executable, str(ROOT / "benchmarks" / "kills.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT / "src")})
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.slow
def test_killed_at_random_moments_under_load() -> None:
    found = killed("--kills", "5", "--calls", "3000", "--flight", "32")
    assert found["kills"] == 5 and found["finished and asked again"] == 0
    assert 0 < found["asked twice"] <= 5 * 32 and found["lost in a kill, at most"] <= 32
