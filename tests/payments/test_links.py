"""Payment links: once, for a time, for one payer; cancelled for good."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from ims.audit.actors import acting
from ims.common import clock
from ims.common.errors import NotAllowed, NotFound
from ims.payments.actors import CARD_DESK, PUBLIC
from ims.payments.dealings import refresh
from ims.payments.errors import AlreadyPaid, PaymentRefusal
from ims.payments.models import Basket, PaymentLink
from ims.payments.services import NewLine, Payer, cancel_link, create_link, find_link, mark_sent, open_link, token_of
from ims.payments.services.links import expire
from tests.support.world import SET_UP, person


def made(desk, **options) -> PaymentLink:
    line = NewLine(
        fund=desk.world.council_tax, amount=Decimal("80.00"), account_reference=desk.world.council_tax_account
    )
    given = {"payer": Payer(name="Ada Moss", email="ada@example.org"), **options}
    return create_link(actor=desk.staff, lines=[line], **given)


def age(link: PaymentLink) -> None:
    with acting(SET_UP, "Time passes"):
        for record in (link, link.basket):
            record.expires_at = clock.now() - timedelta(minutes=1)
            record.save()


def test_a_link_is_opened_paid_and_works_no_more(desk):
    link = made(desk)
    token = token_of(link)
    mark_sent(actor=desk.staff, link_id=link.pk)
    assert open_link(actor=PUBLIC, token=token).state == "opened"
    assert open_link(actor=PUBLIC, token=token).first_opened_at
    started = desk.start(link.basket, actor=PUBLIC)
    desk.choose(started)
    assert refresh(actor=PUBLIC, attempt_id=started.attempt.pk).state == "paid"
    link.refresh_from_db()
    assert link.state == "paid"
    with pytest.raises(AlreadyPaid):
        open_link(actor=PUBLIC, token=token)
    assert [row.state for row in link.history.order_by("history_id")] == ["ready", "sent", "opened", "paid"]


@pytest.mark.parametrize("spoil", ["", "1", "x-y", "999999-", "-", "1-" + "0" * 40, "9" * 30 + "-a"])
def test_a_token_that_we_did_not_sign_opens_nothing(desk, spoil):
    made(desk)
    with pytest.raises(NotFound):
        open_link(actor=PUBLIC, token=spoil)


def test_the_token_is_not_kept_and_differs_for_each_link(desk):
    first, second = made(desk), made(desk)
    assert token_of(first).split("-")[1] != token_of(second).split("-")[1]
    assert token_of(first).split("-")[1] not in str(PaymentLink.objects.values())
    assert find_link(token_of(first)).pk == first.pk


def test_a_cancelled_link_and_an_expired_one_say_so(desk):
    link = made(desk)
    with pytest.raises(PaymentRefusal, match="reason"):
        cancel_link(actor=desk.staff, link_id=link.pk, reason=" ")
    cancel_link(actor=desk.staff, link_id=link.pk, reason="Wrong amount")
    with pytest.raises(PaymentRefusal, match="cancelled"):
        open_link(actor=PUBLIC, token=token_of(link))
    with pytest.raises(PaymentRefusal, match="over"):
        cancel_link(actor=desk.staff, link_id=link.pk, reason="Again")
    old = made(desk)
    age(old)
    with pytest.raises(PaymentRefusal, match="expired"):
        open_link(actor=PUBLIC, token=token_of(old))
    assert expire(actor=CARD_DESK) == 1
    old.refresh_from_db()
    assert old.state == "expired"
    assert Basket.objects.get(pk=old.basket_id).state == "expired"


def test_who_is_paying_while_it_expires_may_finish(desk):
    link = made(desk)
    started = desk.start(link.basket, actor=PUBLIC)
    link.basket.refresh_from_db()
    age(link)
    assert expire(actor=CARD_DESK) == 0
    with pytest.raises(PaymentRefusal, match="under way"):
        cancel_link(actor=desk.staff, link_id=link.pk, reason="Too late")
    desk.choose(started)
    assert refresh(actor=PUBLIC, attempt_id=started.attempt.pk).state == "paid"


def test_what_cannot_be_a_link_is_refused(desk):
    with pytest.raises(PaymentRefusal, match="e-mail address or a mobile"):
        made(desk, payer=Payer(name="Ada"))
    with pytest.raises(PaymentRefusal, match="60 days"):
        made(desk, lasts=timedelta(days=61))
    with pytest.raises(PaymentRefusal, match="500"):
        made(desk, message="x" * 501)
    with pytest.raises(NotAllowed):
        create_link(actor=person("Nobody"), lines=[], payer=Payer(email="a@b.c"))
    elsewhere = person("Rents", "payments.send_link", funds=frozenset({desk.world.rents}))
    with pytest.raises(NotFound):
        cancel_link(actor=elsewhere, link_id=made(desk).pk, reason="Not mine")
