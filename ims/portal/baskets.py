"""The basket of this browser: found again by its session, filled and begun anew as it needs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpRequest

from ims.common import clock
from ims.common.errors import NotFound
from ims.correspondence.composing import title_of
from ims.payment_types.models import PaymentType
from ims.payments import selectors
from ims.payments.checking import NewLine
from ims.payments.errors import PaymentRefusal
from ims.payments.models import Basket, BasketLine
from ims.payments.services import baskets
from ims.portal.payer import PAYER

SESSION_KEY = "pay_basket"


@dataclass(frozen=True)
class ShownLine:
    """A line as the payer sees it."""

    line: int
    title: str
    reference: str
    amount: Decimal


def of(request: HttpRequest) -> Basket | None:
    """The basket this browser is filling or paying; None when it has none, or it is over."""
    token = request.session.get(SESSION_KEY, "")
    try:
        basket = selectors.basket_of(token) if token else None
    except NotFound:
        return None
    return basket


def open_of(request: HttpRequest) -> Basket | None:
    """The browser's basket, if something can still be paid with it."""
    basket = of(request)
    if basket is None or basket.state not in (Basket.State.OPEN, Basket.State.PAYING):
        return None
    if basket.expires_at <= clock.now() and selectors.unfinished_attempt(basket) is None:
        return None
    return basket


def add(request: HttpRequest, payment_type: PaymentType, reference: str, amount: Decimal, vat_code: str) -> Basket:
    """Put a bill into the browser's basket. The same bill and amount a second time changes nothing."""
    line = NewLine(
        fund=payment_type.fund_id,
        amount=amount,
        account_reference=reference,
        vat_code=vat_code,
        narrative=payment_type.title,
    )
    basket = _to_fill(request)
    if basket is None:
        basket = baskets.open_basket(
            actor=PAYER, channel="online", lines=[line], language=request.pay_language, source="portal"
        )
    elif not _has(basket, line):
        try:
            baskets.add_line(actor=PAYER, basket_id=basket.pk, line=line)
        except PaymentRefusal:
            if not _has(basket, line):
                raise
    request.session[SESSION_KEY] = basket.token
    return basket


def is_fixed(basket: Basket) -> bool:
    """Whether the payer may only pay it or leave it: a link of staff's, or what another system asks for."""
    return basket.channel != "online" or basket.source == "api"


def shown(basket: Basket, language: str) -> list[ShownLine]:
    """The lines of `basket` in the payer's words."""
    return [
        ShownLine(
            line.line,
            title_of(line.fund_id, line.narrative, line.fund.display_name or line.fund.name, language),
            line.account_reference,
            line.amount,
        )
        for line in basket.lines.select_related("fund").order_by("line")
    ]


def wants_address(basket: Basket) -> bool:
    """Whether any of the bills needs the payer's address."""
    lines = list(basket.lines.select_related("fund"))
    if any(line.fund.address_is_collected for line in lines):
        return True
    asking = set(PaymentType.objects.filter(asks_for_address=True).values_list("fund_id", "title"))
    return any((line.fund_id, line.narrative) in asking for line in lines)


def _to_fill(request: HttpRequest) -> Basket | None:
    """A basket that still takes lines: the browser's own, or a copy of it once a payment was started and failed.

    While a payment is under way in another tab its basket is left to it, and a new one is begun.
    """
    basket = open_of(request)
    if basket is None or is_fixed(basket):
        return None
    if basket.sealed_at is None:
        return basket
    if selectors.unfinished_attempt(basket):
        return None
    return baskets.copy_basket(actor=PAYER, basket_id=basket.pk)


def _has(basket: Basket, line: NewLine) -> bool:
    return BasketLine.objects.filter(
        basket=basket,
        fund_id=line.fund,
        account_reference__iexact=line.account_reference,
        amount=line.amount,
    ).exists()
