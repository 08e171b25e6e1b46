"""People on screen."""

from __future__ import annotations

import pytest

from ims.audit.models import Event
from ims.people.models import User
from ims.people.roles import ADMINISTRATOR, AUDITOR, FINANCE, INCOME_OFFICER, SERVICE_DESK
from tests.people.people_world import member


@pytest.fixture
def as_service_desk(client, db):
    client.force_login(member("sid", SERVICE_DESK))
    return client


def _url(person: User, what: str = "change") -> str:
    return f"/admin/people/user/{person.pk}/{what}/"


def test_a_person_is_added_through_the_form(as_service_desk):
    answer = as_service_desk.post(
        "/admin/people/user/add/",
        {"username": "olu", "display_name": "Olu", "email": "", "office_code": "WP", "roles": [INCOME_OFFICER]},
    )
    assert answer.status_code == 302, answer.content
    assert User.objects.get(username="olu").role_names == INCOME_OFFICER


def test_a_refusal_stands_beside_what_was_typed(as_service_desk):
    answer = as_service_desk.post(
        "/admin/people/user/add/", {"username": "olu", "display_name": "Olu", "roles": [ADMINISTRATOR]}
    )
    assert answer.status_code == 200
    assert "You may not grant or remove the role Administrator" in answer.content.decode()
    assert not User.objects.filter(username="olu").exists()


def test_a_change_needs_a_reason_and_goes_to_history(as_service_desk):
    person = member("olu", INCOME_OFFICER)
    typed = {"display_name": "Olu O", "email": "", "office_code": "", "roles": [FINANCE], "is_active": "on"}
    refused = as_service_desk.post(_url(person), typed)
    assert refused.status_code == 200
    done = as_service_desk.post(_url(person), {**typed, "change_reason": "Promotion"})
    assert done.status_code == 302, done.content
    person.refresh_from_db()
    assert (person.display_name, person.role_names) == ("Olu O", FINANCE)
    page = as_service_desk.get(_url(person, "history")).content.decode()
    assert "Promotion" in page
    assert "Sid" in page


def test_half_a_change_is_no_change(as_service_desk):
    person = member("olu", INCOME_OFFICER)
    as_service_desk.post(
        _url(person),
        {"display_name": "Renamed", "roles": [ADMINISTRATOR], "is_active": "on", "change_reason": "Try"},
    )
    person.refresh_from_db()
    assert (person.display_name, person.role_names) == ("Olu", INCOME_OFFICER)


def test_people_are_never_deleted_or_imported(client, db):
    client.force_login(member("ada", ADMINISTRATOR))
    person = member("olu", INCOME_OFFICER)
    assert client.get(_url(person, "delete")).status_code == 403
    assert client.get("/admin/people/user/import/").status_code == 403


def test_the_auditor_sees_people_and_may_not_change_them(client, db):
    client.force_login(member("aud", AUDITOR))
    person = member("olu", INCOME_OFFICER)
    page = client.get(_url(person))
    assert page.status_code == 200
    assert "Income officer" in page.content.decode()
    assert client.post(_url(person), {"display_name": "X", "change_reason": "Y"}).status_code == 403
    assert client.get("/admin/people/user/add/").status_code == 403


def test_an_officer_sees_no_people(client, db):
    client.force_login(member("off", INCOME_OFFICER))
    assert client.get("/admin/people/user/").status_code == 403


def test_the_list_opens_with_few_queries_however_many_people(as_service_desk, django_assert_max_num_queries):
    User.objects.bulk_create(User(username=f"u{number}", display_name=f"U {number}") for number in range(60))
    with django_assert_max_num_queries(12):
        assert as_service_desk.get("/admin/people/user/").status_code == 200


@pytest.mark.parametrize(
    ("connected", "named", "kept"),
    [
        ("", "192.0.2.7", "192.0.2.7"),
        ("198.51.100.9", "192.0.2.7", "198.51.100.9"),
        ("", "10.0.0.1, 192.0.2.7", "192.0.2.7"),
    ],
)
def test_the_trail_keeps_the_address_our_web_server_names_and_no_other(as_service_desk, connected, named, kept):
    as_service_desk.post(
        "/admin/people/user/add/",
        {"username": "olu", "display_name": "Olu", "email": "", "office_code": "WP", "roles": [INCOME_OFFICER]},
        REMOTE_ADDR=connected,
        headers={"X-Forwarded-For": named},
    )
    assert Event.objects.get(verb="person_created").address == kept
