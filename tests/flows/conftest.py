"""The tiny world as a fixture."""

import pytest
from tiny import World, build_world


@pytest.fixture
def world() -> World:
    return build_world()
