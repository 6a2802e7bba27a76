"""Two processes train one model: the same curves as one process, every step written once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from loopback import Loopback
from tiny_paper import write

ONE = [sys.executable, "-m", "psycopref"]
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "psycopref"]


def run(command: list[str], recipe: Path, work: Path) -> str:
    done = subprocess.run(
        [*command, "run", str(recipe), "--work", str(work)], env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


@pytest.mark.slow
def test_two_processes_have_the_curves_of_one(tmp_path: Path) -> None:
    with Loopback() as server:
        recipe = write(tmp_path, server.url)
        said = run(TWO, recipe, tmp_path / "two")
        asked = sum(server.book.answers.values())
        run(ONE, recipe, tmp_path / "one")
    assert asked == 10 and said.count("made  reward-") == 2, "the second process asks nobody and says nothing"
    assert len(list((tmp_path / "two" / "runs").iterdir())) == 1 and not list((tmp_path / "two" / "steps").glob("*.part"))
    compared = 0
    for path in (tmp_path / "one" / "steps").glob("*/curve.parquet"):
        other = tmp_path / "two" / "steps" / path.parent.name / path.name
        if other.exists():  # what follows from weights that differ in the last digit has another key
            one, two = pl.read_parquet(path), pl.read_parquet(other)
            assert one.select("name", "step").equals(two.select("name", "step"))
            assert (one["value"] - two["value"]).abs().max() < 1e-4  # type: ignore[operator]
            compared += 1
    assert compared >= 3, "start, reward and gold begin from the same tables"


def test_fewer_pairs_than_processes_is_an_error() -> None:
    pytest.importorskip("torch")
    from psycopref.errors import TrainError
    from psycopref.train import loop, losses, machine
    from psycopref.train.packs import Item
    from psycopref.train.plan import Training
    from psycopref.train.tokens import Encoded

    class Many:
        num_processes = 3

    task = loop.Task("reward", lambda model, rows: model, losses.bradley_terry)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(TrainError, match="batch_size 2 is less than the 3 processes"):
        patch.setattr(machine, "accelerator", Many)
        loop._Loop(None, task, [Item((Encoded([1], [2]), Encoded([1], [3])))], [], Training(batch_size=2), Path("nowhere"))


@pytest.mark.slow
def test_one_dev_item_for_two_processes_and_a_resume_with_dropout(tmp_path: Path) -> None:
    """No process waits for a pass that another does not make; the random numbers of a step do not depend on what was before."""
    command = [*TWO[:-2], str(Path(__file__).with_name("two_processes.py")), str(tmp_path)]
    done = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False, timeout=120)
    lines = [line for line in done.stdout.splitlines() if line.startswith("CURVES ")]
    assert lines, done.stderr[-3000:]
    whole, again = json.loads(lines[0].removeprefix("CURVES "))
    assert {name for name, _, _ in whole} >= {"loss", "dev_loss"} and len(whole) == len(again)
    assert all(one[:2] == two[:2] and one[2] == pytest.approx(two[2], abs=1e-7) for one, two in zip(whole, again, strict=True))
