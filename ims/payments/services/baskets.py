"""Filling a basket. Its lines obey the same rules as every other line that is posted."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.db import transaction

from ims.audit.actors import Actor, acting, authorise
from ims.audit.history import create_all
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import NotFound
from ims.ledger.preparation import FALLBACK_OFFICE
from ims.payments import selectors
from ims.payments.checking import Checked, NewLine, as_new, checked, lines_of
from ims.payments.errors import AlreadyPaid, PaymentRefusal
from ims.payments.models import Basket, BasketLine
from ims.payments.models.set_up import Channel

STAYS_OPEN = timedelta(hours=1)
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without characters that are taken for one another."""

NEEDED = {
    Channel.ONLINE: "payments.pay_online",
    Channel.LINK: "payments.send_link",
    Channel.TELEPHONE: "payments.take_payment",
    Channel.COUNTER: "payments.take_payment",
}


@dataclass(frozen=True, kw_only=True)
class Payer:
    """Who pays, as far as known. `address` is lines of text, one a line, without the postcode."""

    name: str = ""
    email: str = ""
    telephone: str = ""
    address: str = ""
    postcode: str = ""


@transaction.atomic
def open_basket(
    *,
    actor: Actor,
    channel: str,
    lines: Sequence[NewLine] = (),
    payer: Payer = Payer(),
    language: str = "en",
    source: str = "",
    source_key: str = "",
    stays_open: timedelta = STAYS_OPEN,
) -> Basket:
    """Begin a basket, with `lines` if they are known already.

    The same `source` and `source_key` again returns the basket made first. Raises `PaymentRefusal` with a sentence for
    every line that may not be paid; nothing is kept then.
    """
    _authorise_channel(actor, channel)
    if source_key and (earlier := Basket.objects.filter(source=source, source_key=source_key).first()):
        return earlier
    basket = new_basket(
        actor, channel, payer, language=language, source=source, source_key=source_key, stays_open=stays_open
    )
    keep(basket, checked(basket, lines, actor), actor)
    return basket


def _authorise_channel(actor: Actor, channel: str) -> None:
    authorise(actor, NEEDED[Channel(channel)], what="take card payments this way")


def new_basket(
    actor: Actor,
    channel: str,
    payer: Payer,
    *,
    source: str,
    language: str = "en",
    source_key: str = "",
    stays_open: timedelta = STAYS_OPEN,
) -> Basket:
    """A basket of `actor`'s that is not in the database yet: `keep` writes it, with its lines."""
    _authorise_channel(actor, channel)
    return Basket(
        reference="P" + "".join(secrets.choice(_ALPHABET) for _ in range(9)),
        token=secrets.token_urlsafe(24),
        channel=channel,
        office_id=actor.office or None,
        payer_name=payer.name,
        email=payer.email,
        telephone=payer.telephone,
        address=payer.address,
        postcode=payer.postcode,
        language=language,
        source=source,
        source_key=source_key,
        expires_at=clock.now() + stays_open,
        actor_kind=actor.kind,
        actor_id=actor.identifier,
        actor_name=actor.name,
    )


def keep(basket: Basket, goods: Checked, actor: Actor) -> list[BasketLine]:
    """Write a new basket and its lines, in the caller's transaction."""
    _authorise_channel(actor, basket.channel)
    with acting(actor, "Opened"):
        basket.save()
        return _keep_lines(basket, goods, 1)


@transaction.atomic
def add_line(*, actor: Actor, basket_id: int, line: NewLine) -> BasketLine:
    """Put one more line into an open basket. Raises `PaymentRefusal` when it, or the whole, may not be paid."""
    authorise_basket(actor, basket_id)
    basket = open_for_change(basket_id)
    there = list(basket.lines.order_by("line"))
    goods = checked(basket, [*map(as_new, there), line], actor)
    with acting(actor, "Line added"):
        last = max((each.line for each in there), default=0)
        return _keep_lines(basket, replace(goods, lines=goods.lines[-1:]), last + 1)[0]


@transaction.atomic
def remove_line(*, actor: Actor, basket_id: int, line: int) -> None:
    """Take the line numbered `line` out of an open basket."""
    authorise_basket(actor, basket_id)
    basket = open_for_change(basket_id)
    found = basket.lines.filter(line=line).first()
    if found is None:
        raise NotFound(f"The basket has no line {line}.")
    with acting(actor, "Line taken out"):
        found.delete()


