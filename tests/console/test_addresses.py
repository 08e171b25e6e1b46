"""Addresses nobody's browser would make: answered with a page, never with a failure."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.support.world import World


@pytest.fixture
def officer(world: World) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", "", "x"))
    return client


@pytest.mark.parametrize(
    "address",
    [
        "/receipts/?q=%00",
        "/receipts/export/?q=a%00b",
        "/imports/?before=%C2%B2",
        "/imports/?before=" + "9" * 40,
        "/imports/?%00=1",
        "/exports/?before=%C2%B2",
        "/suspense/?words=%00",
        "/suspense/together/?item=%C2%B2&item=" + "9" * 30,
        "/receipts/" + "9" * 25 + "/",
        "/imports/" + "9" * 20 + "/",
        "/audit/?q=%00",
        "/proof/?date=%00",
        "/admin/funds/fund/%00/change/",
        "/admin/funds/fund/31/history/zzz/",
        "/admin/funds/bankholiday/zzz/history/",
        "/admin/accounts/stopreason/zzz/history/",
        "/admin/accounts/stopreason/1/history/99999999999999999999/",
    ],
)
def test_no_address_breaks_a_page(officer: Client, address: str):
    assert officer.get(address).status_code < 500


def test_a_number_too_long_for_a_record_is_no_page(officer: Client):
    assert officer.post("/imports/99999999999999999999/post-corrected/").status_code == 404


def test_a_null_character_is_refused_with_a_sentence(officer: Client):
    answer = officer.get("/receipts/?q=%00")
    assert answer.status_code == 400
    assert "could not be" in answer.content.decode()


def test_a_null_character_in_a_form_is_refused(officer: Client):
    answer = officer.post("/imports/154/check/", "profile=zzz%00", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
