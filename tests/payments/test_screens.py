"""The staff screens of card payments, each over HTTP with the rights of a role."""

from __future__ import annotations

import csv
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from ims.common import clock
from ims.payments import gateways, refundable
from ims.payments.actors import CARD_DESK
from ims.payments.dealings import refresh
from ims.payments.models import Basket, PaymentAttempt, PaymentException, PaymentLink, Payout, Refund
from ims.payments.reading import compare, read_payouts
from ims.payments.services import Payer, resolve_exception
from ims.payments.services.troubles import raise_exception
from tests.console.conftest import add_people, shows_details
from tests.support import limits


@pytest.fixture
def officer(desk) -> Client:
    return _as("Income officer")


@pytest.fixture
def manager(desk) -> Client:
    return _as("Income manager")


def _as(role: str) -> Client:
    client = Client()
    client.force_login(_people()[role])
    shows_details(client)
    return client


def _people():
    from ims.people.models import User

    if not User.objects.exists():
        add_people()
    return {user.groups.first().name: user for user in User.objects.all() if user.groups.exists()}


def lines(desk, *amounts: str) -> dict[str, str]:
    accounts = (desk.world.council_tax_account, desk.world.other_council_tax_account)
    data = {"line-TOTAL_FORMS": str(len(amounts)), "line-INITIAL_FORMS": "0"}
    for number, (amount, account) in enumerate(zip(amounts, accounts, strict=False)):
        data |= {
            f"line-{number}-fund": desk.world.council_tax,
            f"line-{number}-account_reference": account,
            f"line-{number}-amount": amount,
        }
    return data


def test_taking_a_payment_by_telephone_from_form_to_receipt(desk, officer):
    page = officer.get(reverse("payments:take"))
    assert "keyed on the provider’s page, never here" in page.content.decode()
    more = officer.post(reverse("payments:take"), {**lines(desk, "145.00"), "channel": "telephone", "step": "add"})
    assert more.content.decode().count("What is paid") == 2
    page = officer.post(
        reverse("payments:take"),
        {**lines(desk, "145.00", "20.50"), "channel": "telephone", "payer_name": "Ada Moss", "step": "go"},
    )
    attempt = PaymentAttempt.objects.get()
    assert attempt.basket.channel == "telephone"
    assert gateways.STUB_PAGE in page.content.decode()
    token = page.content.decode().split(gateways.STUB_PAGE)[1].split('"')[0]
    card = officer.get(gateways.STUB_PAGE + token)
    assert "No money moves here" in card.content.decode()
    back = Client().post(gateways.STUB_PAGE + token, {"outcome": "pay"})
    assert back.status_code == 302
    shown = officer.get(back.url, follow=True).content.decode()
    assert "£165.50 was paid" in shown
    assert "CRD-000001/1" in shown
    assert "ending 4242" in shown


def test_mistakes_are_shown_beside_the_form_and_nothing_is_kept(desk, officer):
    page = officer.post(
        reverse("payments:take"), {**lines(desk, "0"), "channel": "counter", "step": "go"}
    ).content.decode()
    assert "£0.00" in page
    bad = {**lines(desk, "10"), "line-0-account_reference": "nonsense", "channel": "counter", "step": "go"}
    assert "There is a problem" in officer.post(reverse("payments:take"), bad).content.decode()
    empty = {"line-TOTAL_FORMS": "1", "line-INITIAL_FORMS": "0", "channel": "counter", "step": "go"}
    assert "empty" in officer.post(reverse("payments:take"), empty).content.decode()
    assert PaymentAttempt.objects.count() == 0


def test_a_link_is_made_looked_at_and_cancelled(desk, officer):
    sent = {**lines(desk, "80.00"), "channel": "link", "email": "ada@example.org", "lasts": "3", "step": "go"}
    page = officer.post(reverse("payments:take"), sent, follow=True).content.decode()
    assert "Payment link over £80.00" in page
    link = PaymentLink.objects.get()
    assert "ada@example.org" in officer.get(reverse("payments:links")).content.decode()
    cancelled = officer.post(reverse("payments:cancel_link", args=[link.pk]), {"reason": "Wrong"}, follow=True)
    assert "was cancelled" in cancelled.content.decode()


def test_finding_payments(desk, officer):
    attempt = desk.paid("145.00")
    other = desk.start(desk.basket("9.99")).attempt
    found = officer.get(reverse("payments:index"), {"q": attempt.reference}).content.decode()
    assert attempt.reference in found
    assert other.reference not in found
    by_account = officer.get(reverse("payments:index"), {"q": desk.world.council_tax_account[:6]}).content.decode()
    assert attempt.reference in by_account
    unfinished = officer.get(reverse("payments:index"), {"state": "unfinished"}).content.decode()
    assert other.reference in unfinished
    assert attempt.reference not in unfinished
    assert "No payment meets" in officer.get(reverse("payments:index"), {"q": "ZZZ"}).content.decode()
    assert officer.get(reverse("payments:index"), {"before": "nonsense"}).status_code == 200


