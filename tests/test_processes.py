"""Two processes train one model: the same curves as one process, every step written once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import torch
from helpers.loopback import Loopback
from helpers.tiny_paper import write
from safetensors.torch import load_file

from psycopref.config.toml_files import DATA

ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]),
}
TWO = [
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc_per_node",
    "2",
    "-m",
    "psycopref",
]


def run(command: list[str], recipe: Path, work: Path) -> str:
    done = subprocess.run(
        [*command, "run", str(recipe), "--work", str(work)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


@pytest.mark.slow
def test_two_processes_have_the_curves_of_one(tmp_path: Path, paper_work: Path) -> None:
    with Loopback() as server:
        recipe = write(tmp_path, server.url)
        said = run(TWO, recipe, tmp_path / "two")
        asked = sum(server.book.answers.values())
    assert asked == 10 and said.count("made  reward-") == 2, (
        "the second process asks nobody and says nothing"
    )
    assert len(list((tmp_path / "two" / "runs").iterdir())) == 1 and not list(
        (tmp_path / "two" / "steps").glob("*.part")
    )
    compared = 0
    for path in (paper_work / "steps").glob("*/curve.parquet"):
        other = tmp_path / "two" / "steps" / path.parent.name / path.name
        if (
            other.exists()
        ):  # what follows from weights that differ in the last digit has another key
            one, two = pl.read_parquet(path), pl.read_parquet(other)
            assert one.select("name", "step").equals(two.select("name", "step"))
            assert (one["value"] - two["value"]).abs().max() < 1e-4  # type: ignore[operator]
            compared += 1
    assert compared >= 3, "start, reward and gold begin from the same tables"


def test_fewer_pairs_than_processes_is_an_error() -> None:
    pytest.importorskip("torch")
    from psycopref.errors import TrainError
    from psycopref.nets import device
    from psycopref.nets.tokens import Encoded
    from psycopref.train import loop, losses
    from psycopref.train.packs import Item
    from psycopref.train.settings import Training

    class Many:
        num_processes, is_fsdp2 = 3, False

    task = loop.Task("reward", lambda model, rows: model, losses.bradley_terry)
    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(TrainError, match="batch_size 2 is less than the 3 processes"),
    ):
        patch.setattr(device, "accelerator", Many)
        loop._Loop(
            None,
            task,
            [Item((Encoded([1], [2]), Encoded([1], [3])))],
            [],
            Training(batch_size=2),
            Path("nowhere"),
        )


@pytest.mark.slow
def test_one_dev_item_for_two_processes_and_a_resume_with_dropout(tmp_path: Path) -> None:
    """No process waits for a pass that another does not make; the random numbers of a step do not
    depend on what was before.
    """
    command = [
        *TWO[:-2],
        str(Path(__file__).with_name("helpers") / "two_processes.py"),
        str(tmp_path),
    ]
    done = subprocess.run(
        command,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("CURVES ")]
    assert lines, done.stderr[-3000:]
    whole, again = json.loads(lines[0].removeprefix("CURVES "))
    assert {name for name, _, _ in whole} >= {"loss", "dev_loss"} and len(whole) == len(again)
    assert all(
        one[:2] == two[:2] and one[2] == pytest.approx(two[2], abs=1e-7)
        for one, two in zip(whole, again, strict=True)
    )


def launched(config: str) -> dict[str, str]:
    """The environment that `accelerate launch` makes of a shipped configuration."""
    launch = pytest.importorskip("accelerate.commands.launch")
    from accelerate.utils.launch import prepare_multi_gpu_env

    path = DATA / "launch" / f"{config}.yaml"
    args = launch.launch_command_parser().parse_args(
        ["--config_file", str(path), "-m", "psycopref", "run", "paper"]
    )
    args, _, _ = launch._validate_launch_command(args)
    assert args.multi_gpu != args.use_fsdp and args.num_processes == 8
    return {
        key: value
        for key, value in prepare_multi_gpu_env(args).items()
        if key.startswith(("ACCELERATE_", "FSDP_"))
    }


def test_the_shipped_configurations_are_what_accelerate_takes() -> None:
    assert "ACCELERATE_USE_FSDP" not in launched("ddp")
    env = launched("fsdp2")
    assert (
        env["ACCELERATE_USE_FSDP"] == "true"
        and env["FSDP_VERSION"] == "2"
        and env["FSDP_CPU_RAM_EFFICIENT_LOADING"] == "false"
    )


@pytest.mark.slow
def test_weights_spread_over_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    """FSDP2 with an odd batch, one dev item and a kill: curves, checkpoints and saved weights as of
    one process.
    """
    script = str(Path(__file__).with_name("helpers") / "sharded.py")
    env = ENVIRONMENT
    curves = []
    for command, place, more in (
        (TWO[:-2], "two", launched("fsdp2")),
        ([sys.executable], "one", {}),
    ):
        done = subprocess.run(
            [*command, script, str(tmp_path / place), "8"],
            env=env | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("CURVES ")]
        assert lines, done.stderr[-3000:]
        curves.append(json.loads(lines[0].removeprefix("CURVES ")))
    two, one = curves
    assert two["again"] == two["policy"], "killed and gone on: the same to the last digit"
    for kind in ("policy", "reward"):
        assert [point[:2] for point in two[kind]] == [point[:2] for point in one[kind]]
        assert all(
            a[2] == pytest.approx(b[2], abs=1e-6) for a, b in zip(two[kind], one[kind], strict=True)
        )
        spread, whole = (
            load_file(tmp_path / place / kind / "weights" / "model.safetensors")
            for place in ("two", "one")
        )
        assert spread.keys() == whole.keys() and all(
            torch.allclose(spread[name], whole[name], atol=1e-5) for name in whole
        )
        config = [
            json.loads((tmp_path / place / kind / "weights" / "config.json").read_text())[
                "architectures"
            ]
            for place in ("two", "one")
        ]
        assert config[0] == config[1]


def test_deepspeed_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from psycopref.errors import TrainError
    from psycopref.nets import device

    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    with pytest.raises(TrainError, match="DeepSpeed.*recipes copy fsdp2"):
        device.accelerator()


def test_threads_spin_less_unless_somebody_said_how_much(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from psycopref.cli.main import main

    for given, kept in ((None, "30000"), ("7", "7")):
        if given is None:
            monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
        else:
            monkeypatch.setenv("GOMP_SPINCOUNT", given)
        assert main(["show", "--work", "nowhere"]) in (0, 1)
        assert os.environ["GOMP_SPINCOUNT"] == kept
