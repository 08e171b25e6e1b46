"""The screens of suspense: every page for who may, the whole way from a suggestion to the next item."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from ims.imports.models import RoutingRule
from ims.ledger.models import Posting
from ims.suspense.models import SuspenseItem
from tests.console.conftest import add_people, shows_details
from tests.suspense.conftest import Unidentified


@pytest.fixture
def people(world):
    return add_people()


def signed_in(people, role: str = "Income manager") -> Client:
    client = Client()
    client.force_login(people[role])
    shows_details(client)
    return client


def page(response) -> str:
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def test_the_list_shows_what_waits_and_what_it_looks_like(people, unidentified: Unidentified):
    item = unidentified.item("55.00", "CTAX 700123452", payer_name="A MOSS")
    client = signed_in(people)
    assert "No suggestion" in page(client.get(reverse("suspense:index")))
    client.post(reverse("suspense:refresh"))
    shown = page(client.get(reverse("suspense:index")))
    assert "Council Tax 700123452" in shown
    assert "Very likely" in shown
    assert reverse("suspense:item", args=[item.pk]) in shown
    assert "No item meets these filters" in page(client.get(reverse("suspense:index") + "?amount_from=60"))
    assert "is not an amount" in page(client.get(reverse("suspense:index") + "?amount_from=lots"))


def test_a_suggestion_is_accepted_by_two_clicks_and_the_next_item_opens(people, unidentified: Unidentified):
    first, second = unidentified.item("55.00", "CTAX 700123452"), unidentified.item("1.00", "NOTHING")
    client = signed_in(people)
    address = reverse("suspense:item", args=[first.pk])
    assert "The whole reference stands in the narrative." in page(client.get(address))
    plan = client.post(
        address, {"step": "accept", "fund": "23", "reference": "700123452", "reason": "Suggestion accepted"}
    )
    assert "These lines will be posted" in page(plan)
    assert not Posting.objects.filter(kind="allocation").exists()
    done = client.post(address, {**carried(plan), "step": "confirm"})
    assert done.status_code == 302
    assert done.url == reverse("suspense:item", args=[second.pk])
    first.refresh_from_db()
    assert first.state == "allocated"
    assert "£55.00 was allocated by ALC-000001" in page(client.get(done.url))


def carried(response) -> dict[str, str]:
    """The hidden fields of the plan, as a browser would send them."""
    forms = response.context["forms"]
    data: dict[str, str] = {}
    members = [forms.reason]
    for group in (forms.takes, forms.targets, forms.credits):
        members += [group.management_form, *group.forms]
    for form in members:
        data.update({bound.html_name: "" if bound.value() is None else str(bound.value()) for bound in form})
    return data


def typed(item: SuspenseItem, *lines: tuple[str, str, str], take: str | None = None, seen: str | None = None) -> dict:
    data = {
        "take-TOTAL_FORMS": "1",
        "take-INITIAL_FORMS": "1",
        "take-0-item": str(item.pk),
        "take-0-seen": seen or str(item.remaining),
        "take-0-amount": take or str(item.remaining),
        "to-TOTAL_FORMS": str(len(lines)),
        "to-INITIAL_FORMS": "0",
        "credit-TOTAL_FORMS": "0",
        "credit-INITIAL_FORMS": "0",
        "reason": "Rang the bank",
        "key": "a-key",
    }
    for number, (fund, reference, amount) in enumerate(lines):
        data |= {
            f"to-{number}-fund": fund,
            f"to-{number}-account_reference": reference,
            f"to-{number}-amount": amount,
        }
    return data


def test_several_lines_a_mistake_and_a_further_line(people, unidentified: Unidentified, world):
    item = unidentified.item("100.00", "TWO PEOPLE")
    client, address = signed_in(people), reverse("suspense:item", args=[item.pk])
    lines = [("23", world.council_tax_account, "60.00"), ("5", world.rents_account, "30.00")]
    assert "They must be equal" in page(client.post(address, {**typed(item, *lines), "step": "plan"}))
    more = page(client.post(address, {**typed(item, *lines), "step": "add"}))
    assert 'name="to-2-amount"' in more
    assert "There is a problem" not in more
    credit = page(client.post(address, {**typed(item, *lines), "step": "add_credit"}))
    assert 'name="credit-0-amount"' in credit
    part = typed(item, *lines, take="90.00")
    plan = client.post(address, {**part, "step": "plan"})
    assert "£10.00</span> of item" in page(plan) or "£10.00 of item" in page(plan)
    client.post(address, {**carried(plan), "step": "confirm"})
    item.refresh_from_db()
    assert item.remaining == Decimal("10.00")


def test_who_comes_second_is_told_and_can_go_on(people, unidentified: Unidentified, world):
    item = unidentified.item("100.00", "RACE")
    client, address = signed_in(people), reverse("suspense:item", args=[item.pk])
    other = {**typed(item, ("23", world.council_tax_account, "40.00"), take="40.00"), "key": "first"}
    client.post(address, {**other, "step": "confirm"})
    stale = typed(item, ("23", world.council_tax_account, "60.00"), take="60.00", seen="100.00")
    told = page(client.post(address, {**stale, "step": "confirm"}))
    assert "Sam Income manager moved £40.00 of it" in told
    assert 'name="take-0-seen" value="60.00"' in told
    assert Posting.objects.filter(kind="allocation").count() == 1


def test_several_items_together(people, unidentified: Unidentified, world):
    first, second = unidentified.item("70.00", "A"), unidentified.item("30.00", "B")
    client = signed_in(people)
    chosen = client.post(reverse("suspense:act"), {"act": "together", "item": [first.pk, second.pk]})
    assert page(client.get(chosen.url)).count("Take (£)") >= 2
    data = typed(first, ("23", world.council_tax_account, "100.00"))
    data |= {"take-TOTAL_FORMS": "2", "take-1-item": second.pk, "take-1-seen": "30.00", "take-1-amount": "30.00"}
    plan = client.post(chosen.url, {**data, "step": "plan"})
    client.post(chosen.url, {**carried(plan), "step": "confirm"})
    assert set(SuspenseItem.objects.values_list("state", flat=True)) == {"allocated"}


def test_taking_giving_due_dates_and_notes(people, unidentified: Unidentified):
    item = unidentified.item("70.00", "A")
    client = signed_in(people)
    client.post(reverse("suspense:work", args=[item.pk]), {"act": "take"})
    item.refresh_from_db()
    assert item.owner == people["Income manager"]
    officer = people["Income officer"].pk
    client.post(reverse("suspense:work", args=[item.pk]), {"owner": officer, "due_on": "31 Dec 2099"})
    client.post(reverse("suspense:note", args=[item.pk]), {"text": "Rang <b>the bank</b>"})
    shown = page(client.get(reverse("suspense:item", args=[item.pk])))
    for text in ("Given to Sam Income officer", "Due on 31 Dec 2099", "Rang &lt;b&gt;the bank"):
        assert text in shown
    client.post(reverse("suspense:act"), {"act": "give", "item": [item.pk], "owner": ""})
    item.refresh_from_db()
    assert item.owner is None
    assert client.post(reverse("suspense:act"), {"act": "take"}).status_code == 400


def test_a_rule_from_an_item_clears_what_is_alike(people, unidentified: Unidentified, world):
    first, second = unidentified.many(["HERON LETTINGS 0426", "HERON LETTINGS 0526"], amount="95.50")
    client, address = signed_in(people), reverse("suspense:rule", args=[first.pk])
    assert "HERON LETTINGS" in page(client.get(address))
    data = {
        "name": "Heron",
        "field": "narrative",
        "value": "heron lettings",
        "fund": "5",
        "reference": world.rents_account,
        "reason": "Every month",
    }
    assert "finds 2 receipts" in page(client.post(address, {**data, "step": "plan"}))
    client.post(address, {**data, "step": "confirm", "apply": "yes"})
    assert RoutingRule.objects.get().actions == {"fund": "5", "reference": world.rents_account}
    assert {item.state for item in SuspenseItem.objects.filter(pk__in=[first.pk, second.pk])} == {"allocated"}


@pytest.mark.parametrize(
    ("role", "listed", "allocates"),
    [
        ("Income officer", 200, True),
        ("Income manager", 200, True),
        ("Finance", 200, True),
        ("Auditor", 200, False),
        ("Administrator", 200, False),
        ("Nobody", 403, False),
    ],
)
def test_each_role_sees_and_does_what_it_may(people, unidentified: Unidentified, role, listed, allocates):
    item = unidentified.item("55.00", "CTAX 700123452")
    client = signed_in(people, role)
    assert client.get(reverse("suspense:index")).status_code == listed
    shown = client.get(reverse("suspense:item", args=[item.pk]))
    assert shown.status_code == listed
    if listed == 200:
        assert ("See what will be posted" in page(shown)) is allocates
    answer = client.post(
        reverse("suspense:item", args=[item.pk]),
        {"step": "accept", "fund": "23", "reference": "700123452", "reason": "r"},
    )
    assert answer.status_code == (200 if allocates else 403)


def test_an_item_that_is_not_there(people):
    assert signed_in(people).get(reverse("suspense:item", args=[999])).status_code == 404


def test_a_closed_item_shows_its_story_and_how_to_undo_it(people, unidentified: Unidentified, world):
    item = unidentified.item("100.00", "CLOSED")
    client, address = signed_in(people), reverse("suspense:item", args=[item.pk])
    client.post(address, {**typed(item, ("23", world.council_tax_account, "100.00")), "step": "confirm"})
    shown = page(client.get(address))
    assert "Undo ALC-000001" in shown
    assert "See what will be posted" not in shown


def test_a_line_that_took_money_out_is_taken_from_the_account_named(people, unidentified: Unidentified, world):
    item = unidentified.item("-20.00", "RETURNED CHEQUE")
    client, address = signed_in(people), reverse("suspense:item", args=[item.pk])
    assert "This line took money out." in page(client.get(address))
    answer = client.post(address, {**typed(item, ("23", world.council_tax_account, "-20.00")), "step": "confirm"})
    assert answer.status_code == 302
    item.refresh_from_db()
    assert (item.remaining, item.state) == (0, "allocated")
