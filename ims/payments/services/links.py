"""Payment links: made by staff, opened by one payer, good for one payment until they expire or are cancelled."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils.crypto import constant_time_compare, salted_hmac

from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import NotFound
from ims.common.identifiers import record_number
from ims.payments import checking, selectors
from ims.payments.checking import NewLine
from ims.payments.errors import AlreadyPaid, PaymentRefusal
from ims.payments.models import Basket, PaymentLink
from ims.payments.services import baskets
from ims.payments.services.baskets import Payer

SEND = "payments.send_link"
LASTS = timedelta(days=7)
LONGEST = timedelta(days=60)
LONGEST_MESSAGE = 500
OPEN = (PaymentLink.State.READY, PaymentLink.State.SENT, PaymentLink.State.OPENED)


@transaction.atomic
def create_link(
    *, actor: Actor, lines: Sequence[NewLine], payer: Payer, message: str = "", lasts: timedelta = LASTS
) -> PaymentLink:
    """Make a link to pay `lines`. Raises `PaymentRefusal` when they may not be paid, or nobody can be written to.

    It is not sent here: whoever sends it (by e-mail or text message) calls `mark_sent`.
    """
    authorise(actor, SEND, what="make payment links")
    if not payer.email.strip() and not payer.telephone.strip():
        raise PaymentRefusal("Give an e-mail address or a mobile number to send the link to.", code="nowhere_to_send")
    if not timedelta(0) < lasts <= LONGEST:
        raise PaymentRefusal(f"A link lasts up to {LONGEST.days} days.", code="lasts_too_long")
    if len(message) > LONGEST_MESSAGE:
        raise PaymentRefusal(f"The message may have {LONGEST_MESSAGE} characters.", code="long_message")
    basket = baskets.new_basket(actor, "link", payer, source="link", stays_open=lasts)
    goods = checking.checked(basket, lines, actor)
    checking.refuse_unpayable(basket, goods, ask_address=False)
    baskets.keep(basket, goods, actor)
    with acting(actor, "Made"):
        link = PaymentLink.objects.create(
            basket=basket,
            nonce=secrets.token_urlsafe(16),
            email=payer.email.strip(),
            telephone=payer.telephone.strip(),
            message=message.strip(),
            expires_at=basket.expires_at,
            actor_kind=actor.kind,
            actor_id=actor.identifier,
            actor_name=actor.name,
        )
    record("payment_link_made", actor=actor, subject=link, data={"amount": str(goods.total)})
    return link


def token_of(link: PaymentLink) -> str:
    """What names the link in its address: signed, so that it need not be kept and cannot be guessed."""
    return f"{link.pk}-{_signature(link.pk, link.nonce)}"


def _signature(key: int, nonce: str) -> str:
    return salted_hmac("ims.payments.link", f"{key}:{nonce}", algorithm="sha256").hexdigest()[:40]


def find_link(token: str) -> PaymentLink:
    """The link that `token` names. Raises `NotFound` for one that is not signed by us."""
    number, _, signature = token.partition("-")
    key = record_number(number)
    link = PaymentLink.objects.select_related("basket").filter(pk=key).first() if key is not None else None
    if link is None or not constant_time_compare(_signature(link.pk, link.nonce), signature):
        raise NotFound("This link is not complete. Copy the whole of it from the message.")
    return link


@transaction.atomic
def open_link(*, actor: Actor, token: str) -> PaymentLink:
    """The payer opened the link: its basket can be paid now. Opening it again is fine until it is paid.

    Raises `AlreadyPaid`, `PaymentRefusal` (expired, cancelled) or `NotFound`.
    """
    authorise(actor, "payments.pay_online", what="open payment links")
    link = _locked(find_link(token).pk)
    council = settings.COUNCIL_NAME
    if link.state == PaymentLink.State.PAID:
        raise AlreadyPaid("This has been paid. Nothing more is to be paid.")
    if link.state == PaymentLink.State.CANCELLED:
        raise PaymentRefusal(f"This link was cancelled. Ask {council} for a new one.", code="link_cancelled")
    under_way = selectors.unfinished_attempt(link.basket)
    if (link.state == PaymentLink.State.EXPIRED or link.expires_at <= clock.now()) and not under_way:
        raise PaymentRefusal(f"This link has expired. Ask {council} for a new one.", code="link_expired")
    if link.state != PaymentLink.State.OPENED:
        link.state, link.first_opened_at = PaymentLink.State.OPENED, link.first_opened_at or clock.now()
        with acting(actor, "Opened"):
            link.save()
        record("payment_link_opened", actor=actor, subject=link)
    return link


@transaction.atomic
def mark_sent(*, actor: Actor, link_id: int) -> PaymentLink:
    """Write down that the link was handed to whoever delivers it."""
    authorise(actor, SEND, what="send payment links")
    link = _locked(link_id)
    link.sent_at = clock.now()
    if link.state == PaymentLink.State.READY:
        link.state = PaymentLink.State.SENT
    with acting(actor, "Sent"):
        link.save()
    record("payment_link_sent", actor=actor, subject=link)
    return link


@transaction.atomic
def cancel_link(*, actor: Actor, link_id: int, reason: str) -> PaymentLink:
    """Make a link worthless. Raises `PaymentRefusal` while its payment is under way, or when it is over."""
    authorise(actor, SEND, what="cancel payment links")
    link = _locked(link_id)
    if not selectors.is_in_scope(actor, link.basket):
        raise NotFound("There is no such link, or it is not in your funds.")
    if not reason.strip():
        raise PaymentRefusal("Give a reason. The audit trail keeps it.", code="reason_missing")
    if link.state not in OPEN:
        raise PaymentRefusal(f"This link is over: {link.get_state_display().lower()}.", code="nothing_to_do")
    baskets.cancel_basket(actor=actor, basket_id=link.basket_id, reason=reason)
    _close(actor, link, PaymentLink.State.CANCELLED, reason)
    return link


@transaction.atomic
def expire(*, actor: Actor) -> int:
    """Close baskets and links whose time is over and that nobody is paying; the number closed."""
    authorise(actor, "payments.view_paymentattempt", what="close what has expired")
    closed = 0
    waiting = Basket.objects.filter(state__in=[Basket.State.OPEN, Basket.State.PAYING], expires_at__lte=clock.now())
    for basket in waiting.select_for_update(skip_locked=True)[:1000]:
        if selectors.unfinished_attempt(basket):
            continue
        basket.state = Basket.State.EXPIRED
        with acting(actor, "Expired"):
            basket.save()
        for link in PaymentLink.objects.filter(basket=basket, state__in=OPEN):
            _close(actor, link, PaymentLink.State.EXPIRED, "Expired")
        closed += 1
    return closed


def _close(actor: Actor, link: PaymentLink, state: str, reason: str) -> None:
    link.state, link.closed_at = state, clock.now()
    with acting(actor, reason):
        link.save()
    record(f"payment_link_{state}", actor=actor, subject=link, reason=reason)


def _locked(link_id: int) -> PaymentLink:
    link = PaymentLink.objects.select_for_update(of=("self",)).select_related("basket").filter(pk=link_id).first()
    if link is None:
        raise NotFound("There is no such link.")
    return link
