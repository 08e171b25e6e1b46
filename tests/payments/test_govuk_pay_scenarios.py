"""What can happen to a GOV.UK Pay payment, over real HTTP: our own services, a stateful double that is the payer and
the provider, and Prism between the two, so that every request and answer is held against the public contract.
"""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import requests
from django.db import connection

from ims.audit.actors import acting
from ims.common import clock
from ims.jobs.worker import run_worker
from ims.ledger.models import Entry, Posting
from ims.payments import gateways, reading, refundable, refunding
from ims.payments.actors import CARD_DESK
from ims.payments.dealings import cancel_payment, refresh
from ims.payments.errors import AlreadyPaid, PaymentRefusal, ProviderDown
from ims.payments.following import read_again_what_is_due
from ims.payments.models import (
    Basket,
    Dispute,
    PaymentAttempt,
    PaymentException,
    PaymentService,
    Payout,
    ProviderNotification,
    Refund,
    ServiceHealth,
    Watch,
)
from ims.payments.services import request_refund
from ims.payments.transit import in_transit
from ims.providers.govuk_pay import GovUkPay
from ims.suspense.models import SuspenseItem
from tests.payments.doubles.govuk_pay import Fault, GovUkPayDouble
from tests.payments.prism import judge
from tests.support.limits import set_limit
from tests.support.world import SET_UP

