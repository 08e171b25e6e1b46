"""The automated telephone line: announced, confirmed, told twice, told late, and never losing money that was taken."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connections

from ims.accounts.models import AccountHolder, StopReason
from ims.audit.actors import Actor, acting
from ims.audit.models import Event
from ims.common import clock
from ims.common.errors import NotAllowed, NotFound
from ims.funds.models import MethodOfPayment
from ims.ledger.models import AccountingPeriod, Entry, Posting
from ims.payment_types.models import PaymentType
from ims.suspense.models import SuspenseItem
from ims.telephone_line import rules, services
from ims.telephone_line.errors import TelephoneRefusal, ToldOtherwise
from ims.telephone_line.models import CallPayment
from tests.imports.files import outcomes, simple_profile
from tests.imports.test_taken_elsewhere import checked
from tests.support.world import SET_UP, World, add_payment_types

PERMISSIONS = frozenset({"payment_types.check_reference", "telephone_line.take_payment"})
LINE = Actor(kind="api", identifier="7", name="API: Telephone line", permissions=PERMISSIONS)
OTHER_LINE = Actor(kind="api", identifier="8", name="API: Another", permissions=PERMISSIONS)


def set_up() -> None:
    add_payment_types()
    with acting(SET_UP, "Test"):
        MethodOfPayment.objects.create(code="91", name="Telephone line", is_card=True, is_card_by_telephone_line=True)


@pytest.fixture
def line(world: World) -> World:
    set_up()
    return world


def bill(kind: str = "council-tax", reference: str = "700123452", amount: str = "120.50") -> services.Bill:
    return services.Bill(
        payment_type=PaymentType.objects.select_related("fund").get(pk=kind),
        reference=reference,
        amount=Decimal(amount),
    )


def taken(reference: str = "auth-1", **ago: float) -> services.Taken:
    moment = clock.now() - timedelta(**ago) if ago else clock.now()
    return services.Taken(reference=reference, at=moment, card_brand="Visa", card_last_four="4242")


def announce(call: str = "c1", *bills: services.Bill, actor: Actor = LINE) -> CallPayment:
    return services.announce(actor=actor, call=call, bills=bills or (bill(),))


def test_announced_then_confirmed_is_one_receipt(line: World):
    payment = announce("c1", bill(), bill("rent", line.rents_account, "95.50"))
    assert (payment.state, payment.total) == ("announced", Decimal("216.00"))
    assert not Posting.objects.exists()
    paid = services.confirm(actor=LINE, payment_id=str(payment.pk), taken=taken())
    assert paid.posting.series == "TEL"
    assert [(e.fund_id, e.amount, e.method_of_payment_id) for e in paid.posting.entries.order_by("line")] == [
        ("23", Decimal("120.50"), "91"),
        ("5", Decimal("95.50"), "91"),
    ]
    assert not SuspenseItem.objects.exists()
    event = Event.objects.get(verb="telephone_payment_confirmed")
    assert event.actor_name == "API: Telephone line"


def test_the_processors_file_does_not_count_it_again(line: World):
    simple_profile("cards", format="govuk-pay", layout={}, fund_id="23", entries="receipts_and_returns")
    services.confirm(actor=LINE, payment_id=str(announce().pk), taken=taken("auth-1"))
    rows = [("auth-1", "", "120.50", "Success"), ("auth-1", "", "-20.00", "Refund success"), ("b", "", "9", "Success")]
    batch = checked(SET_UP, rows)
    assert outcomes(batch) == ["ignored", "to_suspense", "to_suspense"]
    assert "it is payment auth-1 of the telephone line, posted as TEL-000001" in batch.rows.get(line=2).reason


def test_told_twice_changes_nothing(line: World):
    first = announce()
    assert announce().pk == first.pk
    for _ in range(3):
        services.confirm(actor=LINE, payment_id=str(first.pk), taken=taken())
    assert Posting.objects.count() == 1


def test_told_otherwise_is_refused(line: World):
    payment = announce()
    with pytest.raises(ToldOtherwise):
        announce("c1", bill(amount="1.00"))
    services.confirm(actor=LINE, payment_id=str(payment.pk), taken=taken())
    with pytest.raises(ToldOtherwise):
        services.confirm(actor=LINE, payment_id=str(payment.pk), taken=taken("auth-2"))
    other = announce("c2", bill("rent", line.rents_account, "1.00"))
    with pytest.raises(ToldOtherwise, match="belongs to Call c1"):
        services.confirm(actor=LINE, payment_id=str(other.pk), taken=taken())
    with pytest.raises(ToldOtherwise):
        services.give_up(actor=LINE, payment_id=str(payment.pk), reason="x")
    assert Posting.objects.count() == 1


def test_what_may_not_be_paid_is_refused_before_the_card_is_asked_for(line: World):
    with pytest.raises(TelephoneRefusal, match="do not fit together"):
        announce("c1", bill(reference="700123453"))
    with pytest.raises(TelephoneRefusal, match="cannot be paid online"):
        announce("c1", bill(reference=line.stopped_account))
    with pytest.raises(TelephoneRefusal, match="named twice"):
        announce("c1", bill(), bill())
    with pytest.raises(TelephoneRefusal):
        services.announce(actor=LINE, call="c1", bills=[])
    assert not CallPayment.objects.exists()


def test_a_call_that_failed_is_written_down_and_can_still_turn_out_paid(line: World):
    payment = announce()
    for _ in range(2):
        assert services.give_up(actor=LINE, payment_id=str(payment.pk), reason="Declined").state == "failed"
    assert services.confirm(actor=LINE, payment_id=str(payment.pk), taken=taken()).state == "paid"


def stop(reference: str) -> None:
    with acting(SET_UP, "Test"):
        account = AccountHolder.objects.get(reference=reference)
        account.stop_reason = StopReason.objects.first()
        account.save()


def test_money_taken_for_an_account_stopped_meanwhile_goes_to_suspense(line: World):
    payment = announce()
    stop(line.council_tax_account)
    paid = services.confirm(actor=LINE, payment_id=str(payment.pk), taken=taken())
    assert "on stop" in paid.why_suspense
    entry = Entry.objects.get()
    assert (entry.fund_id, entry.amount) == ("1", Decimal("120.50"))
    assert "on stop" in SuspenseItem.objects.get().reason


def test_a_week_of_outage_is_caught_up_and_told_again(line: World):
    week = [
        {
            "call": f"w{day}-{number}",
            "bills": [bill(amount=f"{number + 1}.00")],
            "taken": taken(f"a{day}-{number}", days=day),
        }
        for day in range(7)
        for number in range(3)
    ]
    for _ in range(2):
        for one in week:
            assert services.catch_up(actor=LINE, **one).state == "paid"
    assert Posting.objects.count() == len(week)
    days = set(Entry.objects.values_list("received_on", flat=True))
    assert len(days) == 7
    assert Entry.objects.filter(received_on=date.today() - timedelta(days=6)).count() in (3, 6)


def test_catching_up_after_it_was_announced_or_confirmed_posts_once(line: World):
    payment = announce()
    services.catch_up(actor=LINE, call="c1", bills=[bill()], taken=taken())
    services.confirm(actor=LINE, payment_id=str(payment.pk), taken=taken())
    assert Posting.objects.count() == CallPayment.objects.count() == 1


def test_catching_up_keeps_money_whose_bill_is_wrong(line: World):
    paid = services.catch_up(actor=LINE, call="c9", bills=[bill(reference="700123453")], taken=taken(hours=30))
    assert paid.state == "paid"
    assert Entry.objects.get().fund_id == "1"
    assert "700123453" in Entry.objects.get().narrative


def test_spaces_in_a_reference_do_not_send_money_to_suspense(line: World):
    services.catch_up(actor=LINE, call="c9", bills=[bill(reference="700 123 452")], taken=taken())
    assert Entry.objects.get().account_reference == "700123452"


@pytest.mark.parametrize(
    ("ago", "said"), [({"days": 40}, "more than 31 days ago"), ({"minutes": -30}, "still to come")]
)
def test_days_that_cannot_be_are_refused(line: World, ago: dict, said: str):
    payment = announce()
    for act in (
        lambda: services.confirm(actor=LINE, payment_id=str(payment.pk), taken=taken(**ago)),
        lambda: services.catch_up(actor=LINE, call="c1", bills=[bill()], taken=taken(**ago)),
    ):
        with pytest.raises(TelephoneRefusal, match=said):
            act()


def test_a_day_in_a_closed_period_is_received_then_and_accounted_today(line: World):
    day = date.today() - timedelta(days=10)
    with acting(SET_UP, "Test"):
        whole = AccountingPeriod.objects.get(starts_on__lte=day, ends_on__gte=day)
        end = whole.ends_on
        whole.ends_on, whole.is_open = day, False
        whole.save()
        AccountingPeriod.objects.create(name="rest", starts_on=day + timedelta(days=1), ends_on=end)
    services.catch_up(actor=LINE, call="c1", bills=[bill()], taken=taken(days=10))
    entry = Entry.objects.get()
    assert (entry.received_on, entry.accounting_date) == (day, date.today())


def test_lines_do_not_see_each_other(line: World):
    payment = announce()
    assert announce("c1", actor=OTHER_LINE).pk != payment.pk
    with pytest.raises(NotFound):
        services.confirm(actor=OTHER_LINE, payment_id=str(payment.pk), taken=taken())


def test_nobody_else_tells_of_calls(line: World):
    nobody = Actor(kind="api", identifier="9", name="API: Nobody")
    payment = announce()
    for act in (
        lambda: announce("c2", actor=nobody),
        lambda: services.confirm(actor=nobody, payment_id=str(payment.pk), taken=taken()),
        lambda: services.give_up(actor=nobody, payment_id=str(payment.pk), reason="x"),
        lambda: services.catch_up(actor=nobody, call="c", bills=[bill()], taken=taken()),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_a_line_for_some_funds_deals_with_no_others(line: World):
    narrow = Actor(kind="api", identifier="7", name="API: Rents", permissions=PERMISSIONS, funds=frozenset({"5"}))
    with pytest.raises(TelephoneRefusal):
        announce("c1", actor=narrow)


@pytest.mark.django_db(transaction=True)
def test_many_confirming_at_once_post_once(world_committed: World):
    set_up()
    payment, words = announce(), taken()

    def confirm(number: int) -> None:
        try:
            if number % 2:
                services.confirm(actor=LINE, payment_id=str(payment.pk), taken=words)
            else:
                services.catch_up(actor=LINE, call="c1", bills=[bill()], taken=words)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(confirm, range(6)))
    assert Posting.objects.count() == 1


def test_rules_about_days():
    assert rules.accounting_date(date(2026, 1, 1), period_is_open=True, today=date(2026, 2, 1)) == date(2026, 1, 1)
    assert rules.accounting_date(date(2026, 1, 1), period_is_open=False, today=date(2026, 2, 1)) == date(2026, 2, 1)
    assert rules.accounting_date(date(2026, 3, 1), period_is_open=True, today=date(2026, 2, 1)) == date(2026, 2, 1)
