"""The screens of people's access, as those who use them click through them."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from ims.access.models import AccessReview, PersonScope
from ims.common import clock
from ims.funds.models import FundGroup
from ims.people.models import CouncilRole, User
from ims.people.roles import ADMINISTRATOR, AUDITOR, INCOME_MANAGER, INCOME_OFFICER
from tests.access.conftest import fresh
from tests.people.people_world import member

DAY = f"{clock.today():%-d %b %Y}"


@pytest.fixture
def ada(world) -> Client:
    return signed_in(member("ada", ADMINISTRATOR))


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text(answer) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode()


def test_a_scope_is_set_on_the_persons_page(ada, officer, rents):
    where = f"/access/people/{officer.pk}/"
    typed = {"fund_groups": [str(rents.pk)], "offices": ["WP"], "reason": "Counter"}
    page = text(ada.post(where, typed))
    assert "Nothing is ticked under methods: confirm that they may see all of them." in page
    page = text(ada.post(where, {**typed, "everything": "on"}, follow=True))
    assert "Fund groups: Rents. Offices: WP" in page
    assert "All money → Fund groups: Rents. Offices: WP" in page
    assert "Counter" in page
    assert PersonScope.objects.get(person=officer).offices == ["WP"]


def test_a_refusal_stands_beside_the_form(ada):
    own = User.objects.get(username="ada")
    page = text(ada.post(f"/access/people/{own.pk}/", {"offices": ["WP"], "everything": "on", "reason": "Me"}))
    assert "You may not change what you yourself may see" in page


def test_the_person_record_leads_there_and_asks_about_the_scope(ada, officer, rents):
    rents.people.add(officer)
    record = f"/admin/people/user/{officer.pk}/change/"
    assert f'href="/access/people/{officer.pk}/"' in text(ada.get(record))
    typed = {"display_name": "Olu", "roles": ["Finance"], "is_active": "on", "access_kind": "staff",
             "change_reason": "Moved"}  # fmt: skip
    assert "must not stay by oversight" in text(ada.post(record, typed))
    ada.post(record, {**typed, "scope_confirmed": "on"})
    assert fresh(officer).role_names == "Finance"


def test_somebody_moves(ada, officer, rents):
    where = f"/access/people/{officer.pk}/move/"
    typed = {
        "roles": ["Finance"],
        "office": "WP",
        "fund_groups": [str(rents.pk)],
        "everything": "on",
        "reason": "Moved",
    }
    assert "Compare the old roles and scope" in text(ada.post(where, typed))
    ada.post(where, {**typed, "old_access_removed": "on"})
    moved = fresh(officer)
    assert (moved.role_names, moved.office_code) == ("Finance", "WP")
    assert FundGroup.objects.get(pk=rents.pk).people.get() == moved


def test_a_role_is_composed_in_plain_words(ada):
    page = text(ada.get("/access/council-roles/new/"))
    assert "Post receipts" in page
    assert "grant_administrator" not in page
    typed = {"name": "Cashier", "purpose": "Counter", "permissions": ["ledger.post_receipt"], "is_in_use": "on"}
    assert "This field is required" in text(ada.post("/access/council-roles/new/", typed))
    page = text(ada.post("/access/council-roles/new/", {**typed, "reason": "Counter reopens"}, follow=True))
    assert "Post receipts" in page
    assert "Counter reopens" in page
    role = CouncilRole.objects.get()
    assert (
        "checked" in text(ada.get(f"/access/council-roles/{role.pk}/change/")).split("may-ledger.post_receipt")[1][:20]
    )


@pytest.mark.parametrize("name", ["new", "Cash/Counter", "..", "1"])
def test_no_name_of_a_role_clashes_with_an_address(ada, name):
    typed = {"name": name, "purpose": "Counter", "permissions": ["ledger.post_receipt"], "is_in_use": "on"}
    saved = ada.post("/access/council-roles/new/", {**typed, "reason": "Counter reopens"}).url
    assert "Post receipts" in text(ada.get(saved))
    assert f'href="{saved}">{name}</a>' in text(ada.get("/access/"))
    assert "Compose a role" in text(ada.get("/access/council-roles/new/"))


def test_an_address_with_the_name_of_a_role_leads_to_it(ada):
    assert "Role that comes with IMS" in text(ada.get(f"/access/roles/{AUDITOR}/"))
    typed = {"name": "new", "purpose": "Counter", "permissions": ["ledger.post_receipt"], "is_in_use": "on"}
    saved = ada.post("/access/council-roles/new/", {**typed, "reason": "Counter reopens"}).url
    assert ada.get("/access/roles/new/").url == saved
    assert ada.get("/access/roles/None/").status_code == 404


def test_a_review_from_opening_to_signing_off(ada, world):
    member("olu", INCOME_OFFICER)
    max_ = signed_in(member("max", INCOME_MANAGER))
    ada.post("/access/reviews/new/", {"title": "Quarter 3", "due_on": DAY})
    review = AccessReview.objects.get()
    where = f"/access/reviews/{review.pk}/"
    lines = {line.username: line for line in review.lines.all()}
    assert "You: a colleague decides" in text(ada.get(where))
    decision = {"decision": "confirmed", "reason": "Still here"}
    for client, username in ((ada, "olu"), (ada, "max"), (max_, "ada")):
        client.post(f"{where}people/{lines[username].pk}/", decision)
    gone = max_.post(f"{where}people/{lines['olu'].pk}/", {"decision": "removed", "reason": "Left"}, follow=True)
    assert "Decided about" in text(gone)
    assert not User.objects.get(username="olu").is_active
    page = text(ada.post(f"{where}sign-off/", {"statement": "All looked at"}, follow=True))
    assert "Signed off" in page
    assert "nothing of it changes any more" in text(max_.get(f"{where}people/{lines['ada'].pk}/"))
    assert "Still here" in text(ada.get(f"{where}export/?format=csv"))
    book = b"".join(ada.get(f"{where}export/?format=xlsx").streaming_content)
    with zipfile.ZipFile(io.BytesIO(book)) as opened:
        assert any(b"Still here" in opened.read(name) for name in opened.namelist())


def test_who_only_reviews_is_sent_to_an_administrator_for_a_change(ada, officer):
    max_ = signed_in(member("max", INCOME_MANAGER))
    ada.post("/access/reviews/new/", {"title": "Quarter 3", "due_on": DAY})
    review = AccessReview.objects.get()
    where = f"/access/reviews/{review.pk}/people/{review.lines.get(person=officer).pk}/"
    change = f'href="/access/people/{officer.pk}/"'
    assert change in text(ada.get(where))
    page = text(max_.get(where))
    assert change not in page
    assert "ask an administrator to change it" in page


def test_an_overdue_review_is_on_today(ada):
    ada.post("/access/reviews/new/", {"title": "Quarter 3", "due_on": DAY})
    AccessReview.objects.update(due_on="2026-01-01")
    assert "is overdue since 1 Jan 2026" in text(ada.get("/"))


def test_a_staff_file_is_shown_and_then_done(ada, officer):
    content = f"username,name,last_day\nolu,Olu Adeyemi,\nnia,Nia New,{DAY}\n"
    page = ada.post("/access/staff-file/", {"file": SimpleUploadedFile("hr.csv", content.encode())})
    shown = text(page)
    assert "Olu → Olu Adeyemi" in shown
    assert "Added: Nia New" in shown
    assert not User.objects.filter(username="nia").exists()
    initial = page.context["apply"].initial
    ada.post("/access/staff-file/", {"step": "confirm", **initial, "reason": "HR"})
    assert fresh(officer).display_name == "Olu Adeyemi"
    assert User.objects.get(username="nia").access_ends_on == clock.today()


def test_a_staff_file_that_cannot_be_read_is_explained(ada):
    answer = ada.post("/access/staff-file/", {"file": SimpleUploadedFile("x.csv", b"\xff\xfe\x00")})
    assert "CSV" in text(answer)


def test_who_can_do_what(ada, officer):
    auditor = signed_in(member("aud", AUDITOR))
    page = text(auditor.get("/access/who-can/", {"person": officer.pk}))
    assert "Post receipts" in page
    assert text(auditor.get("/access/who-can/?format=csv")).count("\n") > 50
    assert signed_in(officer).get("/access/who-can/").status_code == 403
