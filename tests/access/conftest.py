"""People whose access is managed, and those who manage it."""

from __future__ import annotations

import pytest

from ims.audit.actors import Actor, acting
from ims.funds.models import FundGroup
from ims.people.models import User
from ims.people.roles import ADMINISTRATOR, INCOME_MANAGER, INCOME_OFFICER, SERVICE_DESK
from ims.people.selectors import actor_for
from tests.people.people_world import SET_UP, member
from tests.support.world import World


@pytest.fixture
def administrator(world: World) -> Actor:
    return actor_for(member("ada", ADMINISTRATOR))


@pytest.fixture
def colleague(world: World) -> Actor:
    """A second administrator."""
    return actor_for(member("bea", ADMINISTRATOR))


@pytest.fixture
def manager(world: World) -> Actor:
    return actor_for(member("max", INCOME_MANAGER))


@pytest.fixture
def desk(world: World) -> Actor:
    return actor_for(member("sid", SERVICE_DESK))


@pytest.fixture
def officer(world: World) -> User:
    return member("olu", INCOME_OFFICER)


@pytest.fixture
def rents(world: World) -> FundGroup:
    with acting(SET_UP, "Test set-up"):
        group = FundGroup.objects.create(name="Rents")
        group.funds.set(["5"])
    return group


def fresh(person: User) -> User:
    """The person as the next request reads them."""
    return User.objects.get(pk=person.pk)
