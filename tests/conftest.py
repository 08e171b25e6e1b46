"""What every test may ask for."""

from __future__ import annotations

import pytest

from tests.support import world as small_world


@pytest.fixture
def world(db) -> small_world.World:
    """The small world, in a database that forgets it after the test."""
    return small_world.build()


@pytest.fixture
def world_committed(transactional_db) -> small_world.World:
    """The small world, really committed, for tests with several connections."""
    return small_world.build()
