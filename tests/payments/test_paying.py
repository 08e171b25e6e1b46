"""A basket paid with the practice provider, from its first line to its receipt."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from ims.audit.models import Event
from ims.common import clock
from ims.common.errors import NotAllowed, NotFound
from ims.ledger.models import Entry, Posting
from ims.payments import dealings, following
from ims.payments.actors import CARD_DESK
from ims.payments.dealings import cancel_payment, refresh
from ims.payments.errors import AlreadyPaid, PaymentRefusal
from ims.payments.following import read_again_what_is_due
from ims.payments.models import Basket, BasketLine, PaymentAttempt, PaymentException, Watch
from ims.payments.services import NewLine, Payer, add_line, copy_basket, open_basket, remove_line, set_payer
from ims.payments.services.attempts import hear
from ims.suspense.models import SuspenseItem
from tests.support.world import person


def test_a_basket_is_paid_and_posted_once(desk):
    basket = desk.basket("145.00", "20.50")
    started = desk.start(basket)
    assert started.next_step.url
    assert started.attempt.state == "open"
    desk.choose(started)

    attempt = refresh(actor=desk.public, attempt_id=started.attempt.pk)

    assert attempt.state == "paid"
    entries = list(Entry.objects.filter(posting=attempt.posting).order_by("line"))
    assert [(entry.account_reference, entry.amount) for entry in entries] == [
        (desk.world.council_tax_account, Decimal("145.00")),
        (desk.world.other_council_tax_account, Decimal("20.50")),
    ]
    assert {entry.method_of_payment_id for entry in entries} == {desk.world.card}
    assert {entry.source_reference for entry in entries} == {attempt.provider_id}
    assert attempt.posting.actor_name == "Card payments"
    basket.refresh_from_db()
    assert basket.state == "paid"
    for _ in range(3):
        refresh(actor=desk.public, attempt_id=attempt.pk)
    assert Posting.objects.count() == 1
    assert Event.objects.filter(verb="payment_made").count() == 1
    assert [move.after for move in attempt.moves.all()] == ["new", "open", "paid"]


@pytest.mark.parametrize(("outcome", "state"), [("decline", "declined"), ("cancel", "cancelled"), ("error", "error")])
def test_what_was_not_paid_can_be_tried_again_with_a_new_reference(desk, outcome, state):
    basket = desk.basket()
    first = desk.start(basket)
    desk.choose(first, outcome)
    assert refresh(actor=desk.public, attempt_id=first.attempt.pk).state == state
    assert Posting.objects.count() == 0

    second = desk.start(basket)

    assert second.attempt.reference == f"{basket.reference}-2"
    assert second.attempt.provider_id != PaymentAttempt.objects.get(pk=first.attempt.pk).provider_id
    desk.choose(second)
    assert refresh(actor=desk.public, attempt_id=second.attempt.pk).state == "paid"
    assert [attempt.number for attempt in basket.attempts.order_by("number")] == [1, 2]


def test_a_second_tab_meets_the_same_payment(desk):
    basket = desk.basket()
    first, second = desk.start(basket), desk.start(basket)
    assert first.attempt.pk == second.attempt.pk
    assert PaymentAttempt.objects.count() == 1


def test_what_is_paid_is_not_paid_again(desk):
    basket = desk.basket()
    desk.choose(desk.start(basket))
    with pytest.raises(AlreadyPaid):
        desk.start(basket)
    assert Posting.objects.count() == 1, "starting again read the payment, which is paid"
    with pytest.raises(AlreadyPaid):
        desk.start(basket)


def test_the_payer_who_closed_the_browser_is_found_by_the_poller(desk, monkeypatch):
    started = desk.start(desk.basket())
    desk.choose(started)
    Watch.objects.update(due_at=clock.now() - timedelta(seconds=1))
    assert read_again_what_is_due(per_second=1000) == 1
    assert PaymentAttempt.objects.get().state == "paid"
    assert Posting.objects.count() == 1


def test_another_amount_is_safe_in_suspense_and_told(desk):
    started = desk.start(desk.basket("145.00"))
    desk.choose(started)
    seen = desk.provider.fetch(started.attempt.provider_id)
    attempt = hear(
        actor=CARD_DESK, attempt_id=started.attempt.pk, seen=replace(seen, amount=1450, total=1450), heard_by="poll"
    )

    assert attempt.state == "paid"
    entry = Entry.objects.get()
    assert (entry.fund_id, entry.amount) == (desk.world.suspense, Decimal("14.50"))
    assert SuspenseItem.objects.get().entry_id == entry.pk
    exception = PaymentException.objects.get()
    assert exception.kind == "amount_differs"
    assert "£145.00 was asked" in exception.message
    assert "£14.50 was paid" in exception.message


def test_a_success_that_becomes_an_error_is_reversed(desk):
    attempt = desk.paid("145.00")
    desk.provider.fail_after_success(attempt.provider_id)
    attempt = refresh(actor=CARD_DESK, attempt_id=attempt.pk, heard_by="poll")
    assert attempt.state == "undone"
    assert sum(entry.amount for entry in Entry.objects.all()) == 0
    assert attempt.posting.reversed_by.reason
    assert PaymentException.objects.get().kind == "undone"
    basket = Basket.objects.get()
    assert basket.state == "open", "what is still owed can be paid again"
    second = desk.start(basket)
    desk.choose(second)
    assert refresh(actor=desk.public, attempt_id=second.attempt.pk).state == "paid"


def test_lines_obey_the_rules_of_every_line(desk):
    world = desk.world
    cases = [
        (NewLine(fund=world.council_tax, amount=Decimal("10"), account_reference="700123451"), "700123451"),
        (NewLine(fund=world.council_tax, amount=Decimal("10"), account_reference=world.stopped_account), "on stop"),
        (
            NewLine(fund=world.council_tax, amount=Decimal("1.005"), account_reference=world.council_tax_account),
            "pence",
        ),
        (NewLine(fund=world.council_tax, amount=Decimal("0"), account_reference=world.council_tax_account), "£0.00"),
        (NewLine(fund=world.council_tax, amount=Decimal("-5"), account_reference=world.council_tax_account), "less"),
        (NewLine(fund=world.parking, amount=Decimal("5"), account_reference="BJ0000010A"), "Parking"),
        (NewLine(fund="ZZ", amount=Decimal("5")), "no fund"),
    ]
    for line, word in cases:
        with pytest.raises(PaymentRefusal, match=word):
            open_basket(actor=desk.public, channel="online", lines=[line])
    assert Basket.objects.count() == 0


def test_the_public_pays_only_what_is_offered_online(desk):
    line = NewLine(fund=desk.world.miscellaneous, amount=Decimal("5"), account_reference="ABC")
    with pytest.raises(PaymentRefusal, match="cannot be paid online"):
        open_basket(actor=desk.public, channel="online", lines=[line])
    assert open_basket(actor=desk.staff, channel="counter", lines=[line]).total == Decimal("5")


def test_the_same_reference_twice_and_an_eleventh_line_are_refused(desk):
    basket = desk.basket()
    again = NewLine(fund=desk.world.council_tax, amount=Decimal("1"), account_reference=desk.world.council_tax_account)
    with pytest.raises(PaymentRefusal, match="in the basket already"):
        add_line(actor=desk.public, basket_id=basket.pk, line=again)
    many = [
        NewLine(fund=desk.world.building_control, amount=Decimal("1"), account_reference=f"BC{number}")
        for number in range(11)
    ]
    with pytest.raises(PaymentRefusal, match="10 lines"):
        open_basket(actor=desk.public, channel="online", lines=many)
    assert open_basket(actor=desk.public, channel="online", lines=many[:10]).lines.count() == 10


def test_lines_come_and_go_until_a_payment_is_started(desk):
    basket = desk.basket()
    line = NewLine(fund=desk.world.rents, amount=Decimal("9.50"), account_reference=desk.world.rents_account)
    added = add_line(actor=desk.public, basket_id=basket.pk, line=line)
    assert added.reference == f"{basket.reference}_2"
    remove_line(actor=desk.public, basket_id=basket.pk, line=1)
    assert basket.total == Decimal("9.50")
    desk.start(basket)
    with pytest.raises(PaymentRefusal, match="lines stay"):
        add_line(actor=desk.public, basket_id=basket.pk, line=line)
    with pytest.raises(IntegrityError), transaction.atomic():
        BasketLine.objects.create(basket=basket, line=9, fund_id="5", amount=1, vat_code_id="N0")
    with pytest.raises(IntegrityError), transaction.atomic():
        line = basket.lines.get()
        line.amount = 1
        line.save()
    copy = copy_basket(actor=desk.public, basket_id=basket.pk)
    assert copy.total == Decimal("9.50")
    remove_line(actor=desk.public, basket_id=copy.pk, line=1)


def test_an_address_is_asked_for_where_a_fund_wants_it(desk):
    from ims.audit.actors import acting
    from ims.funds.models import Fund

    with acting(CARD_DESK, "test"):
        fund = Fund.objects.get(code=desk.world.building_control)
        fund.address_is_collected = True
        fund.save()
    line = NewLine(fund=fund.code, amount=Decimal("50"), account_reference="BC1")
    basket = open_basket(actor=desk.public, channel="online", lines=[line])
    with pytest.raises(PaymentRefusal, match="address"):
        desk.start(basket)
    payer = Payer(name="Ada Moss", address="1 High Street\nBarnsley", postcode="S70 2DR")
    set_payer(actor=desk.public, basket_id=basket.pk, payer=payer)
    assert desk.start(basket).next_step


def test_an_expired_basket_is_not_paid(desk):
    basket = desk.basket(stays_open=timedelta(seconds=-1))
    with pytest.raises(PaymentRefusal, match="expired"):
        desk.start(basket)


def test_nobody_pays_without_leave_or_outside_their_funds(desk):
    with pytest.raises(NotAllowed):
        desk.basket(actor=person("Nobody"))
    narrow = person("Rents", "payments.take_payment", funds=frozenset({desk.world.rents}))
    with pytest.raises(PaymentRefusal, match="no fund"):
        desk.basket(actor=narrow, channel="telephone")
    basket = desk.basket(channel="telephone", actor=desk.staff)
    with pytest.raises(NotFound):
        desk.start(basket, actor=narrow)
    with pytest.raises(NotAllowed):
        refresh(actor=person("Nobody"), attempt_id=desk.start(basket, actor=desk.staff).attempt.pk)


def test_cancelling_loses_against_a_payer_who_was_quicker(desk):
    started = desk.start(desk.basket())
    desk.choose(started)
    attempt = cancel_payment(actor=desk.public, attempt_id=started.attempt.pk)
    assert attempt.state == "paid"
    assert Posting.objects.count() == 1


def test_a_payment_not_yet_begun_is_cancelled(desk):
    started = desk.start(desk.basket())
    assert cancel_payment(actor=desk.public, attempt_id=started.attempt.pk).state == "cancelled"
    with pytest.raises(PaymentRefusal):
        cancel_payment(actor=desk.public, attempt_id=started.attempt.pk)


def test_talk_never_lies_inside_a_transaction(desk_committed):
    basket = desk_committed.basket()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        desk_committed.start(basket)


def test_return_poller_and_notification_at_once_post_once(desk_committed):
    desk = desk_committed
    started = desk.start(desk.basket())
    desk.choose(started)
    errors = []

    def look(heard_by):
        try:
            refresh(actor=CARD_DESK, attempt_id=started.attempt.pk, heard_by=heard_by)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=look, args=[who]) for who in ("return", "poll", "notification") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Posting.objects.count() == 1
    assert PaymentAttempt.objects.get().moves.filter(after="paid").count() == 1


def test_a_double_click_asks_the_provider_once(desk_committed):
    desk = desk_committed
    basket = desk.basket()
    results = []

    def click():
        try:
            results.append(desk.start(basket))
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert PaymentAttempt.objects.count() == 1
    assert len(list(desk.provider.search(dealings.Search()))) == 1


def test_one_that_cannot_be_read_does_not_keep_the_others_from_being_read(desk, monkeypatch):
    first, second = desk.start(desk.basket()), desk.start(desk.basket("9.00"))
    for started in (first, second):
        desk.choose(started)
    Watch.objects.update(due_at=clock.now() - timedelta(seconds=1))
    real = following.refresh

    def poisoned(*, attempt_id, **options):
        if attempt_id == first.attempt.pk:
            raise ValueError("nobody expected this")
        return real(attempt_id=attempt_id, **options)

    monkeypatch.setattr(following, "refresh", poisoned)
    assert read_again_what_is_due(per_second=1000) == 2
    assert PaymentAttempt.objects.get(pk=second.attempt.pk).state == "paid"
    assert Watch.objects.filter(subject_id=first.attempt.pk).exists(), "it is looked at again later"


def test_every_state_has_its_moves_and_every_word_of_a_provider_its_state():
    from ims.payments import states
    from ims.providers.card import Status

    assert set(states.MOVES) == set(states.State)
    assert set(states.OF_PROVIDER) == set(Status)
    assert {*states.UNFINISHED, *states.TAKEN, *states.NOT_PAID, states.State.UNDONE} == set(states.State)
    for before, afters in states.MOVES.items():
        assert before not in afters
        if before in states.POSTED:
            assert not set(afters) & set(states.NOT_PAID), "what was posted is undone, never merely forgotten"


def test_payments_of_two_services_cannot_be_paid_together(desk):
    from ims.audit.actors import acting
    from ims.payments.models import PaymentRoute, PaymentService

    with acting(CARD_DESK, "test"):
        rents = PaymentService.objects.create(code="rents", name="Rents account", provider="stub")
        PaymentRoute.objects.create(
            channel="online", fund_id=desk.world.rents, service=rents, method_of_payment_id=desk.world.card
        )
    rent = NewLine(fund=desk.world.rents, amount=Decimal("20"), account_reference=desk.world.rents_account)
    alone = open_basket(actor=desk.public, channel="online", lines=[rent])
    assert desk.start(alone).attempt.service_id == rents.pk, "the attempt keeps which service it was made with"
    with pytest.raises(PaymentRefusal, match="one after the other"):
        add_line(actor=desk.public, basket_id=desk.basket().pk, line=rent)
