"""“Today”: the day's figures are the ledger's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from django.test import Client

from ims.audit.actors import acting
from ims.common import clock
from ims.console.day import income_of
from ims.funds.models import SystemMessage
from ims.ledger import services
from ims.ledger.models import Entry
from tests.console.markup import text_of
from tests.support.world import SET_UP, World, person

SignIn = Callable[[str], Client]


def test_income_is_the_ledgers_by_fund_and_method_against_a_week_before(receipts: list[Entry], world: World):
    income = income_of(SET_UP, date.today())
    assert income.total == Decimal("358.00")
    assert income.before == Decimal("80.00")
    assert income.count == 5
    assert {line.code: (line.now, line.before) for line in income.by_fund}["23"] == (
        Decimal("100.50"),
        Decimal("80.00"),
    )
    assert sum(line.now for line in income.by_method) == income.total
    assert dict(income.days)[date.today() - timedelta(days=7)] == Decimal("80.00")


def test_moving_money_is_not_income_and_reversing_takes_it_away(receipts: list[Entry], world: World):
    target = services.Line(fund="5", amount=Decimal("20.00"), account_reference=world.rents_account)
    services.post_journal(actor=SET_UP, entry_id=receipts[0].pk, targets=[target], reason="x", key="j")
    assert income_of(SET_UP, date.today()).total == Decimal("358.00")
    services.reverse(actor=SET_UP, posting_id=receipts[1].posting_id, reason="Bounced")
    assert income_of(SET_UP, date.today()).total == Decimal("262.50")


def test_only_ones_own_funds_are_added_up(receipts: list[Entry]):
    assert income_of(person(funds=frozenset({"5"})), date.today()).total == Decimal("95.50")


def test_the_page_shows_the_figures_and_other_days(as_role: SignIn, receipts: list[Entry]):
    client = as_role("Income officer")
    page = text_of(client.get("/").content)
    assert "Income of the day £358.00" in page
    week_ago = date.today() - timedelta(days=7)
    page = text_of(client.get("/", {"day": week_ago.isoformat()}).content)
    assert "Income of the day £80.00" in page
    assert client.get("/", {"day": "soon"}).status_code == 400


def test_shows_nothing_of_money_to_who_may_not_see_it(as_role: SignIn, receipts: list[Entry]):
    page = text_of(as_role("Nobody").get("/").content)
    assert "£" not in page
    assert "Choose a job above" in page


def test_notices_stand_on_every_page_while_they_run(as_role: SignIn, receipts: list[Entry]):
    now = clock.now()
    with acting(SET_UP, "Test"):
        for text, starts, ends in (("Bank is late <today>", -1, 1), ("Over", -2, -1)):
            SystemMessage.objects.create(
                text=text,
                severity="warning",
                starts_at=now + timedelta(hours=starts),
                ends_at=now + timedelta(hours=ends),
            )
    for address in ("/", "/receipts/", "/admin/"):
        page = as_role("Income officer").get(address)
        assert "Warning: Bank is late <today>" in text_of(page.content)
        assert "Over" not in text_of(page.content).split("Menu")[1][:80]
        assert b"<today>" not in page.content