WITHOUT_JUDGE = judge.missing()


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The double and the address of the judge before it; the double itself where Node is not to be had."""
    double = GovUkPayDouble(webhook_secret="first secret")
    if WITHOUT_JUDGE:
        print(WITHOUT_JUDGE)
        yield double, double.url
    else:
        with judge.between(double.url, tmp_path_factory.mktemp("prism")) as address:
            yield double, address
    double.stop()


@pytest.fixture
def pay(judged, desk_committed, settings, monkeypatch):
    """The small world with its service at the double, through the judge."""
    double, address = judged
    double.webhook_url, double.search_lags, double.created_at = "", False, None
    double.faults.clear()
    for books in (double.payments, double.refunds, double.disputes):
        books.clear()
    keys = {"pay-key": "api_test_main", "main-signing": "first secret", "main-signing-next": "second secret"}
    settings.NAMED_SECRET = lambda name: keys.get(name, "")
    service = desk_committed.service
    service.provider, service.base_url, service.key_name = "govuk_pay", address, "pay-key"
    with acting(SET_UP, "Test set-up"):
        service.save()
    desk_committed.double = double
    # Time-outs are real, and short.
    monkeypatch.setattr(
        gateways, "GovUkPay", lambda *, key, base_url: GovUkPay(key=key, base_url=base_url, read_seconds=3)
    )
    return desk_committed


def due_now() -> None:
    Watch.objects.update(due_at=clock.now() - timedelta(seconds=1))
    ServiceHealth.objects.update(retry_at=None)


def poll() -> None:
    due_now()
    read_again_what_is_due(per_second=1000)


def made_long_ago(attempt: PaymentAttempt, **ago) -> None:
    """As if the attempt had been asked for some time ago."""
    with acting(SET_UP, "Time passes"):
        attempt.refresh_from_db()
        attempt.asked_at -= timedelta(**ago)
        attempt.save()


def paid(pay, *amounts: str) -> PaymentAttempt:
    started = pay.start(pay.basket(*amounts))
    pay.double.pay(started.attempt.provider_id)
    return refresh(actor=pay.public, attempt_id=started.attempt.pk)


def ledger_total() -> Decimal:
    return sum((entry.amount for entry in Entry.objects.all()), Decimal(0))


# --- the payer's ways ------------------------------------------------------------------------------------------------


def test_the_payer_pays_on_the_card_page_and_comes_back(pay):
    started = pay.start(pay.basket("145.00"))
    back = requests.post(started.next_step.url, data={"outcome": "success"}, allow_redirects=False, timeout=5)
    assert back.headers["Location"].endswith(started.attempt.return_token)
    attempt = refresh(actor=pay.public, attempt_id=started.attempt.pk)
    assert (attempt.state, attempt.card_last_four, ledger_total()) == ("paid", "4242", Decimal("145.00"))
    stored = json.dumps([move.said for move in attempt.moves.all()])
    assert "Briain" not in stored
    assert "/secure/" not in stored


def test_the_return_address_with_nothing_paid_posts_nothing(pay):
    started = pay.start(pay.basket())
    attempt = refresh(actor=pay.public, attempt_id=started.attempt.pk)
    assert not attempt.is_paid
    assert Posting.objects.count() == 0
    token = attempt.return_token
    assert len(token) >= 32
    assert attempt.reference not in token
    assert attempt.provider_id not in token


def test_the_return_page_believes_the_payment_and_not_the_search(pay):
    pay.double.search_lags = True
    attempt = paid(pay)
    assert attempt.state == "paid"
    reading.compare(actor=CARD_DESK, service=pay.service)
    attempt.refresh_from_db()
    assert attempt.state == "paid", "what lags undoes nothing"


def test_the_back_button_meets_the_same_payment_with_a_fresh_address(pay):
    basket = pay.basket()
    first, second = pay.start(basket), pay.start(basket)
    assert first.attempt.pk == second.attempt.pk
    assert first.next_step.url != second.next_step.url
    assert len(pay.double.payments) == 1


def test_two_tabs_both_confirm_and_it_is_paid_once(pay):
    basket = pay.basket()
    first, second = pay.start(basket), pay.start(basket)
    for tab in (first, second):
        requests.post(tab.next_step.url, data={"outcome": "success"}, allow_redirects=False, timeout=5)
    refresh(actor=pay.public, attempt_id=first.attempt.pk)
    with pytest.raises(AlreadyPaid):
        pay.start(basket)
    assert Posting.objects.count() == 1


def test_the_same_bill_in_two_baskets_is_posted_twice_and_told(pay):
    paid(pay, "145.00")
    paid(pay, "145.00")
    assert ledger_total() == Decimal("290.00")
    assert PaymentException.objects.get().kind == "may_be_duplicate"


def test_an_old_payment_that_succeeds_after_another_did_is_safe_in_suspense(pay):
    """An error corrected at the provider, after the payer has paid again."""
    basket = pay.basket("145.00")
    first = pay.start(basket)
    pay.double.pay(first.attempt.provider_id, "error", "P0050")
    refresh(actor=pay.public, attempt_id=first.attempt.pk)
    second = pay.start(basket)
    pay.double.pay(second.attempt.provider_id)
    refresh(actor=pay.public, attempt_id=second.attempt.pk)
    pay.double.pay(first.attempt.provider_id)
    assert refresh(actor=CARD_DESK, attempt_id=first.attempt.pk).state == "paid"
    assert PaymentException.objects.get().kind == "duplicate"
    assert SuspenseItem.objects.get().remaining == Decimal("145.00")


def test_the_payer_who_closes_the_browser_is_booked_once_by_the_poller(pay):
    started = pay.start(pay.basket())
    pay.double.pay(started.attempt.provider_id)
    poll()
    poll()
    assert Posting.objects.count() == 1


def test_expiry_after_ninety_minutes_closes_the_attempt_and_opens_the_basket(pay):
    basket = pay.basket()
    started = pay.start(basket)
    made_long_ago(started.attempt, minutes=95)
    poll()
    assert PaymentAttempt.objects.get().state == "open", "a sweep is no alarm clock: it is looked at again"
    pay.double.expire(started.attempt.provider_id)
    poll()
    attempt = PaymentAttempt.objects.get()
    assert (attempt.state, attempt.provider_code) == ("expired", "P0020")
    assert not Watch.objects.exists()
    again = pay.start(basket)
    assert again.attempt.reference.endswith("-2")


def test_a_payment_that_never_finishes_is_told_once(pay):
    started = pay.start(pay.basket())
    made_long_ago(started.attempt, hours=7)
    poll()
    poll()
    assert PaymentException.objects.get().kind == "stuck"


@pytest.mark.parametrize("outcome", ["failed P0010", "failed P0030", "cancelled P0040", "error P0050"])
def test_every_failure_leaves_nothing_posted_and_the_basket_open(pay, outcome):
    basket = pay.basket()
    started = pay.start(basket)
    status, code = outcome.split()
    pay.double.pay(started.attempt.provider_id, status, code)
    assert refresh(actor=pay.public, attempt_id=started.attempt.pk).provider_code == code
    basket.refresh_from_db()
    assert (basket.state, Posting.objects.count()) == ("open", 0)


def test_a_state_nobody_knows_keeps_the_payment_open_and_is_told(pay):
    started = pay.start(pay.basket())
    # Told past the judge, whose contract has no such state either.
    with acting(SET_UP, "Past the judge"):
        PaymentService.objects.get().history.count()
        pay.service.base_url = pay.double.url
        pay.service.save()
    pay.double.payments[started.attempt.provider_id]["state"] = {"status": "teleported", "finished": False}
    attempt = refresh(actor=pay.public, attempt_id=started.attempt.pk)
    assert attempt.state == "open"
    assert PaymentException.objects.get().kind == "unknown_state"
    pay.double.pay(started.attempt.provider_id)
    assert refresh(actor=pay.public, attempt_id=started.attempt.pk).state == "paid"


def test_cancel_races_with_confirm(pay):
    started = pay.start(pay.basket())
    pay.double.pay(started.attempt.provider_id)
    assert cancel_payment(actor=pay.public, attempt_id=started.attempt.pk).state == "paid"


def test_success_that_becomes_an_error_is_reversed_with_a_reason_and_told(pay):
    attempt = paid(pay)
    pay.double.payments[attempt.provider_id]["state"] = {"status": "error", "finished": True, "code": "P0050"}
    poll()
    attempt.refresh_from_db()
    assert (attempt.state, ledger_total()) == ("undone", Decimal(0))
    assert "P0050" in attempt.posting.reversed_by.reason
    assert PaymentException.objects.get().kind == "undone"


def test_a_surcharge_is_posted_beside_what_was_asked(pay):
    started = pay.start(pay.basket("100.00"))
    payment = pay.double.payments[started.attempt.provider_id]
    payment |= {"corporate_card_surcharge": 250, "total_amount": 10250}
    pay.double.pay(started.attempt.provider_id)
    attempt = refresh(actor=pay.public, attempt_id=started.attempt.pk)
    assert [(entry.fund_id, entry.amount) for entry in attempt.posting.entries.order_by("line")] == [
        (pay.world.council_tax, Decimal("100.00")),
        ("CF", Decimal("2.50")),
    ]
    assert refunding.available(actor=pay.staff, attempt_id=attempt.pk) == Decimal("102.50")


def test_a_wallet_payment_has_no_card_details_to_speak_of(pay):
    started = pay.start(pay.basket())
    pay.double.pay(started.attempt.provider_id)
    details = pay.double.payments[started.attempt.provider_id]["card_details"]
    details |= dict.fromkeys(details) | {"wallet_type": "Apple Pay", "last_digits_card_number": ""}
    attempt = refresh(actor=pay.public, attempt_id=started.attempt.pk)
    assert (attempt.state, attempt.wallet, attempt.card_last_four) == ("paid", "Apple Pay", "")


def test_the_day_of_a_payment_late_on_a_summer_evening_is_the_councils(pay):
    started = pay.start(pay.basket())
    pay.double.pay(started.attempt.provider_id)
    late = datetime(2026, 3, 29, 23, 30, tzinfo=UTC)
    pay.double.payments[started.attempt.provider_id]["settlement_summary"] = {
        "capture_submit_time": late.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    }
    refresh(actor=pay.public, attempt_id=started.attempt.pk)
    entry = Entry.objects.get()
    assert (entry.received_on, entry.accounting_date) == (date(2026, 3, 30), date(2026, 3, 30))


def test_fund_names_with_odd_characters_do_not_stop_a_payment(pay):
    from ims.funds.models import Fund

    with acting(SET_UP, "Odd name"):
        fund = Fund.objects.get(code=pay.world.council_tax)
        fund.display_name = "Rates <2026> | “arrears” \\ more"
        fund.save()
    started = pay.start(pay.basket())
    assert "<" not in pay.double.payments[started.attempt.provider_id]["description"]


# --- notifications ---------------------------------------------------------------------------------------------------


@pytest.fixture
def notified(pay, live_server):
    pay.double.webhook_url = f"{live_server.url}/notifications/{pay.service.code}"
    yield pay
    pay.double.webhook_url = ""


def work() -> None:
    run_worker(wait=False, concurrency=1, queues=["work"])


def test_a_notification_comes_before_the_payer(notified):
    started = notified.start(notified.basket())
    notified.double.pay(started.attempt.provider_id)
    work()
    attempt = PaymentAttempt.objects.get()
    assert attempt.state == "paid"
    assert attempt.moves.last().heard_by == "notification"
    refresh(actor=notified.public, attempt_id=attempt.pk)
    assert Posting.objects.count() == 1


def test_notifications_doubled_reordered_and_in_other_words_book_once(notified):
    started = notified.start(notified.basket())
    payment_id = started.attempt.provider_id
    notified.double.pay(payment_id)
    for event in ("card_payment_captured", "card_payment_succeeded", "card_payment_started", "card_payment_succeeded"):
        assert notified.double.send_webhook(payment_id, event, message_id=f"m-{event}") == 204
    assert ProviderNotification.objects.filter(message_id="m-card_payment_succeeded").count() == 1
    work()
    assert Posting.objects.count() == 1


def test_both_secrets_hold_while_they_are_changed_and_no_third(notified):
    started = notified.start(notified.basket())
    send = notified.double.send_webhook
    assert send(started.attempt.provider_id, "card_payment_started", secret="second secret") == 204
    assert send(started.attempt.provider_id, "card_payment_started", secret="third secret") == 400
    assert ProviderNotification.objects.count() == 1


def test_a_forged_notification_is_thrown_away(notified):
    notified.start(notified.basket())
    for headers in ({}, {"Pay-Signature": "0" * 64}, {"Pay-Signature": "\xe9"}):
        answer = requests.post(notified.double.webhook_url, data=b"{}", headers=headers, timeout=5)
        assert answer.status_code == 400
    assert requests.get(notified.double.webhook_url, timeout=5).status_code == 405
    assert requests.post(notified.double.webhook_url + "-not", data=b"{}", timeout=5).status_code == 404
    assert ProviderNotification.objects.count() == 0


def test_a_notification_cannot_say_that_something_was_paid(notified):
    """Signed, of the right payment, and a lie (or a stale snapshot): only the payment itself is believed."""
    started = notified.start(notified.basket())
    notified.double.send_webhook(started.attempt.provider_id, "card_payment_succeeded")
    work()
    assert PaymentAttempt.objects.get().state == "open"


def test_nothing_personal_of_a_notification_is_kept(notified):
    started = notified.start(notified.basket())
    notified.double.pay(started.attempt.provider_id)
    kept = json.dumps(list(ProviderNotification.objects.values("said", "event", "payment_id")))
    assert "Briain" not in kept
    assert "4242" not in kept


# --- a provider that fails -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["429", "500", "503", "drop_before", "hang"])
def test_a_creation_without_an_answer_takes_nothing_and_can_be_tried_again(pay, what):
    basket = pay.basket()
    pay.double.faults.append(Fault("POST", "/v1/payments", what))
    with pytest.raises(ProviderDown, match="No money was taken"):
        pay.start(basket)
    lost = PaymentAttempt.objects.get()
    assert lost.state == "new"
    assert ServiceHealth.objects.get().failures == 1
    made_long_ago(lost, minutes=1)
    started = pay.start(basket)
    assert started.attempt.number == 2
    lost.refresh_from_db()
    assert lost.state == "never_made"
    assert ServiceHealth.objects.get().failures == 0


def test_a_creation_that_happened_though_nobody_heard_is_found_by_its_reference(pay):
    basket = pay.basket()
    pay.double.faults.append(Fault("POST", "/v1/payments", "drop_after"))
    with pytest.raises(ProviderDown):
        pay.start(basket)
    lost = PaymentAttempt.objects.get()
    made_long_ago(lost, minutes=1)
    started = pay.start(basket)
    assert (started.attempt.pk, len(pay.double.payments)) == (lost.pk, 1)
    pay.double.pay(started.attempt.provider_id)
    assert refresh(actor=pay.public, attempt_id=lost.pk).state == "paid"


def test_the_provider_down_while_polling_loses_nothing_and_is_left_alone(pay):
    started = pay.start(pay.basket())
    pay.double.pay(started.attempt.provider_id)
    for _ in range(3):
        pay.double.faults.append(Fault("GET", "/v1/payments/", "503"))
        poll()
    health = ServiceHealth.objects.get()
    assert health.failures == 3
    assert health.retry_at > clock.now() + timedelta(seconds=20)
    asked = len(pay.double.asked)
    Watch.objects.update(due_at=clock.now() - timedelta(seconds=1))
    assert read_again_what_is_due(per_second=1000) == 0
    assert len(pay.double.asked) == asked, "left alone until its time"
    poll()
    assert PaymentAttempt.objects.get().state == "paid"
    assert ServiceHealth.objects.get().failing_since is None


def test_a_provider_that_refuses_says_so_and_the_basket_stays_open(pay):
    with acting(SET_UP, "A wrong key"):
        pay.service.key_name = "not-there"
        pay.service.save()
    basket = pay.basket()
    with pytest.raises(PaymentRefusal, match="did not accept"):
        pay.start(basket)
    basket.refresh_from_db()
    assert (basket.state, PaymentAttempt.objects.get().state) == ("open", "error")
    assert "not-there" in ServiceHealth.objects.get().last_error


def test_a_key_of_another_service_is_told_and_concludes_nothing(pay):
    started = pay.start(pay.basket())
    pay.double.payments[started.attempt.provider_id]["account"] = "another"
    attempt = refresh(actor=CARD_DESK, attempt_id=started.attempt.pk)
    assert attempt.state == "open"
    assert "another account" in PaymentException.objects.get().message


def test_what_cannot_be_posted_anywhere_is_held_and_posts_by_itself_later(pay):
    from ims.ledger.models import AccountingPeriod

    started = pay.start(pay.basket())
    pay.double.pay(started.attempt.provider_id)
    with acting(SET_UP, "All closed"):
        for period in AccountingPeriod.objects.all():
            period.is_open = False
            period.save()
    attempt = refresh(actor=pay.public, attempt_id=started.attempt.pk)
    assert (attempt.state, attempt.posting, attempt.is_paid) == ("held", None, True)
    assert PaymentException.objects.get().kind == "held"
    with pytest.raises(AlreadyPaid):
        pay.start(Basket.objects.get())
    with acting(SET_UP, "All open"):
        for period in AccountingPeriod.objects.all():
            period.is_open = True
            period.save()
    poll()
    assert PaymentAttempt.objects.get().state == "paid"
    assert ledger_total() == Decimal("145.00")


# --- what happens elsewhere ------------------------------------------------------------------------------------------


def test_a_payment_taken_outside_ims_is_found_and_safe_in_suspense(pay):
    client = gateways.provider_for(pay.service)
    from ims.providers.card import PaymentRequest

    made = client.create(
        PaymentRequest(amount=4200, reference="LINK-77", description="Payment link", return_url="https://x.gov.uk/r")
    )
    reading.compare(actor=CARD_DESK, service=pay.service)
    assert PaymentAttempt.objects.count() == 0, "nobody has paid it yet"
    pay.double.pay(made.payment_id)
    reading.compare(actor=CARD_DESK, service=pay.service)
    reading.compare(actor=CARD_DESK, service=pay.service)
    entry = Entry.objects.get()
    assert (entry.fund_id, entry.amount) == (pay.world.suspense, Decimal("42.00"))
    assert "LINK-77" in entry.narrative
    assert PaymentException.objects.get().kind == "not_ours"


# --- refunds ---------------------------------------------------------------------------------------------------------


def ask_refund(pay, attempt, *amounts: str, seen: str | None = None, available: str | None = None, actor=None):
    lines = refundable.lines_of(attempt)
    unclaimed = sum(line.refundable for line in lines)
    return request_refund(
        actor=actor or pay.staff,
        attempt_id=attempt.pk,
        amounts={line.entry.pk: Decimal(amount) for line, amount in zip(lines, amounts, strict=False)},
        reason="Paid in error",
        unclaimed_seen=Decimal(seen) if seen else unclaimed,
        available_seen=Decimal(available) if available else refunding.available(actor=pay.staff, attempt_id=attempt.pk),
    )


@pytest.fixture
def alone(db):
    """Whoever asks may refund £50 alone."""

    def allow():
        set_limit("payments.refund", alone="50", approved=None)

    return allow


def test_a_refund_is_on_its_way_first_and_posted_when_confirmed(pay, alone):
    alone()
    attempt = paid(pay, "145.00", "20.00")
    refund = ask_refund(pay, attempt, "30.00")
    assert ledger_total() == Decimal("165.00")
    work()
    refund.refresh_from_db()
    assert refund.state == "submitted", "on its way is not failed"
    pay.double.end_refund(refund.provider_refund_id, "success")
    poll()
    refund.refresh_from_db()
    assert refund.state == "succeeded"
    [line] = refund.posting.entries.all()
    assert (line.amount, line.corrects.account_reference) == (Decimal("-30.00"), pay.world.council_tax_account)
    assert line.method_of_payment_id == pay.world.card
    poll()
    assert ledger_total() == Decimal("135.00")


def test_a_second_click_and_a_second_officer_refund_nothing_more(pay, alone):
    alone()
    attempt = paid(pay, "100.00")
    ask_refund(pay, attempt, "40.00", seen="100.00", available="100.00")
    from ims.common.errors import Conflict

    with pytest.raises(Conflict, match="clicked twice"):
        ask_refund(pay, attempt, "40.00", seen="100.00", available="100.00")
    assert Refund.objects.count() == 1


def test_the_provider_refuses_when_somebody_refunded_elsewhere(pay, alone):
    alone()
    attempt = paid(pay, "100.00")
    refund = ask_refund(pay, attempt, "40.00", available="100.00")
    pay.double.refund_outside(attempt.provider_id, 7000)
    work()
    refund.refresh_from_db()
    assert refund.state == "failed"
    assert "has changed" in refund.failure
    assert PaymentException.objects.get(kind="refund_failed").amount == Decimal("40.00")
    assert len(pay.double.refunds) == 1


def test_a_refund_without_an_answer_is_made_once(pay, alone):
    alone()
    attempt = paid(pay, "100.00")
    refund = ask_refund(pay, attempt, "40.00")
    pay.double.faults.append(Fault("POST", f"/v1/payments/{attempt.provider_id}/refunds", "drop_after"))
    work()
    refund.refresh_from_db()
    assert refund.state == "sending"
    poll()
    refund.refresh_from_db()
    assert refund.state == "submitted"
    assert len(pay.double.refunds) == 1


def test_a_refund_that_never_arrived_is_told_and_can_be_asked_again(pay, alone):
    alone()
    attempt = paid(pay, "100.00")
    refund = ask_refund(pay, attempt, "40.00")
    pay.double.faults.append(Fault("POST", f"/v1/payments/{attempt.provider_id}/refunds", "drop_before"))
    work()
    poll()
    refund.refresh_from_db()
    assert refund.state == "sending", "a list may lag: nothing is concluded yet"
    with acting(SET_UP, "Time passes"):
        refund.sent_at -= timedelta(minutes=11)
        refund.save()
    poll()
    refund.refresh_from_db()
    assert refund.state == "failed"
    again = ask_refund(pay, attempt, "40.00")
    work()
    again.refresh_from_db()
    assert (again.state, len(pay.double.refunds)) == ("submitted", 1)


def test_a_refund_that_fails_at_the_bank_reopens_its_money(pay, alone):
    alone()
    attempt = paid(pay, "100.00")
    refund = ask_refund(pay, attempt, "40.00")
    work()
    refund.refresh_from_db()
    pay.double.end_refund(refund.provider_refund_id, "error")
    poll()
    refund.refresh_from_db()
    assert (refund.state, ledger_total()) == ("failed", Decimal("100.00"))
    assert PaymentException.objects.get().kind == "refund_failed"
    assert refundable.lines_of(attempt)[0].refundable == Decimal("100.00")


def test_more_than_the_limit_needs_a_second_person(pay, alone):
    from ims.approvals.errors import ApprovalNeeded

    alone()
    attempt = paid(pay, "100.00")
    with pytest.raises(ApprovalNeeded) as needed:
        ask_refund(pay, attempt, "60.00")
    assert needed.value.kind == "payments.refund"
    assert Refund.objects.count() == 0
    ask_refund(pay, attempt, "40.00")
    with pytest.raises(ApprovalNeeded, match=r"this is £60\.00"):  # nor in steps, each below it
        ask_refund(pay, attempt, "20.00")
    assert ask_refund(pay, attempt, "10.00").approval_id is None


def test_refunds_at_once_never_claim_more_than_remains(pay, alone):
    alone()
    attempt = paid(pay, "60.00")
    outcomes = []

    def ask():
        try:
            outcomes.append(str(ask_refund(pay, attempt, "40.00", seen="60.00", available="60.00")))
        except Exception as error:
            outcomes.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[:3] == ["Conflict"] * 3
    assert Refund.objects.count() == 1


def test_the_database_itself_holds_refunds_to_what_remains(pay, alone):
    from django.db import IntegrityError, transaction

    from ims.payments.models import RefundLine

    alone()
    attempt = paid(pay, "60.00")
    ask_refund(pay, attempt, "40.00")
    line = refundable.lines_of(attempt)[0]
    with (
        pytest.raises(IntegrityError, match=r"of which 60\.00 remains"),
        transaction.atomic(),
        acting(SET_UP, "By hand"),
    ):
        refund = Refund.objects.create(
            attempt=attempt,
            number=2,
            amount=30,
            reason="x",
            requested_kind="person",
            requested_id="x",
            requested_name="x",
        )
        RefundLine.objects.create(refund=refund, entry=line.entry, amount=30)


@pytest.mark.parametrize(
    ("amounts", "reason_given", "word"),
    [(["0.00"], True, "above £0.00"), (["-1"], True, "above"), (["1.005"], True, "pence"), (["500"], True, "can be")],
)
def test_what_cannot_be_refunded_is_refused_in_words(pay, alone, amounts, reason_given, word):
    alone()
    attempt = paid(pay, "100.00")
    with pytest.raises(PaymentRefusal, match=word):
        ask_refund(pay, attempt, *amounts)


def test_a_refund_made_in_the_providers_pages_is_taken_in(pay):
    attempt = paid(pay, "100.00")
    refund_id = pay.double.refund_outside(attempt.provider_id, 2500)
    reading.compare(actor=CARD_DESK, service=pay.service)
    refund = Refund.objects.get()
    assert (refund.is_ours, refund.state) == (False, "submitted")
    pay.double.end_refund(refund_id, "success")
    poll()
    reading.compare(actor=CARD_DESK, service=pay.service)
    assert ledger_total() == Decimal("75.00")
    assert PaymentException.objects.get().kind == "refund_not_ours"


def test_refunding_what_was_moved_since_stays_right_in_the_ledger(pay, alone):
    from ims.ledger import services as ledger
    from ims.ledger.lines import Line

    alone()
    attempt = paid(pay, "100.00")
    refund = ask_refund(pay, attempt, "40.00")
    work()
    refund.refresh_from_db()
    entry = attempt.posting.entries.get()
    ledger.post_journal(
        actor=SET_UP,
        entry_id=entry.pk,
        targets=[
            Line(
                fund=pay.world.council_tax,
                amount=Decimal("100.00"),
                account_reference=pay.world.other_council_tax_account,
            )
        ],
        reason="Wrong account",
        key="j1",
    )
    pay.double.end_refund(refund.provider_refund_id, "success")
    poll()
    refund.refresh_from_db()
    assert refund.state == "succeeded"
    assert ledger_total() == Decimal("60.00")
    assert SuspenseItem.objects.get().remaining == Decimal("-40.00")
    assert PaymentException.objects.get().kind == "refund_not_posted"


# --- disputes --------------------------------------------------------------------------------------------------------


def test_a_dispute_arrives_with_its_deadline_and_is_taken_out_when_lost(pay, alone):
    alone()
    attempt = paid(pay, "145.00", "20.00")
    dispute_id = pay.double.dispute(attempt.provider_id)
    reading.compare(actor=CARD_DESK, service=pay.service)
    dispute = Dispute.objects.get()
    assert (dispute.state, dispute.attempt_id) == ("needs_response", attempt.pk)
    assert dispute.respond_by > clock.today()
    assert ledger_total() == Decimal("165.00")
    with pytest.raises(PaymentRefusal, match="disputes"):
        ask_refund(pay, attempt, "10.00", available="165.00")
    pay.double.decide(dispute_id, "lost")
    reading.compare(actor=CARD_DESK, service=pay.service)
    reading.compare(actor=CARD_DESK, service=pay.service)
    dispute.refresh_from_db()
    assert (dispute.state, dispute.fee) == ("lost", Decimal("15.00"))
    assert ledger_total() == Decimal(0)


def test_a_dispute_that_is_won_changes_nothing(pay):
    attempt = paid(pay, "145.00")
    dispute_id = pay.double.dispute(attempt.provider_id)
    reading.compare(actor=CARD_DESK, service=pay.service)
    pay.double.decide(dispute_id, "won")
    reading.compare(actor=CARD_DESK, service=pay.service)
    assert Dispute.objects.get().state == "won"
    assert ledger_total() == Decimal("145.00")


# --- settlement ------------------------------------------------------------------------------------------------------


def test_payouts_fees_and_the_banks_credit_come_out_even(pay, alone):
    from ims.ledger import services as ledger
    from ims.ledger.lines import Line
    from ims.payments.services.settlement import match_payout, match_payouts

    alone()
    first, second = paid(pay, "100.00"), paid(pay, "50.00")
    refund = ask_refund(pay, second, "20.00")
    work()
    refund.refresh_from_db()
    pay.double.end_refund(refund.provider_refund_id, "success")
    poll()
    assert in_transit().not_paid_out == Decimal("130.00")
    yesterday = clock.today() - timedelta(days=1)
    pay.double.settle(yesterday)
    assert len(reading.read_payouts(actor=CARD_DESK, service=pay.service)) == 1
    assert reading.read_payouts(actor=CARD_DESK, service=pay.service) == []
    payout = Payout.objects.get()
    fees = Decimal("1.40") + Decimal("0.80")
    assert (payout.gross, payout.fees, payout.net) == (Decimal("130.00"), fees, Decimal("130.00") - fees)
    first.refresh_from_db()
    assert first.state == "settled"
    assert in_transit().not_paid_out == 0
    assert in_transit().not_in_bank == payout.net

    def bank(amount, key):
        return ledger.post_receipts(
            actor=SET_UP,
            lines=[
                Line(
                    fund="CC",
                    amount=amount,
                    method_of_payment=pay.world.bank_credit,
                    narrative="PRACTICE PAY PAYOUT",
                    received_on=clock.today(),
                )
            ],
            source_kind="test",
            source_key=key,
        ).posting.entries.get()

    wrong = bank(payout.net - 1, "wrong")
    assert match_payouts(actor=CARD_DESK) == 0
    with pytest.raises(PaymentRefusal, match="differ"):
        match_payout(actor=CARD_DESK, payout_ids=[payout.pk], entry_id=wrong.pk)
    right = bank(payout.net, "right")
    assert match_payouts(actor=CARD_DESK) == 1
    payout.refresh_from_db()
    assert payout.bank_entry_id == right.pk
    assert in_transit().total == 0
    clearing = sum(entry.amount for entry in Entry.objects.filter(fund="CC").exclude(pk=wrong.pk))
    cards = sum(entry.amount for entry in Entry.objects.filter(method_of_payment=pay.world.card))
    assert clearing == cards == Decimal("130.00"), "what the bank and the fees cleared is what cards brought"


def test_what_is_settled_later_on_the_same_day_is_a_second_payout(pay):
    yesterday = clock.today() - timedelta(days=1)
    paid(pay, "100.00")
    pay.double.settle(yesterday)
    reading.read_payouts(actor=CARD_DESK, service=pay.service)
    paid(pay, "30.00")
    pay.double.settle(yesterday)
    reading.read_payouts(actor=CARD_DESK, service=pay.service)
    assert [payout.key for payout in Payout.objects.order_by("id")] == [
        yesterday.isoformat(),
        f"{yesterday.isoformat()}/2",
    ]


def test_a_page_of_todays_payouts_waits_for_the_day_to_be_over(pay):
    paid(pay, "100.00")
    pay.double.settle(clock.today())
    assert reading.read_payouts(actor=CARD_DESK, service=pay.service) == []
