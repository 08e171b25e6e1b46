"""The auditor's screens."""

from __future__ import annotations

from datetime import date

import pytest
from django.urls import reverse

from ims.audit.actors import acting
from ims.audit.models import Event
from ims.funds.models import Fund

PAGES = ("search", "walk", "samples", "unusual")


@pytest.mark.parametrize("name", PAGES)
def test_auditors_and_administrators_open_it_and_nobody_else(as_role, receipts, name):
    address = reverse(f"assurance:{name}")
    for role in ("Auditor", "Administrator"):
        assert as_role(role).get(address).status_code == 200, role
    for role in ("Income officer", "Income manager", "Finance", "Service desk", "Nobody"):
        assert as_role(role).get(address).status_code == 403, role


def test_the_search_shows_a_change_and_leads_to_its_timelines(as_role, administrator, people):
    fund = Fund.objects.get(code="31")
    fund.display_name = "Building fees"
    fund._history_user = people["Administrator"]
    with acting(administrator, "New name in the budget book"):
        fund.save()
    client = as_role("Auditor")
    page = client.get(reverse("assurance:search"), {"record": "31", "act": "~", "who": "administrator"})
    text = page.content.decode()
    assert "Building fees" in text
    assert "New name in the budget book" in text
    record = reverse("assurance:record", args=["funds.fund", "31"])
    who = reverse("assurance:person", args=[people["Administrator"].pk])
    assert Event.objects.get(verb="audit_trail_searched").data["search"]["record"] == "31"
    client.get(reverse("assurance:search"))
    assert Event.objects.filter(verb="audit_trail_searched").count() == 1
    assert record in text
    assert who in text
    for address in (record, who):
        assert "New name in the budget book" in client.get(address).content.decode()


def test_an_ambiguous_name_is_asked_about(as_role, people):
    page = as_role("Auditor").get(reverse("assurance:search"), {"who": "Sam"})
    assert "may be several people" in page.content.decode()


def test_the_export_is_a_post_and_leaves_an_event(as_role, people):
    client = as_role("Auditor")
    address = reverse("assurance:export")
    assert client.get(address).status_code == 405
    answer = client.post(address, {"model": "people.user"})
    assert b"Sam Auditor" in b"".join(answer.streaming_content)
    assert "attachment" in answer["Content-Disposition"]
    assert Event.objects.latest("id").verb == "audit_trail_exported"
    assert as_role("Finance").post(address, {}).status_code == 403


def test_the_walk_leads_from_the_day_to_the_fund_to_the_source(as_role, receipts):
    client = as_role("Auditor")
    day = date.today().isoformat()
    assert f"?fund=23&amp;day={day}" in client.get(reverse("assurance:walk"), {"day": day}).content.decode()
    page = client.get(reverse("assurance:walk"), {"fund": "23", "day": day}).content.decode()
    assert "They agree." in page
    source = reverse("assurance:source", args=[receipts[0].pk])
    assert source in page
    assert "came in no file" in client.get(source).content.decode()


def test_a_sample_is_drawn_and_taken_away(as_role, receipts):
    client = as_role("Auditor")
    asked = {"method": "monetary_unit", "first": "today", "last": "today", "size": 3, "seed": "x", "fund": ""}
    assert "Receipts drawn" in client.get(reverse("assurance:samples"), asked).content.decode()
    for kind in ("csv", "xlsx"):
        answer = client.post(reverse("assurance:samples"), {**asked, "format": kind})
        assert answer["Content-Disposition"].endswith(f'.{kind}"')
        assert b"".join(answer.streaming_content)
    assert Event.objects.filter(verb="audit_sample_taken").count() == 2
