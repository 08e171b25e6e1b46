"""Approvals on screen: the page that offers to ask, the inbox, one request, deciding."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from ims.approvals import services
from ims.approvals.models import Limit, Request
from ims.funds.models import GeneralLedgerMapping
from ims.ledger.models import Entry, Posting
from ims.people.models import User
from tests.console.conftest import add_people, receive
from tests.console.markup import text_of
from tests.console.test_moves import lines
from tests.support import limits
from tests.support.world import World

SignIn = Callable[[str], Client]


@pytest.fixture
def people(world: World) -> dict[str, User]:
    found = add_people()
    limits.as_installed()
    return found


@pytest.fixture
def as_role(people: dict[str, User]) -> SignIn:
    def sign_in(role: str) -> Client:
        client = Client()
        client.force_login(people[role])
        return client

    return sign_in


@pytest.fixture
def entry(world: World, people: dict[str, User]) -> Entry:
    return receive("23", "9000.00", reference=world.council_tax_account, key="big")


def journal_form(world: World, amount: str = "6000.00") -> dict[str, str]:
    return {"reason": "Wrong fund", "key": "k1", **lines("to", ("5", world.rents_account, amount))}


def asked(client: Client, entry: Entry, world: World) -> Request:
    """The whole way a person goes: form, plan, ask."""
    page = client.post(reverse("receipts:journal", args=[entry.pk]), {**journal_form(world), "step": "plan"})
    answer = client.post(reverse("approvals:ask"), {"asked": page.context["asked"], "reason": "Wrong fund"})
    request = Request.objects.get()
    assert answer.url == reverse("approvals:request", args=[request.pk])
    return request


def test_the_form_says_beforehand_how_far_one_may_go(as_role: SignIn, entry: Entry):
    page = text_of(as_role("Income manager").get(reverse("receipts:journal", args=[entry.pk])).content)
    assert "You may do journals up to £5,000.00 alone. More needs a second person (Finance)." in page


def test_over_the_limit_the_plan_offers_to_ask(as_role: SignIn, entry: Entry, world: World):
    client = as_role("Income manager")
    for step in ("plan", "confirm"):
        answer = client.post(reverse("receipts:journal", args=[entry.pk]), {**journal_form(world), "step": step})
        page = text_of(answer.content)
        assert "This needs a second person" in page
        assert "−£6,000.00" in page
        assert "Sam Finance" in page
    assert not Request.objects.exists()
    assert not Posting.objects.filter(kind="journal").exists()
    back = client.post(
        reverse("receipts:journal", args=[entry.pk]), {**dict(answer.context["carried"]), "step": "change"}
    )
    assert b'value="6000.00"' in back.content


def test_asked_found_in_the_inbox_and_approved(as_role: SignIn, entry: Entry, world: World):
    request = asked(as_role("Income manager"), entry, world)
    finance = as_role("Finance")
    inbox = finance.get(reverse("approvals:index"))
    assert f"Move £6,000.00 of {entry.receipt_number}" in text_of(inbox.content)
    assert "1 waiting for you" in text_of(inbox.content)
    page = text_of(finance.get(reverse("approvals:request", args=[request.pk])).content)
    for words in ("Approve and do it", "Wrong fund", "What remains of the receipt", entry.receipt_number):
        assert words in page
    answer = finance.post(reverse("approvals:decide", args=[request.pk]), {"act": "approve", "reason": ""}, follow=True)
    assert "was approved and done: JNL-000001" in text_of(answer.content)
    done = text_of(finance.get(reverse("approvals:request", args=[request.pk])).content)
    assert "This was done: JNL-000001" in done
    assert "Approve and do it" not in done


def test_rejecting_needs_a_reason(as_role: SignIn, entry: Entry, world: World):
    request = asked(as_role("Income manager"), entry, world)
    finance, address = as_role("Finance"), reverse("approvals:decide", args=[request.pk])
    assert "Say why you reject it." in text_of(finance.post(address, {"act": "reject", "reason": ""}).content)
    finance.post(address, {"act": "reject", "reason": "Not the right account"})
    request.refresh_from_db()
    assert (request.state, request.decision_reason) == ("rejected", "Not the right account")
    assert finance.post(address, {"act": "approve"}).status_code == 409


def test_who_asked_may_withdraw_and_not_decide(as_role: SignIn, entry: Entry, world: World):
    manager = as_role("Income manager")
    request = asked(manager, entry, world)
    page = text_of(manager.get(reverse("approvals:request", args=[request.pk])).content)
    assert "so a colleague decides" in page
    assert manager.post(reverse("approvals:decide", args=[request.pk]), {"act": "approve"}).status_code == 403
    manager.post(reverse("approvals:withdraw", args=[request.pk]))
    request.refresh_from_db()
    assert request.state == "withdrawn"


def test_the_auditor_sees_everything_and_changes_nothing(as_role: SignIn, entry: Entry, world: World):
    request = asked(as_role("Income manager"), entry, world)
    auditor = as_role("Auditor")
    assert "Move £6,000.00" in text_of(auditor.get(reverse("approvals:index") + "?show=waiting").content)
    page = text_of(auditor.get(reverse("approvals:request", args=[request.pk])).content)
    assert "You cannot decide this" in page
    assert auditor.post(reverse("approvals:decide", args=[request.pk]), {"act": "approve"}).status_code == 403
    assert auditor.post(reverse("approvals:withdraw", args=[request.pk])).status_code == 403


def test_what_is_asked_cannot_be_altered_on_the_way(as_role: SignIn, entry: Entry, world: World):
    client = as_role("Income manager")
    page = client.post(reverse("receipts:journal", args=[entry.pk]), {**journal_form(world), "step": "plan"})
    for text in (page.context["asked"][:-2] + "xx", "", "x:y:z"):
        answer = client.post(reverse("approvals:ask"), {"asked": text, "reason": "x"})
        assert answer.status_code == 400
    assert not Request.objects.exists()


def test_overtaken_it_says_why(as_role: SignIn, entry: Entry, world: World, people: dict[str, User]):
    request = asked(as_role("Income manager"), entry, world)
    as_role("Income manager").post(
        reverse("receipts:journal", args=[entry.pk]), {**journal_form(world, "100.00"), "key": "k2", "step": "confirm"}
    )
    answer = as_role("Finance").post(reverse("approvals:decide", args=[request.pk]), {"act": "approve"}, follow=True)
    assert "was “£9,000.00” when this was asked and is “£8,900.00” now" in text_of(answer.content)


@pytest.mark.parametrize("query", ["?show=decided", "?show=asked", "?words=rents&kind=ledger.journal", "?show=nonsense",
                                   "?amount_from=abc&asked_from=tomorrow", "?before=99999999999999999999"])  # fmt: skip
def test_lists_and_filters(as_role: SignIn, entry: Entry, world: World, query: str):
    asked(as_role("Income manager"), entry, world)
    assert as_role("Finance").get(reverse("approvals:index") + query).status_code == 200


def test_a_setting_is_asked_for_in_the_admin(as_role: SignIn, world: World):
    mapping = GeneralLedgerMapping.objects.get(side="income", fund="23")
    finance = as_role("Finance")
    address = reverse("admin:funds_generalledgermapping_change", args=[mapping.pk])
    assert "waits for the approval of a second person" in text_of(finance.get(address).content)
    form = {"side": "income", "fund": "23", "gl_code": "111", "valid_from": "2020-04-01", "change_reason": "New codes"}
    answer = finance.post(address, form, follow=True)
    assert "Nothing is changed yet. Request" in text_of(answer.content)
    mapping.refresh_from_db()
    assert mapping.gl_code == "964023"
    request = Request.objects.get()
    manager = as_role("Income manager")
    assert "964023" in text_of(manager.get(reverse("approvals:request", args=[request.pk])).content)
    manager.post(reverse("approvals:decide", args=[request.pk]), {"act": "approve"})
    mapping.refresh_from_db()
    assert mapping.gl_code == "111"


def test_a_limit_is_asked_for_in_the_admin(as_role: SignIn):
    limit = Limit.objects.get(kind="ledger.journal", role="Income manager")
    form = {"role": "Income manager", "kind": "ledger.journal", "alone_up_to": "9000", "with_approval_up_to": "",
            "may_approve_up_to": "25000", "change_reason": "They asked"}  # fmt: skip
    as_role("Administrator").post(reverse("admin:approvals_limit_change", args=[limit.pk]), form)
    limit.refresh_from_db()
    assert limit.alone_up_to == Decimal(5000)
    assert Request.objects.get().plan["differences"][0]["after"] == "9000"


CONFLICT = {"name": "Searches and writes off", "first": "ledger.view_entry", "second": "suspense.write_off",
            "severity": "report", "why": "An example", "compensating_control": "The auditor looks", "is_in_force": "on",
            "change_reason": "An example"}  # fmt: skip


def test_whoever_adds_a_conflict_of_duties_is_told_how_many_hold_both(as_role: SignIn, people: dict[str, User]):
    limits.set_limit("approvals.limits", "Administrator", alone=None)
    ada, add = as_role("Administrator"), reverse("admin:approvals_conflict_add")
    page = ada.post(add, CONFLICT, follow=True)
    assert "Who holds both duties of “Searches and writes off” now: 2 people. See who" in text_of(page.content)
    listed = text_of(ada.get(reverse("approvals:duties")).content)
    assert str(people["Finance"]) in listed.partition("Searches and writes off")[2].partition("data-label")[0]
    nobody = {**CONFLICT, "name": "Never both", "second": "role:Auditor", "first": "suspense.write_off"}
    assert "Who holds both duties of “Never both” now: nobody." in text_of(ada.post(add, nobody, follow=True).content)


def test_who_decides_about_a_conflict_of_duties_sees_how_many_hold_both(as_role: SignIn):
    as_role("Administrator").post(reverse("admin:approvals_conflict_add"), CONFLICT)
    request = Request.objects.get()
    assert request.plan["facts"] == [["Who holds both now", "2 people"]]
    page = as_role("Income manager").get(reverse("approvals:request", args=[request.pk]))
    assert "Who holds both now 2 people" in " ".join(text_of(page.content).split())


def test_roles_are_asked_for_in_the_admin(as_role: SignIn, people: dict[str, User]):
    nobody = people["Nobody"]
    form = {"display_name": nobody.display_name, "email": "", "office_code": "", "roles": ["Income officer"],
            "is_active": "on", "access_kind": "staff", "change_reason": "Starts on Monday"}  # fmt: skip
    as_role("Service desk").post(reverse("admin:people_user_change", args=[nobody.pk]), form)
    request = Request.objects.get()
    assert (request.kind, request.summary) == ("people.roles", f"Change the roles of {nobody}")
    shown, person = (
        reverse("approvals:request", args=[request.pk]),
        reverse("admin:people_user_change", args=[nobody.pk]),
    )
    for role, may_open in (("Service desk", True), ("Income manager", False)):
        page = as_role(role).get(shown)
        assert f"Look at: {nobody}" in text_of(page.content)
        assert (f'href="{person}"' in page.content.decode()) == may_open
        assert (as_role(role).get(person).status_code == 200) == may_open
    services.approve(actor=_actor(people["Income manager"]), request_id=request.pk)
    assert set(nobody.groups.values_list("name", flat=True)) == {"Income officer"}


def test_writing_off_on_screen(as_role: SignIn, world: World):
    from ims.audit.actors import acting
    from ims.funds.models import Fund
    from ims.suspense.models import SuspenseItem
    from tests.support.world import SET_UP

    with acting(SET_UP, "x"):
        Fund.objects.create(code="WO", name="Write-offs", vat_code_id="N0", is_write_off=True)
    from ims.suspense.services import open_items

    small, large = receive("1", "9.99", key="s"), receive("1", "99.99", key="l")
    for each in (small, large):
        open_items(actor=SET_UP, posting=each.posting)
    manager = as_role("Income manager")
    first, second = SuspenseItem.objects.order_by("pk")
    form = {"fund": "WO", "reason": "Nobody claims it", "key": "w1", "seen": "9.99"}
    address = reverse("suspense:write_off", args=[first.pk])
    assert "Write off" in text_of(manager.get(address).content)
    assert "Check before posting" in text_of(manager.post(address, {**form, "step": "plan"}).content)
    assert manager.post(address, {**form, "step": "confirm"}).status_code == 302
    first.refresh_from_db()
    assert first.state == "allocated"
    answer = manager.post(
        reverse("suspense:write_off", args=[second.pk]), {**form, "key": "w2", "seen": "99.99", "step": "plan"}
    )
    assert "This needs a second person" in text_of(answer.content)
    assert as_role("Income officer").get(address).status_code == 403


def _actor(person: User):
    from ims.people.selectors import actor_for

    return actor_for(User.objects.get(pk=person.pk))
