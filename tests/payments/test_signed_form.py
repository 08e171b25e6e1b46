"""The second, differently shaped provider, over real HTTP: the same services, the same promises."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
import requests

from ims.audit.actors import acting
from ims.jobs.worker import run_worker
from ims.ledger.models import Entry, Posting
from ims.payments import dealings, gateways
from ims.payments.actors import CARD_DESK
from ims.payments.dealings import refresh
from ims.payments.errors import AlreadyPaid
from ims.payments.models import PaymentAttempt, PaymentException, ProviderNotification
from ims.providers.card import Forged, Misconfigured, Nonsense, PaymentRequest
from ims.providers.signed_form import SignedForm, sign
from tests.payments.doubles.signed_form import SignedFormDouble, signature_of
from tests.support.world import SET_UP


@pytest.fixture
def gateway():
    double = SignedFormDouble()
    yield double
    double.stop()


@pytest.fixture
def pay(gateway, desk_committed, settings):
    keys = {"gateway-key": "shared key", "main-signing": "", "main-signing-next": "next key"}
    settings.NAMED_SECRET = lambda name: keys.get(name, "")
    service = desk_committed.service
    service.provider, service.base_url, service.account = "signed_form", gateway.url, "council"
    service.key_name = "gateway-key"
    with acting(SET_UP, "Test set-up"):
        service.save()
    desk_committed.double = gateway
    return desk_committed


def test_a_payment_by_a_signed_form(pay):
    started = pay.start(pay.basket("145.00"))
    assert started.next_step.method == "POST"
    assert refresh(actor=pay.public, attempt_id=started.attempt.pk).state == "open"
    assert pay.double.pay(dict(started.next_step.fields)) == 200
    attempt = refresh(actor=pay.public, attempt_id=started.attempt.pk)
    assert (attempt.state, attempt.card_last_four, attempt.card_brand) == ("paid", "4444", "Mastercard")
    refresh(actor=CARD_DESK, attempt_id=attempt.pk, heard_by="poll")
    assert Posting.objects.count() == 1


def test_a_form_that_was_changed_on_the_way_is_refused_by_the_gateway(pay):
    started = pay.start(pay.basket("145.00"))
    assert pay.double.pay({**started.next_step.fields, "amount": "1"}) == 403


def test_another_amount_than_was_asked_is_safe_in_suspense(pay):
    started = pay.start(pay.basket("145.00"))
    pay.double.pay(dict(started.next_step.fields), amount_paid="1450")
    refresh(actor=pay.public, attempt_id=started.attempt.pk)
    assert PaymentException.objects.get().kind == "amount_differs"
    assert (Entry.objects.get().fund_id, Entry.objects.get().amount) == (pay.world.suspense, Decimal("14.50"))


def test_another_currency_is_held_and_told(pay):
    started = pay.start(pay.basket("145.00"))
    pay.double.pay(dict(started.next_step.fields), currency="EUR")
    assert refresh(actor=pay.public, attempt_id=started.attempt.pk).state == "held"
    assert "EUR" in PaymentException.objects.get().message


@pytest.mark.parametrize(
    ("decision", "state"),
    [("DECLINE", "declined"), ("CANCEL", "cancelled"), ("ERROR", "error"), ("REVIEW", "in_progress"), ("NEW!", "open")],
)
def test_every_decision(pay, decision, state):
    started = pay.start(pay.basket())
    pay.double.pay(dict(started.next_step.fields), decision)
    assert refresh(actor=pay.public, attempt_id=started.attempt.pk).state == state
    assert Posting.objects.count() == 0


def test_what_cannot_be_taken_up_again_is_cancelled_and_made_anew(pay):
    basket = pay.basket()
    first = pay.start(basket)
    second = pay.start(basket)
    assert second.attempt.number == 2
    assert PaymentAttempt.objects.get(number=1).state == "cancelled"
    assert pay.double.pay(dict(first.next_step.fields)) == 410, "the first tab pays nothing any more"
    assert pay.double.pay(dict(second.next_step.fields)) == 200
    with pytest.raises(AlreadyPaid):
        pay.start(basket)
    assert Posting.objects.count() == 1


def test_an_answer_that_is_not_signed_right_concludes_nothing(pay):
    started = pay.start(pay.basket())
    pay.double.lies = True
    attempt = refresh(actor=pay.public, attempt_id=started.attempt.pk)
    assert (attempt.state, Posting.objects.count()) == ("open", 0)


def test_what_nobody_posts_in_time_has_expired(pay, monkeypatch):
    started = pay.start(pay.basket())
    reference, _, expires = started.attempt.provider_id.rpartition(".")
    seen = gateways.provider_for(pay.service).fetch(f"{reference}.{int(expires) - 7200}")
    assert seen.status == "expired"


def test_signed_notifications_say_go_and_read(pay, live_server):
    pay.double.notify_url = f"{live_server.url}/notifications/{pay.service.code}"
    started = pay.start(pay.basket())
    pay.double.pay(dict(started.next_step.fields))
    run_worker(wait=False, concurrency=1, queues=["work"])
    assert PaymentAttempt.objects.get().state == "paid"
    reference = started.attempt.reference
    assert pay.double.notify(reference, key="next key") == 204
    assert pay.double.notify(reference, key="nobody's") == 400
    forged = {"merchant": "council", "merchant_data": started.attempt.provider_id, "decision": "ACCEPT"}
    assert requests.post(pay.double.notify_url, data=forged, timeout=5).status_code == 400
    assert ProviderNotification.objects.count() == 2
    assert Posting.objects.count() == 1


def test_refunds(pay):
    started = pay.start(pay.basket("100.00"))
    pay.double.pay(dict(started.next_step.fields))
    attempt = refresh(actor=pay.public, attempt_id=started.attempt.pk)
    client = gateways.provider_for(pay.service)
    made = client.refund(attempt.provider_id, amount=4000, available=10000, reference="R1")
    from ims.providers.card import AmountChanged

    with pytest.raises(AmountChanged):
        client.refund(attempt.provider_id, amount=4000, available=10000, reference="R2")
    assert [refund.refund_id for refund in client.refunds_of(attempt.provider_id)] == [made.refund_id]
    assert client.fetch_refund(attempt.provider_id, made.refund_id).status == "submitted"
    assert client.fetch(attempt.provider_id).refundable == 6000


def test_two_ideas_of_the_signature_agree_and_nothing_unsigned_is_believed():
    fields = {"a": "1", "b": "é, =&"}
    assert sign(fields, "k")["signature"] == signature_of(sign(fields, "k"), "k")
    client = SignedForm(merchant="council", key="k", base_url="http://127.0.0.1:1")
    body = sign({"merchant": "council", "reference": "r", "merchant_data": "r.1"}, "k")
    from urllib.parse import urlencode

    heard = client.parse_notification({}, urlencode({**body, "decision": "ACCEPT"}).encode(), secrets=[])
    assert heard.event == "", "what the signature does not cover is not believed"
    for broken in (b"", b"a=1", b"\xff", urlencode({**body, "signature": "!"}).encode()):
        with pytest.raises((Forged, Nonsense)):
            client.parse_notification({}, broken, secrets=["", "x"])
    with pytest.raises(Nonsense, match="twice"):
        client.parse_notification({}, b"merchant=a&merchant=b", secrets=[])
    with pytest.raises(Misconfigured):
        SignedForm(merchant="", key="k", base_url="https://x")
    assert replace(client.create(REQUEST), next_step=None).status == "created"


REQUEST = PaymentRequest(amount=100, reference="P-1", description="Tax", return_url="https://x.gov.uk/r")


def test_the_gateway_down_is_the_same_as_any_provider_down(pay):
    started = pay.start(pay.basket())
    pay.double.stop()
    assert refresh(actor=pay.public, attempt_id=started.attempt.pk).state == "open"
    assert dealings.provider_for(pay.service).abilities.lists is False
