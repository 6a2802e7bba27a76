"""Builders and fixtures shared by all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.finished_paper import finished_paper
from helpers.tiny import World, build_world

from psycopref.lab import Lab
from psycopref.processes import share_the_machine

share_the_machine()  # tests run two by two


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path / "work") as one:
        yield one


@pytest.fixture(scope="session")
def paper_work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of a finished run of the tiny paper, for `finished_paper.copied`."""
    pytest.importorskip("torch")
    return finished_paper(tmp_path_factory.getbasetemp())


@pytest.fixture
def real_data() -> Path:
    folder = os.environ.get("PSYCOPREF_REAL_DATA", "")
    if not folder:
        pytest.skip("PSYCOPREF_REAL_DATA names no folder of real data")
    return Path(folder)


@pytest.fixture
def world() -> World:
    """A tiny world of good and bad answers."""
    return build_world()
