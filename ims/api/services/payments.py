"""Payments that clients ask for on behalf of a payer: the payer pays on our own pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlsplit

from django.db import transaction

from ims.api import outward
from ims.api.errors import ClientRefusal
from ims.api.models import Client, ClientPayment
from ims.audit.actors import Actor, authorise
from ims.audit.services import record
from ims.payment_types import checking
from ims.payment_types.models import PaymentType
from ims.payments import states
from ims.payments.models import Basket, PaymentAttempt
from ims.payments.services import NewLine, Payer, open_basket

PAY = "payments.pay_online"
STAYS_OPEN = timedelta(hours=24)
NOBODY = Payer()


@dataclass(frozen=True, kw_only=True)
class Bill:
    """One thing to be paid. `amount` in pounds."""

    payment_type: PaymentType
    reference: str
    amount: Decimal


@dataclass(frozen=True)
class Return:
    """Where a payer goes back to, and the host, to be shown to them."""

    url: str
    host: str


@transaction.atomic
def ask_for_payment(
    *,
    actor: Actor,
    client: Client,
    bills: Sequence[Bill],
    return_url: str,
    key: str,
    payer: Payer = NOBODY,
    language: str = "en",
    client_reference: str = "",
) -> ClientPayment:
    """Make a basket for a payer of the client's. The same `key` again finds what was made first.

    Raises `ClientRefusal` with a sentence for every bill that may not be paid, or a return address that may not be.
    """
    authorise(actor, PAY, what="ask for payments")
    earlier = ClientPayment.objects.filter(basket__source="api", basket__source_key=key).first()
    if earlier is not None:
        return earlier
    fault = outward.address_fault(return_url)
    if fault:
        raise ClientRefusal(f"return_url: {fault}", code="return_url_refused")
    wanted = [
        checking.Wanted(payment_type=bill.payment_type, reference=bill.reference, amount=bill.amount) for bill in bills
    ]
    answers = checking.check(wanted, actor=actor)
    refusals = [f"lines[{place}]: {answer.sentence}" for place, answer in enumerate(answers) if not answer.accepted]
    if refusals:
        raise ClientRefusal(" ".join(refusals), code="lines_refused", details=refusals)
    basket = open_basket(
        actor=actor,
        channel="online",
        lines=[
            NewLine(
                fund=bill.payment_type.fund_id,
                amount=bill.amount,
                account_reference=answer.reference,
                vat_code=answer.vat_code,
                narrative=bill.payment_type.title,
            )
            for bill, answer in zip(bills, answers, strict=True)
        ],
        payer=payer,
        language=language,
        source="api",
        source_key=key,
        stays_open=STAYS_OPEN,
    )
    made = ClientPayment.objects.create(
        client=client, basket=basket, return_url=return_url, client_reference=client_reference
    )
    record("payment_asked_for", actor=actor, subject=basket, data={"payment": str(made.pk)})
    return made


def state_of(payment: ClientPayment) -> tuple[str, PaymentAttempt | None]:
    """How it stands, in the API's words, and the attempt that decides.

    open → paying → paid; failed (may be tried again) · expired · cancelled · undone (failed after it had been paid).
    """
    attempts = list(payment.basket.attempts.select_related("posting").order_by("-number"))
    for attempt in attempts:
        if attempt.state in states.TAKEN:
            return "paid", attempt
    latest = attempts[0] if attempts else None
    if latest is not None and latest.state == states.State.UNDONE:
        return "undone", latest
    if latest is not None and latest.state in states.UNFINISHED:
        return "paying", latest
    if payment.basket.state in (Basket.State.EXPIRED, Basket.State.CANCELLED):
        return str(payment.basket.state), latest
    return ("failed" if latest else "open"), latest


def return_of(basket_id: int | None) -> Return | None:
    """Where the payer of a client's basket goes when it is over; None for a basket of nobody's."""
    found = ClientPayment.objects.filter(basket=basket_id).first() if basket_id else None
    return Return(found.return_url, urlsplit(found.return_url).hostname or "") if found else None
