"""What every test may ask for."""

from __future__ import annotations

import pytest
from django.db.models.signals import post_migrate
from hypothesis import HealthCheck, settings

from tests.support import limits
from tests.support import world as small_world

# Instead of the limits a new installation begins with, which tests ask for where they are about them.
post_migrate.disconnect(dispatch_uid="ims.approvals.limits")
post_migrate.connect(limits.everybody_alone, dispatch_uid="tests.limits")

# A busy machine makes any clock lie: how long an example takes says nothing against what is tested. And whoever changes
# one thing is judged by the same examples as yesterday; new ones are looked for by `make properties`.
settings.register_profile("any machine", settings.get_profile("default"), deadline=None,
                          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
settings.register_profile("same examples", settings.get_profile("any machine"), derandomize=True)
settings.register_profile("new examples", settings.get_profile("any machine"), max_examples=1000)
settings.load_profile("same examples")


@pytest.fixture
def world(db) -> small_world.World:
    """The small world, in a database that forgets it after the test."""
    return small_world.build()


@pytest.fixture
def world_committed(transactional_db) -> small_world.World:
    """The small world, really committed, for tests with several connections."""
    return small_world.build()
