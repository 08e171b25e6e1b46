"""People and receipts for the tests of assurance."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from ims.audit.actors import Actor
from ims.people.models import User
from ims.people.selectors import actor_for
from tests.console.conftest import add_people, add_receipts, shows_details
from tests.support.world import World


@pytest.fixture
def people(world: World) -> dict[str, User]:
    return add_people()


@pytest.fixture
def auditor(people: dict[str, User]) -> Actor:
    return actor_for(people["Auditor"], address="192.0.2.7", unveiled=True)


@pytest.fixture
def manager(people: dict[str, User]) -> Actor:
    return actor_for(people["Income manager"], address="192.0.2.8", unveiled=True)


@pytest.fixture
def administrator(people: dict[str, User]) -> Actor:
    return actor_for(people["Administrator"], address="192.0.2.9", unveiled=True)


@pytest.fixture
def receipts(world: World) -> list:
    return add_receipts(world)


@pytest.fixture
def as_role(people: dict[str, User]):
    def sign_in(role: str) -> Client:
        client = Client()
        client.force_login(people[role])
        shows_details(client)
        return client

    return sign_in


ROOT = Path(__file__).resolve().parents[2]