def test_looking_again_and_cancelling(desk, officer):
    started = desk.start(desk.basket(channel="telephone", actor=desk.staff), actor=desk.staff)
    url = reverse("payments:payment", args=[started.attempt.pk])
    page = officer.get(url).content.decode()
    assert "Cancel the payment" in page
    assert "Go on with the payment" in page
    again = officer.post(reverse("payments:go_on", args=[started.attempt.pk])).content.decode()
    assert gateways.STUB_PAGE in again
    cancelled = officer.post(reverse("payments:cancel", args=[started.attempt.pk]), follow=True).content.decode()
    assert "Try again" in cancelled
    desk.choose(started := desk.start(started.attempt.basket, actor=desk.staff))
    looked = officer.post(reverse("payments:look", args=[started.attempt.pk]), follow=True).content.decode()
    assert "paid." in looked


def test_a_refund_through_form_plan_and_approval(desk, officer):
    from ims.approvals.models import Request

    limits.as_installed()
    attempt = desk.paid("145.00")
    url = reverse("payments:refund", args=[attempt.pk])
    form = officer.get(url).content.decode()
    assert "can be refunded" in form
    assert 'value="145.00"' in form
    [line] = refundable.lines_of(attempt)
    data = {
        f"line_{line.entry.pk}": "145.00",
        "reason": "Paid twice",
        "unclaimed_seen": "145.00",
        "available_seen": "145.00",
        "key": "k1",
    }
    plan = officer.post(url, {**data, "step": "plan"}).content.decode()
    assert "Check before refunding" in plan
    assert Refund.objects.count() == 0
    asked = officer.post(url, {**data, "step": "confirm"}, follow=True).content.decode()
    assert "was asked for" in asked
    request = Request.objects.get()
    assert request.summary == f"Refund £145.00 of card payment {attempt.reference}"
    from ims.approvals import services as approvals
    from ims.people.selectors import actor_for

    approvals.approve(actor=actor_for(_people()["Finance"]), request_id=request.pk)
    refund = Refund.objects.get()
    assert (refund.state, refund.approval_id) == ("approved", request.pk)
    nothing = officer.post(url, {**data, f"line_{line.entry.pk}": "", "step": "plan"}).content.decode()
    assert "at least one line" in nothing


def test_the_queue_of_exceptions_is_worked(desk, officer):
    attempt = desk.paid()
    found = raise_exception(
        actor=CARD_DESK, kind="stuck", key="x", service=desk.service, attempt=attempt, message="Look at it."
    )
    page = officer.get(reverse("payments:exceptions")).content.decode()
    assert "Look at it." in page
    assert "exception" in officer.get("/").content.decode()
    url = reverse("payments:resolve", args=[found.pk])
    assert "required" in officer.post(url, {"reason": ""}).content.decode()
    done = officer.post(url, {"reason": "Rang the payer"}, follow=True).content.decode()
    assert "Rang the payer" in done
    assert PaymentException.objects.get().resolved_by
    from ims.payments.errors import PaymentRefusal

    with pytest.raises(PaymentRefusal, match="already"):
        resolve_exception(actor=desk.staff, exception_id=found.pk, resolution="Again")


def test_disputes_and_payouts_on_screen(desk, officer, manager):
    from datetime import timedelta

    attempt = desk.paid("100.00")
    desk.provider.raise_dispute(attempt.provider_id, respond_by=clock.today() + timedelta(days=5))
    other = desk.paid("30.00")
    desk.provider.settle(clock.today() - timedelta(days=1))
    compare(actor=CARD_DESK, service=desk.service)
    read_payouts(actor=CARD_DESK, service=desk.service)
    page = officer.get(reverse("payments:disputes")).content.decode()
    assert "5 days left" in page
    assert "must be answered" in officer.get("/").content.decode()
    offered = [reverse("payments:refund", args=[each.pk]) for each in (attempt, other)]
    pages = [manager.get(reverse("payments:payment", args=[each.pk])).content.decode() for each in (attempt, other)]
    assert [link in page for link, page in zip(offered, pages, strict=True)] == [False, True]
    from ims.payments.models import Dispute

    noted = officer.post(
        reverse("payments:note", args=[Dispute.objects.get().pk]), {"reason": "Sent the bill"}, follow=True
    )
    assert "Sent the bill" in noted.content.decode()
    payout = Payout.objects.get()
    assert str(payout) in officer.get(reverse("payments:payouts")).content.decode()
    shown = officer.get(reverse("payments:payout", args=[payout.pk])).content.decode()
    assert other.reference in shown
    assert "No credit on the clearing fund" in shown


