"""The proof on screen and on paper."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from ims.common import clock
from ims.imports.models import FileProfile
from tests.console.conftest import add_people, add_receipts
from tests.imports.files import line, posted, simple_profile
from tests.support.world import SET_UP

TODAY = clock.today()


@pytest.fixture
def client(world) -> Client:
    people = add_people()
    client = Client()
    client.force_login(people["Income manager"])
    return client


def page(response) -> str:
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def test_the_day_shows_balances_files_and_what_waits(client, world):
    add_receipts(world)
    simple_profile()
    batch = posted(SET_UP, [line("10.00"), line("30.00", fund="99X")])
    day = batch.posting.entries.first().accounting_date
    shown = page(client.get(reverse("proof:index"), {"date": day.isoformat()}))
    assert batch.file_name in shown
    assert "1 row of a.csv (£30.00) waits for somebody to correct or decide it." in shown
    assert "Council Tax" in shown
    assert FileProfile.objects.count() == 1


def test_the_day_is_yesterday_unless_named(client, world):
    yesterday = TODAY - timedelta(days=1)
    assert f"Proof of {yesterday:%A %-d %b %Y}" in page(client.get(reverse("proof:index")))
    assert "Nothing has been posted" in page(client.get(reverse("proof:index") + "?date=1 Jan 2020"))
    for wrong in ("nonsense", "1 Jan 2090"):
        assert client.get(reverse("proof:index"), {"date": wrong}).status_code == 400


def test_machines_get_json(client, world):
    add_receipts(world)
    plain = client.get(reverse("proof:index"), {"date": TODAY.isoformat(), "format": "json"}).json()
    assert plain["day"] == TODAY.isoformat()
    assert plain["total"]["received"] == "358.00"


def test_totals_of_a_period(client, world):
    add_receipts(world)
    address = reverse("proof:period")
    first = TODAY - timedelta(days=10)
    shown = page(client.get(address, {"first": first.isoformat(), "last": TODAY.isoformat()}))
    assert "£438.00" in shown
    assert "before it starts" in page(client.get(address, {"first": TODAY.isoformat(), "last": first.isoformat()}))
    assert page(client.get(address))


@pytest.mark.parametrize(
    ("role", "status"), [("Income officer", 200), ("Auditor", 200), ("Service desk", 403), ("Nobody", 403)]
)
def test_each_role(world, role, status):
    client = Client()
    client.force_login(add_people()[role])
    assert client.get(reverse("proof:index")).status_code == status
    assert client.get(reverse("proof:period")).status_code == status
