"""Filling a basket. Its lines obey the same rules as every other line that is posted."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db import transaction

from ims.accounts.rules import LineToCheck, Verdict
from ims.accounts.selectors import check_lines
from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import NotFound
from ims.common.money import ZERO, format_pounds
from ims.funds.models import Fund
from ims.ledger.preparation import FALLBACK_OFFICE
from ims.payments import rules, selectors
from ims.payments.errors import AlreadyPaid, PaymentRefusal
from ims.payments.models import Basket, BasketLine
from ims.payments.models.set_up import Channel, PaymentRoute

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
class NewLine:
    """One thing to be paid. `amount` in pounds, VAT included. Empty VAT code: the fund's own."""

    fund: str
    amount: Decimal
    account_reference: str = ""
    vat_code: str = ""
    narrative: str = ""


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
    authorise(actor, NEEDED[Channel(channel)], what="take card payments this way")
    if source_key and (earlier := Basket.objects.filter(source=source, source_key=source_key).first()):
        return earlier
    with acting(actor, "Opened"):
        basket = Basket.objects.create(
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
        _keep(basket, _checked(basket, lines, actor)[0])
    return basket


@transaction.atomic
def add_line(*, actor: Actor, basket_id: int, line: NewLine) -> BasketLine:
    """Put one more line into an open basket. Raises `PaymentRefusal` when it, or the whole, may not be paid."""
    authorise_basket(actor, basket_id)
    basket = open_for_change(basket_id)
    lines = [*lines_of(basket), line]
    with acting(actor, "Line added"):
        return _keep(basket, _checked(basket, lines, actor)[0][-1:], start=_last(basket) + 1)[0]


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
    _refuse_closed(basket)
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
    _refuse_closed(basket)
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
    authorise(actor, NEEDED[Channel(basket.channel)], what="take card payments this way")


def locked(basket_id: int) -> Basket:
    """The basket, held until the transaction ends."""
    basket = Basket.objects.select_for_update().filter(pk=basket_id).first()
    if basket is None:
        raise NotFound("There is no such basket.")
    return basket


def open_for_change(basket_id: int) -> Basket:
    """The basket, held, if its lines may still change."""
    basket = locked(basket_id)
    _refuse_closed(basket)
    if basket.sealed_at:
        raise PaymentRefusal(
            "A payment of this basket was started, so its lines stay as they are. Begin a new basket to change them.",
            code="basket_is_sealed",
        )
    return basket


def _refuse_closed(basket: Basket) -> None:
    if basket.state == Basket.State.PAID:
        raise AlreadyPaid("This basket is paid.")
    if basket.state == Basket.State.CANCELLED:
        raise PaymentRefusal("This basket was cancelled. Begin a new one.", code="basket_cancelled")
    expired = basket.state == Basket.State.EXPIRED or basket.expires_at <= clock.now()
    if expired and not selectors.unfinished_attempt(basket):
        raise PaymentRefusal("This basket has expired. Begin a new one.", code="basket_expired")


def refuse_closed(basket: Basket) -> None:
    """Raise a refusal when the basket is paid, cancelled or expired."""
    _refuse_closed(basket)


def lines_of(basket: Basket) -> list[NewLine]:
    """The basket's lines as they would be given."""
    return [
        NewLine(
            fund=line.fund_id,
            amount=line.amount,
            account_reference=line.account_reference,
            vat_code=line.vat_code_id,
            narrative=line.narrative,
        )
        for line in basket.lines.order_by("line")
    ]


def check_basket(basket: Basket, actor: Actor, *, ask_address: bool = True) -> PaymentRoute:
    """Check the whole basket once more before money is asked for; return the route that takes it.

    Raises `PaymentRefusal` with a sentence for every line that may not be paid (any more). `ask_address` False: whoever
    pays later will be asked for it.
    """
    lines = lines_of(basket)
    if not lines:
        raise PaymentRefusal("The basket is empty. Add what is to be paid.", code="basket_empty")
    _, route = _checked(basket, lines, actor)
    total = sum((line.amount for line in lines), ZERO)
    service = route.service
    if not service.minimum_amount <= total <= service.maximum_amount:
        raise PaymentRefusal(
            f"{format_pounds(total)} cannot be paid by card: the least is {format_pounds(service.minimum_amount)} and "
            f"the most {format_pounds(service.maximum_amount)}. Pay another way, or in parts.",
            code="outside_card_limits",
        )
    if ask_address:
        _require_address(basket, lines)
    return route


def _require_address(basket: Basket, lines: Sequence[NewLine]) -> None:
    wanting = Fund.objects.filter(code__in={line.fund for line in lines}, address_is_collected=True).first()
    if wanting and not (basket.payer_name and basket.address and basket.postcode):
        raise PaymentRefusal(
            f"{wanting.display_name or wanting.name} needs the payer's name, address and postcode. Enter them.",
            code="address_missing",
        )


def _checked(
    basket: Basket, lines: Sequence[NewLine], actor: Actor
) -> tuple[list[tuple[NewLine, Verdict]], PaymentRoute | None]:
    if len(lines) > rules.MOST_LINES:
        raise PaymentRefusal(
            f"A basket holds {rules.MOST_LINES} lines. Pay these first, then the rest.", code="basket_full"
        )
    public = basket.channel == Channel.ONLINE
    route = selectors.route_for(basket.channel, [line.fund for line in lines]) if lines else None
    method = route.method_of_payment_id if route else ""
    to_check = [
        LineToCheck(
            fund=line.fund,
            amount=line.amount,
            account_reference=line.account_reference,
            method_of_payment=method,
            vat_code=line.vat_code,
        )
        for line in lines
    ]
    verdicts = check_lines("public" if public else "staff", to_check, actor=actor)
    refusals = _refusals(lines, verdicts, public=public)
    if refusals:
        raise PaymentRefusal(" ".join(refusals), code="lines_refused", details=refusals)
    return list(zip(lines, verdicts, strict=True)), route


def _refusals(lines: Sequence[NewLine], verdicts: Sequence[Verdict], *, public: bool) -> list[str]:
    online = set()
    if public:
        online = set(Fund.objects.filter(is_payable_online=True).values_list("code", flat=True))
    found, seen = [], set()
    for number, (line, verdict) in enumerate(zip(lines, verdicts, strict=True), start=1):
        start = f"Line {number}: " if len(lines) > 1 else ""
        key = (line.fund, (verdict.account_reference or "").upper())
        if not verdict.accepted:
            found.append(start + verdict.refusal)
        elif line.amount < 0:
            found.append(f"{start}{format_pounds(line.amount)} is less than nothing. Give an amount above £0.00.")
        elif public and line.fund not in online:
            found.append(f"{start}This cannot be paid online. Choose something else.")
        elif key[1] and key in seen:
            found.append(f"{start}Reference {verdict.account_reference} is in the basket already. Change its amount.")
        seen.add(key)
    return found


def _keep(basket: Basket, checked: Sequence[tuple[NewLine, Verdict]], *, start: int = 1) -> list[BasketLine]:
    return [
        BasketLine.objects.create(
            basket=basket,
            line=number,
            fund_id=line.fund,
            account_reference=verdict.account_reference,
            amount=line.amount,
            vat_code_id=verdict.vat_code,
            narrative=line.narrative.strip(),
        )
        for number, (line, verdict) in enumerate(checked, start=start)
    ]


def _last(basket: Basket) -> int:
    return max(basket.lines.values_list("line", flat=True), default=0)


def office_of(basket: Basket | None) -> str:
    """The office a payment is posted under: the basket's own, else that of what no office took in."""
    return (basket.office_id if basket else "") or FALLBACK_OFFICE