def test_services_say_what_is_wrong_with_them(desk, manager):
    from ims.audit.actors import acting
    from tests.support.world import SET_UP

    page = manager.get(reverse("payments:services")).content.decode()
    assert "Main account" in page
    assert "/notifications/main" in page
    with acting(SET_UP, "Real"):
        desk.service.provider, desk.service.key_name = "govuk_pay", "no-such-key"
        desk.service.save()
    assert "no-such-key” is not to be found" in manager.get(reverse("payments:services")).content.decode()


def test_practice_is_refused_where_it_is_switched_off(desk, settings):
    from ims.payments import checks
    from ims.payments.errors import PaymentRefusal

    settings.PRACTICE_PROVIDER_BOOKS = None
    with pytest.raises(PaymentRefusal, match="not allowed here"):
        desk.start(desk.basket())
    found = list(checks.verify())
    assert [finding.severity for finding in found if finding.check == "payments.service"] == ["error"]


def test_who_may_not_look_sees_nothing(desk):
    attempt = desk.paid()
    nobody = Client()
    assert nobody.get(reverse("payments:payment", args=[attempt.pk])).status_code == 302
    desk_person = _as("Service desk")
    assert desk_person.post(reverse("payments:cancel", args=[attempt.pk])).status_code == 403
    assert desk_person.get(reverse("payments:take")).status_code == 403


def test_a_practice_page_left_open_pays_nothing(desk):
    started = desk.start(desk.basket())
    url = started.next_step.url
    assert Client().post(url, {"outcome": "nonsense"}).status_code == 409
    desk.choose(started)
    assert Client().post(url, {"outcome": "pay"}).status_code == 409
    assert Client().get("/practice-card/nonsense").status_code == 404


def test_a_report_of_payouts_is_loaded_once(desk, officer):
    from django.core.files.uploadedfile import SimpleUploadedFile

    attempt = desk.paid("50.00")
    values = {
        "Reference": attempt.reference,
        "Amount": "50.00",
        "State": "Success",
        "Provider ID": attempt.gateway_id,
        "GOV.UK Payment ID": attempt.provider_id,
        "Date Created": "20 Nov 2026",
        "Time Created": "10:00:00",
        "Total Amount": "50.00",
        "Fee": "0.80",
        "Net": "49.20",
    }
    sample = (Path(__file__).parent / "contracts" / "payout-report-sample.csv").read_text(encoding="utf-8-sig")
    headings = next(csv.reader(StringIO(sample)))
    heading, row = ",".join(headings), ",".join(values.get(name, "") for name in headings)
    content = f"{heading}\r\n{row}\r\n".encode()
    for expected in (1, 1):
        upload = SimpleUploadedFile("payout.csv", content)
        data = {"service": "main", "settled_on": "20/11/2026", "report": upload}
        page = officer.post(reverse("payments:report"), data, follow=True)
        assert page.status_code == 200, page.content.decode()[:500]
        assert Payout.objects.count() == expected
    payout = Payout.objects.get()
    assert (payout.gross, payout.fees, payout.net) == (Decimal("50.00"), Decimal("0.80"), Decimal("49.20"))
    assert payout.lines.get().attempt_id == attempt.pk
    refresh(actor=CARD_DESK, attempt_id=attempt.pk)
    assert Basket.objects.get().state == "paid"


def test_a_receipt_goes_by_post_where_letters_are_carried(desk, officer):
    from ims.correspondence.models import CarrierAccount, Message

    attempt = desk.paid("50.00", payer=Payer(name="Ada Moss", address="1 High Street\nBarchester", postcode="S70 2DR"))
    page = reverse("payments:payment", args=[attempt.pk])
    assert "by post" not in officer.get(page).content.decode()
    CarrierAccount.objects.create(channel="letter", kind="practice")
    assert "Send the receipt by post" in officer.get(page).content.decode()
    url = reverse("payments:letter", args=[attempt.pk])
    form = officer.get(url).content.decode()
    assert "Each letter costs" in form
    assert "Ada Moss\n1 High Street\nBarchester\nS70 2DR</textarea>" in form
    data = {"address": "Ada Moss\r\nBarchester", "reason": "Asked for on paper", "key": "k"}
    assert "has 2 lines" in officer.post(url, data).content.decode()
    data["address"] = "Ada Moss\r\n1 High Street\r\nBarchester\r\nS70 2DR"
    for _ in range(2):
        sent = officer.post(url, data, follow=True).content.decode()
        assert "The letter is on its way to S70 •••." in sent
    assert "Receipt by letter to S70 •••" in sent
    assert Message.objects.filter(channel="letter").count() == 1
