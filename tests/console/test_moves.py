"""Journals, transfers and reversals on screen: form, plan, one act."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from ims.ledger import services
from ims.ledger.models import Entry, Posting
from ims.ledger.selectors import remaining
from tests.console.markup import text_of
from tests.support.world import SET_UP, World

SignIn = Callable[[str], Client]


def lines(prefix: str, *given: tuple[str, str, str]) -> dict[str, str]:
    """Form data of lines: fund, reference, amount."""
    data = {f"{prefix}-TOTAL_FORMS": str(len(given)), f"{prefix}-INITIAL_FORMS": "0"}
    for number, (fund, reference, amount) in enumerate(given):
        data |= {
            f"{prefix}-{number}-fund": fund,
            f"{prefix}-{number}-account_reference": reference,
            f"{prefix}-{number}-amount": amount,
        }
    return data


def left(entry: Entry) -> Decimal:
    return remaining([entry.pk])[entry.pk]


class TestJournal:
    @pytest.fixture
    def form(self, world: World) -> dict[str, Any]:
        return {"reason": "Wrong fund", "key": "k1", **lines("to", ("5", world.rents_account, "50.00"))}

    def address(self, entry: Entry) -> str:
        return reverse("receipts:journal", args=[entry.pk])

    def test_offers_what_remains(self, as_role: SignIn, receipts: list[Entry]):
        page = as_role("Income manager").get(self.address(receipts[0])).content.decode()
        assert 'value="120.50"' in page

    def test_the_plan_shows_the_lines_and_posts_nothing(self, as_role: SignIn, receipts: list[Entry], form: dict):
        answer = as_role("Income manager").post(self.address(receipts[0]), {**form, "step": "plan"})
        page = text_of(answer.content)
        assert "Check before posting" in page
        assert "−£50.00" in page
        assert "Wrong fund" in page
        assert Posting.objects.filter(kind="journal").count() == 0
        assert left(receipts[0]) == Decimal("120.50")

    def test_confirming_what_the_plan_carries_posts_it_once(self, as_role: SignIn, receipts: list[Entry], form: dict):
        client = as_role("Income manager")
        plan = client.post(self.address(receipts[0]), {**form, "step": "plan"})
        carried = _hidden(plan.content.decode())
        for _ in range(2):
            answer = client.post(self.address(receipts[0]), {**carried, "step": "confirm"})
            assert answer.url == reverse("receipts:receipt", args=[receipts[0].pk])
        assert Posting.objects.filter(kind="journal").count() == 1
        assert left(receipts[0]) == Decimal("70.50")
        assert "JNL-000001 was posted" in text_of(client.get(answer.url).content)

    def test_a_refusal_stands_on_the_form_with_what_was_typed(
        self, as_role: SignIn, receipts: list[Entry], world: World
    ):
        data = {"reason": "Wrong fund", "key": "k", **lines("to", ("5", world.rents_account, "500.00"))}
        for step in ("plan", "confirm"):
            answer = as_role("Income manager").post(self.address(receipts[0]), {**data, "step": step})
            page = answer.content.decode()
            assert "only £120.50 remains" in text_of(page)
            assert 'value="500.00"' in page

    def test_the_rules_of_the_fund_speak_before_anything_is_posted(self, as_role: SignIn, receipts: list[Entry]):
        data = {"reason": "x", "key": "k", "step": "plan", **lines("to", ("23", "123", "5.00"))}
        page = text_of(as_role("Income manager").post(self.address(receipts[1]), data).content)
        assert "There is a problem" in page
        assert page.count("“123”") == 1, "what is wrong is said once"
        assert Posting.objects.filter(kind="journal").count() == 0

    def test_mistakes_in_the_form_are_named_all_at_once(self, as_role: SignIn, receipts: list[Entry]):
        data = {"reason": "", "key": "k", "step": "plan", **lines("to", ("", "", "many"))}
        page = text_of(as_role("Income manager").post(self.address(receipts[0]), data).content)
        assert page.count("This field is required.") >= 2
        assert "“many” is not an amount in pounds" in page

    def test_a_line_more_without_script(self, as_role: SignIn, receipts: list[Entry], form: dict):
        page = as_role("Income manager").post(self.address(receipts[0]), {**form, "step": "add"}).content.decode()
        assert 'name="to-1-fund"' in page
        assert 'value="50.00"' in page
        assert "There is a problem" not in page

    def test_going_back_keeps_everything(self, as_role: SignIn, receipts: list[Entry], form: dict):
        page = as_role("Income manager").post(self.address(receipts[0]), {**form, "step": "change"}).content.decode()
        assert "Wrong fund" in page
        assert 'value="50.00"' in page

    def test_is_refused_without_the_permission(self, as_role: SignIn, receipts: list[Entry], form: dict):
        for role in ("Income officer", "Finance", "Auditor", "Service desk", "Administrator"):
            answer = as_role(role).post(self.address(receipts[0]), {**form, "step": "confirm"})
            assert answer.status_code == 403, role
        assert Posting.objects.filter(kind="journal").count() == 0


class TestTransfer:
    def test_plan_then_post(self, as_role: SignIn, receipts: list[Entry], world: World):
        client = as_role("Finance")
        data = {
            "reason": "Paid for the neighbour",
            "key": "t1",
            **lines("from", ("23", world.council_tax_account, "30.00")),
            **lines("to", ("23", world.other_council_tax_account, "30.00")),
        }
        plan = client.post(reverse("receipts:transfer"), {**data, "step": "plan"})
        assert Posting.objects.filter(kind="transfer").count() == 0
        answer = client.post(reverse("receipts:transfer"), {**_hidden(plan.content.decode()), "step": "confirm"})
        posting = Posting.objects.get(kind="transfer")
        assert answer.url == reverse("receipts:receipt", args=[posting.entries.get(line=1).pk])
        assert posting.total == 0

    def test_what_does_not_balance_is_refused(self, as_role: SignIn, receipts: list[Entry], world: World):
        data = {
            "reason": "x",
            "key": "t1",
            "step": "plan",
            **lines("from", ("23", world.council_tax_account, "30.00")),
            **lines("to", ("23", world.other_council_tax_account, "29.99")),
        }
        assert "A transfer must balance" in text_of(as_role("Finance").post(reverse("receipts:transfer"), data).content)

    def test_either_side_may_get_a_line_more(self, as_role: SignIn, receipts: list[Entry]):
        data = {"key": "t", **lines("from", ("", "", "")), **lines("to", ("", "", ""))}
        page = as_role("Finance").post(reverse("receipts:transfer"), {**data, "step": "add_from"}).content.decode()
        assert 'name="from-1-fund"' in page
        assert 'name="to-1-fund"' not in page


class TestReverse:
    def test_plan_then_post_and_never_twice(self, as_role: SignIn, receipts: list[Entry]):
        client = as_role("Income manager")
        address = reverse("receipts:reverse", args=[receipts[1].pk])
        plan = client.post(address, {"reason": "Bounced", "key": "r", "step": "plan"})
        assert "−£95.50" in text_of(plan.content)
        assert Posting.objects.filter(kind="reversal").count() == 0
        client.post(address, {**_hidden(plan.content.decode()), "step": "confirm"})
        assert Posting.objects.get(kind="reversal").reverses_id == receipts[1].posting_id
        again = client.post(address, {"reason": "Bounced", "key": "r", "step": "confirm"})
        assert "has been reversed already" in text_of(again.content)

    def test_a_file_is_reversed_under_imports(self, as_role: SignIn, imported: Posting):
        answer = as_role("Income manager").get(reverse("receipts:reverse", args=[imported.entries.get().pk]))
        assert answer.status_code == 400
        assert "reversed as a whole" in text_of(answer.content)

    def test_money_moved_since_is_named(self, as_role: SignIn, receipts: list[Entry], world: World):
        target = services.Line(fund="5", amount=Decimal("20.00"), account_reference=world.rents_account)
        services.post_journal(actor=SET_UP, entry_id=receipts[0].pk, targets=[target], reason="x", key="j")
        data = {"reason": "Bounced", "key": "r", "step": "plan"}
        page = as_role("Income manager").post(reverse("receipts:reverse", args=[receipts[0].pk]), data).content
        assert "moved since (line 1 by JNL-000001)" in text_of(page)


def _hidden(page: str) -> dict[str, str]:
    """The hidden inputs of the last form of a page, as a browser would send them."""
    from lxml import html

    form = html.fromstring(page).forms[-1]
    return {
        field.get("name"): field.get("value", "")
        for field in form.iter("input")
        if field.get("type") == "hidden" and field.get("name") != "csrfmiddlewaretoken"
    }