@transaction.atomic
def set_payer(*, actor: Actor, basket_id: int, payer: Payer) -> Basket:
    """Write down who pays. Allowed until the basket is paid."""
    authorise_basket(actor, basket_id)
    basket = locked(basket_id)
    refuse_closed(basket)
    basket.payer_name, basket.email, basket.telephone = payer.name.strip(), payer.email.strip(), payer.telephone.strip()
    basket.address, basket.postcode = payer.address.strip(), payer.postcode.strip()
    with acting(actor, "Payer given"):
        basket.save()
    return basket


@transaction.atomic
def copy_basket(*, actor: Actor, basket_id: int) -> Basket:
    """A new open basket with the same lines and payer, to change and pay: a sealed one never changes."""
    authorise_basket(actor, basket_id)
    basket = locked(basket_id)
    return open_basket(
        actor=actor,
        channel=basket.channel,
        lines=lines_of(basket),
        payer=Payer(
            name=basket.payer_name,
            email=basket.email,
            telephone=basket.telephone,
            address=basket.address,
            postcode=basket.postcode,
        ),
        language=basket.language,
        source=basket.source,
    )


@transaction.atomic
def cancel_basket(*, actor: Actor, basket_id: int, reason: str = "Given up") -> Basket:
    """Give up a basket that nobody is paying."""
    authorise_basket(actor, basket_id)
    basket = locked(basket_id)
    refuse_closed(basket)
    if selectors.unfinished_attempt(basket):
        raise PaymentRefusal("A payment of this basket is under way. Cancel the payment first.", code="being_paid")
    basket.state = Basket.State.CANCELLED
    with acting(actor, reason):
        basket.save()
    record("basket_cancelled", actor=actor, subject=basket, reason=reason)
    return basket


def authorise_basket(actor: Actor, basket_id: int) -> None:
    """Raise `NotAllowed` unless `actor` may fill and pay baskets of that channel; `NotFound` outside their funds."""
    basket = Basket.objects.filter(pk=basket_id).only("channel").first()
    if basket is None or not selectors.is_in_scope(actor, basket):
        raise NotFound("There is no such basket.")
    if basket.channel == Channel.LINK and actor.may("payments.pay_online"):
        return
    _authorise_channel(actor, basket.channel)


def locked(basket_id: int) -> Basket:
    """The basket, held until the transaction ends."""
    basket = Basket.objects.select_for_update().filter(pk=basket_id).first()
    if basket is None:
        raise NotFound("There is no such basket.")
    return basket


def open_for_change(basket_id: int) -> Basket:
    """The basket, held, if its lines may still change."""
    basket = locked(basket_id)
    refuse_closed(basket)
    if basket.sealed_at:
        raise PaymentRefusal(
            "A payment of this basket was started, so its lines stay as they are. Begin a new basket to change them.",
            code="basket_is_sealed",
        )
    return basket


def refuse_closed(basket: Basket) -> None:
    """Raise a refusal when the basket is paid, cancelled or expired."""
    if basket.state == Basket.State.PAID:
        raise AlreadyPaid("This basket is paid.")
    if basket.state == Basket.State.CANCELLED:
        raise PaymentRefusal("This basket was cancelled. Begin a new one.", code="basket_cancelled")
    expired = basket.state == Basket.State.EXPIRED or basket.expires_at <= clock.now()
    if expired and not selectors.unfinished_attempt(basket):
        raise PaymentRefusal("This basket has expired. Begin a new one.", code="basket_expired")


def _keep_lines(basket: Basket, goods: Checked, first: int) -> list[BasketLine]:
    lines = [
        BasketLine(
            basket=basket,
            line=number,
            fund=goods.funds[line.fund],
            account_reference=verdict.account_reference,
            amount=line.amount,
            vat_code_id=verdict.vat_code,
            narrative=line.narrative.strip(),
        )
        for number, (line, verdict) in enumerate(goods.lines, start=first)
    ]
    create_all(lines)
    return lines


def office_of(basket: Basket | None) -> str:
    """The office a payment is posted under: the basket's own, else that of what no office took in."""
    return (basket.office_id if basket else "") or FALLBACK_OFFICE
