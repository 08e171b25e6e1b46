"""Settings: the index by job, accounting periods, and the records nobody edits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from django.contrib import admin
from django.test import Client
from django.urls import reverse

from ims.console.settings_index import GROUPS, SCREENS
from ims.ledger.models import AccountingPeriod, Entry
from tests.console.conftest import receive
from tests.console.markup import text_of
from tests.support.world import World

SignIn = Callable[[str], Client]


class TestIndex:
    def test_groups_hold_what_the_person_may_open_and_nothing_else(self, as_role: SignIn):
        page = text_of(as_role("Income officer").get("/admin/").content)
        assert "What money is for" in page
        assert "Accounting periods" in page
        assert "Add to Funds" not in page
        assert "your role has no settings" in text_of(as_role("Nobody").get("/admin/").content).lower()

    def test_whoever_reviews_access_finds_it_without_seeing_people(self, as_role: SignIn):
        page = text_of(as_role("Income manager").get("/admin/").content)
        assert "Access: scopes, roles, reviews" in page
        assert "Add to People" not in page
        assert "Access: scopes" not in text_of(as_role("Income officer").get("/admin/").content)

    def test_every_record_of_ours_in_the_admin_has_a_place(self, as_role: SignIn):
        placed = {label for _, labels in GROUPS for label in labels} | {screen[3] for screen in SCREENS}
        ours = {model._meta.label_lower for model in admin.site._registry if model.__module__.startswith("ims.")}
        assert ours - placed == set()


class TestPeriods:
    def test_close_and_reopen_with_a_reason(self, as_role: SignIn, world: World):
        client = as_role("Finance")
        period = AccountingPeriod.objects.get(name="2024-25")
        page = text_of(client.post(reverse("periods:close", args=[period.pk]), {"reason": ""}).content)
        assert "This field is required" in page
        answer = client.post(reverse("periods:close", args=[period.pk]), {"reason": "Year end"}, follow=True)
        assert "2024-25 is closed." in text_of(answer.content)
        again = client.post(reverse("periods:close", args=[period.pk]), {"reason": "Year end"})
        assert "is closed already" in text_of(again.content)
        client.post(reverse("periods:reopen", args=[period.pk]), {"reason": "Late invoice"})
        period.refresh_from_db()
        assert period.is_open
        assert period.history.first().history_change_reason == "Late invoice"
        assert period.history.first().actor_name == "Sam Finance"

    def test_open_a_further_one_and_hear_of_an_overlap(self, as_role: SignIn, world: World):
        client = as_role("Finance")
        data = {"name": "2030-31", "starts_on": "1 Apr 2030", "ends_on": "31/03/2031"}
        client.post(reverse("periods:new"), data)
        assert AccountingPeriod.objects.get(name="2030-31").starts_on == date(2030, 4, 1)
        page = text_of(client.post(reverse("periods:new"), {**data, "name": "Twice"}).content)
        assert "another period has that name or some of those days" in page
        page = text_of(client.post(reverse("periods:new"), {**data, "ends_on": "1 Jan 2030"}).content)
        assert "The last day is before the first" in page

    def test_others_only_look(self, as_role: SignIn, world: World):
        period = AccountingPeriod.objects.first()
        for role in ("Income officer", "Auditor", "Administrator"):
            client = as_role(role)
            page = client.get(reverse("periods:index"))
            assert page.status_code == 200
            assert "Reopen" not in text_of(page.content)
            assert client.post(reverse("periods:close", args=[period.pk]), {"reason": "x"}).status_code == 403
        assert as_role("Finance").get(reverse("periods:close", args=[10**9])).status_code == 404


class TestRecords:
    def test_the_auditor_reads_the_trail_and_nobody_writes_it(self, as_role: SignIn, receipts: list[Entry]):
        client = as_role("Auditor")
        client.get("/receipts/export/", {"fund": "23"})
        page = text_of(client.get(reverse("admin:audit_event_changelist")).content)
        assert "receipts_exported" in page
        assert client.get(reverse("admin:audit_event_add")).status_code == 403
        assert client.get(reverse("admin:ledger_seal_changelist")).status_code == 200
        assert as_role("Income officer").get(reverse("admin:audit_event_changelist")).status_code == 403

    def test_a_receipt_leads_to_its_account_holder(self, as_role: SignIn, world: World):
        entry = receive("23", "5.00", reference=world.council_tax_account, key="h")
        page = text_of(as_role("Income officer").get(reverse("receipts:receipt", args=[entry.pk])).content)
        assert "Mrs Ada Moss" in page


def test_every_screen_stands_in_a_group_of_the_index():
    assert {group for group, *_ in SCREENS} <= {group for group, _ in GROUPS}
