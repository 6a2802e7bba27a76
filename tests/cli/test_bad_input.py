"""Bad input, through the real command: an error that says what, where and what to do; nothing is
lost.
"""

import contextlib
import gzip
import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from psycopref.cli.main import main

SECRET = "Barnaby Thistlewood told me everything"
DATASET = """
flow = "dataset"
[dataset.collect]
sources = [{source}]
[dataset.clean]
{clean}
[dataset.dedup]
[dataset.topics]
labeller = "given"
test_share = 0.2
[dataset.respond]
pool = "sample"
[dataset.rate]
instrument = "{instrument}"
judge = "sample/sample-judge"
[dataset.pair]
instrument = "psychocounsel"
"""


def recipe(
    folder: Path,
    source: str = '{ name = "sample" }',
    clean: str = "",
    instrument: str = "psychocounsel",
) -> Path:
    path = folder / "recipe.toml"
    path.write_text(
        DATASET.format(source=source, clean=clean, instrument=instrument), encoding="utf-8"
    )
    return path


def psycopref(
    *words: object, before: Callable[[], None] | None = None, apart: bool = False
) -> tuple[int, str]:
    """The command's status and what it says on standard error; in a process of its own with
    `apart`, or with `before`, which is done in that process first.
    """
    if before is None and not apart:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = main([str(word) for word in words])
        return code, said.getvalue()
    done = subprocess.run(
        [sys.executable, "-m", "psycopref", *map(str, words)],
        capture_output=True,
        text=True,
        preexec_fn=before,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


def refused(path: Path, work: Path, *says: str, apart: bool = False) -> None:
    code, said = psycopref("run", path, "--work", work, apart=apart)
    assert code == 1
    for words in says:
        assert words in said, said
    assert SECRET not in said


def test_no_such_recipe(tmp_path: Path) -> None:
    refused(tmp_path / "nothing.toml", tmp_path / "w", "nothing.toml", "recipes/", apart=True)


def test_unknown_setting(tmp_path: Path) -> None:
    refused(
        recipe(tmp_path, clean="lowest = 3"),
        tmp_path / "w",
        "recipe.toml [dataset.clean]",
        "no setting 'lowest'",
        "did you mean 'low'",
    )


def test_not_toml(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("flow = = 1", encoding="utf-8")
    refused(tmp_path / "recipe.toml", tmp_path / "w", "not TOML", "line 1")


def test_unknown_flow(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('flow = "papr"', encoding="utf-8")
    refused(tmp_path / "recipe.toml", tmp_path / "w", "flow must be one of", "papr")


def test_unknown_instrument(tmp_path: Path) -> None:
    refused(
        recipe(tmp_path, instrument="psychocounsle"),
        tmp_path / "w",
        "psychocounsle",
        "did you mean 'psychocounsel'",
    )


def source(path: Path) -> str:
    return f'{{ name = "csv", path = "{path}", columns = {{ text = "message", id = "id" }} }}'


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", ["intake.csv", "empty"]),
        (f"id,note\n1,{SECRET}\n".encode(), ["intake.csv", "message"]),
        (f"1,{SECRET}\n2,and more\n".encode(), ["intake.csv", "'message'", "2 columns"]),
        (
            "id,message\n1,caf\xe9 ".encode("latin-1") + SECRET.encode() + b"\n",
            ["intake.csv", "UTF-8"],
        ),
        (f"id,message\n1,{SECRET}\n1,{SECRET} again\n".encode(), ["intake.csv", "row 2", "unique"]),
        (
            gzip.compress(f"id,message\n1,{SECRET}\n".encode(), mtime=0),
            ["intake.csv", "a gzip archive", "unpack it"],
        ),
        (
            f'id,message\n1,"{SECRET}\n2,"{SECRET}"\n'.encode(),
            ["intake.csv", "row 1", "opens a quote"],
        ),
    ],
)
def test_csv(tmp_path: Path, raw: bytes, says: list[str]) -> None:
    (tmp_path / "intake.csv").write_bytes(raw)
    refused(recipe(tmp_path, source(tmp_path / "intake.csv")), tmp_path / "w", *says)


def test_missing_csv(tmp_path: Path) -> None:
    refused(recipe(tmp_path, source(tmp_path / "intake.csv")), tmp_path / "w", "intake.csv")


def test_asking_for_what_was_not_recorded(tmp_path: Path) -> None:
    rows = (
        "id,message\n"
        + f'1,"{SECRET} '
        + "and I have thought about it for many long evenings since then. " * 3
        + '"\n'
    )
    (tmp_path / "intake.csv").write_text(rows, encoding="utf-8")
    refused(
        recipe(tmp_path, source(tmp_path / "intake.csv")),
        tmp_path / "w",
        "nothing was recorded",
        "live pool",
    )


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    path, work = recipe(tmp_path), tmp_path / "w"
    code, said = psycopref("run", path, "--work", work, before=small_files)
    assert code == 1 and str(work) in said
    assert psycopref("run", path, "--work", work)[0] == 0
    assert psycopref("verify", "--work", work)[0] == 0


def test_a_read_only_workspace(tmp_path: Path) -> None:
    path, work = recipe(tmp_path), tmp_path / "w"
    work.mkdir(mode=0o555)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    # root ignores modes, and nobody may not read every interpreter: so the program is loaded first,
    # then gives its rights up
    program = f"""
import os, sys
import psycopref.cli.show
import psycopref.runs.run
from psycopref.cli.main import main
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
sys.exit(main(["run", {str(path)!r}, "--work", {str(work)!r}]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=120,
    )
    assert (
        done.returncode == 1
        and str(work) in done.stderr
        and "--work" in done.stderr
        and "Traceback" not in done.stderr
    ), done.stderr


def test_two_runs_at_once(tmp_path: Path) -> None:
    from psycopref.lab import Lab

    with Lab(tmp_path / "w"):
        words = ("another run", str(os.getpid()), "--work")
        refused(recipe(tmp_path), tmp_path / "w", *words, apart=True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-50],
        lambda raw: raw[:200] + bytes([raw[200] ^ 255]) + raw[201:],
        lambda raw: b"",
    ],
)
def test_a_damaged_table(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path, work = recipe(tmp_path), tmp_path / "w"
    assert psycopref("run", path, "--work", work)[0] == 0
    table = next((work / "steps").glob("respond-*/responses.parquet"))
    table.write_bytes(damage(table.read_bytes()))
    refused(path, work, "responses.parquet", "run again")
    assert psycopref("verify", "--work", work)[0] == 1
    for file in table.parent.iterdir():
        file.unlink()
    table.parent.rmdir()
    assert psycopref("run", path, "--work", work)[0] == 0
