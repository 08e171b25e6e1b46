"""A council with a day's work behind it, for the tests of evidence."""

from __future__ import annotations

import pytest
from django.test import Client

from ims.audit.actors import Actor, command
from ims.audit.seals import seal_events
from ims.exports import services as exports
from ims.exports.models import ExportProfile
from ims.exports.seed import seed_profiles
from ims.ledger.seals import seal_pending
from ims.people.models import User
from ims.people.selectors import actor_for
from tests.console.conftest import add_people, add_receipts
from tests.imports.files import line, posted, simple_profile
from tests.support.world import World


@pytest.fixture
def people(world: World) -> dict[str, User]:
    return add_people()


@pytest.fixture
def auditor(people: dict[str, User]) -> Actor:
    return actor_for(people["Auditor"], address="192.0.2.7")


@pytest.fixture
def as_role(people: dict[str, User]):
    def sign_in(role: str) -> Client:
        client = Client()
        client.force_login(people[role])
        return client

    return sign_in


@pytest.fixture
def worked(world: World, people: dict[str, User]) -> None:
    """Receipts, a file with twins and a bad row, an export; all sealed."""
    add_receipts(world)
    simple_profile()
    posted(command("tests"), [line(), line(narrative="=1+1 Zoë <b>"), line(amount="nonsense")])
    seed_profiles(command("tests"))
    profile = ExportProfile.objects.filter(is_active=True).first()
    from datetime import date, timedelta

    day = date.today()
    exports.build(actor=command("tests"), profile=profile, first=day - timedelta(days=9), last=day, key="k")
    seal_pending()
    seal_events()
