"""Payment links: looked at freely, opened by going on, paid once, and over when they are over."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from ims.common import clock
from ims.common.errors import NotAllowed, NotFound
from ims.correspondence.errors import CorrespondenceRefusal
from ims.correspondence.models import Message
from ims.correspondence.services.links import send_link
from ims.ledger.models import Posting
from ims.payments.models import Basket, PaymentLink
from ims.payments.services import NewLine, cancel_link, create_link, token_of
from ims.payments.services import Payer as Who
from tests.payments.conftest import Desk
from tests.portal.conftest import Payer
from tests.portal.test_paying import text
from tests.support.world import person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def link(paying_desk: Desk) -> PaymentLink:
    world = paying_desk.world
    return create_link(
        actor=paying_desk.staff,
        lines=[NewLine(fund="23", amount=Decimal("75.00"), account_reference=world.council_tax_account)],
        payer=Who(name="Ada Moss", email="ada@example.org"),
        message="As agreed on the telephone.",
    )


def test_a_link_is_looked_at_opened_and_paid_once(payer: Payer, link: PaymentLink):
    page = payer.get(f"link/{token_of(link)}/")
    assert "As agreed on the telephone." in text(page)
    assert "£75.00" in text(page)
    link.refresh_from_db()
    assert link.state == PaymentLink.State.READY, "looking changes nothing"
    assert payer.post(f"link/{token_of(link)}/")["Location"] == "/pay/details/"
    link.refresh_from_db()
    assert link.state == PaymentLink.State.OPENED
    result = payer.pays(email="ada@example.org")
    assert "Payment received" in text(payer.get(result))
    assert payer.get(f"link/{token_of(link)}/")["Location"] == f"/pay/{result}"
    assert payer.post(f"link/{token_of(link)}/")["Location"] == f"/pay/{result}"
    assert Posting.objects.count() == 1


def test_the_payer_can_neither_add_nor_take_out(payer: Payer, link: PaymentLink):
    payer.post(f"link/{token_of(link)}/")
    page = text(payer.get("basket/"))
    assert "Add another bill" not in page
    assert "Take out" not in page
    payer.post("basket/remove/", line="1")
    assert link.basket.lines.count() == 1
    payer.bill("rent", payer.world.rents_account, "5.00")
    assert payer.basket.pk != link.basket_id
    assert link.basket.lines.count() == 1


def test_links_that_are_over_say_so(payer: Payer, link: PaymentLink, paying_desk: Desk):
    token = token_of(link)
    Basket.objects.update(expires_at=clock.now() - timedelta(hours=1))
    PaymentLink.objects.update(expires_at=clock.now() - timedelta(hours=1))
    assert "This link has expired." in text(payer.get(f"link/{token}/"))
    assert "This link has expired." in text(payer.post(f"link/{token}/"))
    Basket.objects.update(expires_at=clock.now() + timedelta(hours=1))
    PaymentLink.objects.update(expires_at=clock.now() + timedelta(hours=1))
    cancel_link(actor=paying_desk.staff, link_id=link.pk, reason="Made twice")
    assert "This link was cancelled." in text(payer.get(f"link/{token}/"))


def test_a_link_that_is_not_ours_opens_nothing(payer: Payer, link: PaymentLink):
    token = token_of(link)
    for wrong in (token[:-1] + ("0" if token[-1] != "0" else "1"), f"{link.pk}-x", "x", "9" * 30):
        assert Client().get(f"/pay/link/{wrong}/").status_code == 404


def test_a_link_is_sent_in_the_councils_words(link: PaymentLink, paying_desk: Desk):
    address = f"https://pay.example.gov.uk/pay/link/{token_of(link)}/"
    message = send_link(actor=paying_desk.staff, link_id=link.pk, address=address)
    assert (message.to, message.purpose, message.channel) == ("ada@example.org", "link", "email")
    for part in ("As agreed on the telephone.", "Council Tax, 700123452: £75.00", address, "Total: £75.00"):
        assert part in message.body
    link.refresh_from_db()
    assert link.state == PaymentLink.State.SENT
    assert send_link(actor=paying_desk.staff, link_id=link.pk, address=address).pk != message.pk
    assert Message.objects.count() == 2


def test_nobody_else_sends_links_nor_those_that_are_over(link: PaymentLink, paying_desk: Desk):
    with pytest.raises(NotAllowed):
        send_link(actor=person("Nobody"), link_id=link.pk, address="x")
    with pytest.raises(NotFound):
        send_link(actor=person("Housing", "payments.send_link", funds=frozenset({"5"})), link_id=link.pk, address="x")
    cancel_link(actor=paying_desk.staff, link_id=link.pk, reason="Made twice")
    with pytest.raises(CorrespondenceRefusal, match="over"):
        send_link(actor=paying_desk.staff, link_id=link.pk, address="x")
