"""Posting what was paid, once; to suspense when it cannot go where it belongs; and reversing what failed after all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from psycopg import sql

from ims.audit.actors import authorise
from ims.common import clock
from ims.common.errors import ImsError
from ims.common.money import format_pounds
from ims.funds.selectors import suspense_fund
from ims.ledger import services as ledger
from ims.ledger.lines import Line
from ims.ledger.models import AccountingPeriod, Posting
from ims.payments import rules
from ims.payments.actors import CARD_DESK
from ims.payments.models import Basket, BasketLine, PaymentAttempt, PaymentException
from ims.payments.services.baskets import office_of
from ims.payments.states import POSTED
from ims.providers.card import Payment
from ims.suspense.services import open_items

SOURCE_KIND = "card_payment"
SERIES = "CRD"
MAY_BE_TWICE_WITHIN = timedelta(minutes=15)

_REASON = sql.SQL("SELECT 1 AS source_line, %(why_suspense)s::text AS reason")


@dataclass(frozen=True)
class Receipt:
    """The posting made; None when nothing could be posted. `trouble` and `sentence`: what a person must hear of it."""

    posting: Posting | None
    trouble: str = ""
    sentence: str = ""


def source_key(attempt: PaymentAttempt) -> str:
    """The natural key of a payment's receipt: the service, and the provider's own id."""
    return f"{attempt.service.code}:{attempt.provider_id}"


def post(attempt: PaymentAttempt, basket: Basket | None, seen: Payment, *, where: str) -> Receipt:
    """Post the money of a payment in the caller's transaction: to its lines, or whole to suspense.

    What its lines cannot take (a fund gone out of use, no rate of VAT) goes to suspense; what even suspense cannot take
    (no open period) is held, and tried again at the next look.
    """
    authorise(CARD_DESK, "ledger.post_receipt", what="post card payments")
    paid_on = rules.paid_on(attempt.paid_at, settings.TIME_ZONE)
    if where == "lines":
        try:
            with transaction.atomic():
                posted = _post(attempt, _lines(attempt, basket, paid_on), reason="Card payment")
                open_items(actor=CARD_DESK, posting=posted.posting)
            return Receipt(posted.posting, *_twins(attempt, basket))
        except ImsError as refusal:
            reason = f"Payment {attempt.reference} could not be posted where it belongs: {refusal.message}"
            receipt = _to_suspense(attempt, basket, seen, paid_on, reason)
            return receipt if receipt.trouble else Receipt(receipt.posting, "not_postable", _allocate(reason))
    return _to_suspense(attempt, basket, seen, paid_on, "The payment is not as it was asked for; see its exception.")


def _allocate(reason: str) -> str:
    return f"{reason} The money is in suspense: allocate it."


def _to_suspense(attempt: PaymentAttempt, basket: Basket | None, seen: Payment, paid_on: date, reason: str) -> Receipt:
    line = Line(
        fund=suspense_fund().code,
        amount=attempt.paid_total,
        method_of_payment=attempt.method_of_payment_id,
        office=office_of(basket),
        narrative=f"{seen.reference} {seen.description}".strip(),
        payer_name=basket.payer_name if basket else "",
        source_reference=attempt.provider_id,
        source_line=1,
        received_on=paid_on,
        accounting_date=_accounting_date(paid_on),
    )
    try:
        with transaction.atomic():
            posted = _post(attempt, [line], reason="Card payment, to suspense")
            open_items(actor=CARD_DESK, posting=posted.posting, reasons=_REASON, parameters={"why_suspense": reason})
        return Receipt(posted.posting)
    except ImsError as refusal:
        return Receipt(
            None,
            "held",
            f"{format_pounds(attempt.paid_total)} was paid by {attempt.reference} and cannot be posted, not even to "
            f"suspense: {refusal.message} It is tried again every few minutes; once that is mended it posts by itself.",
        )


def _post(attempt: PaymentAttempt, lines: Sequence[Line], *, reason: str) -> ledger.Posted:
    return ledger.post_receipts(
        actor=CARD_DESK,
        lines=lines,
        source_kind=SOURCE_KIND,
        source_key=source_key(attempt),
        series=SERIES,
        reason=reason,
    )


def _lines(attempt: PaymentAttempt, basket: Basket, paid_on: date) -> list[Line]:
    common = {
        "method_of_payment": attempt.method_of_payment_id,
        "office": office_of(basket),
        "payer_name": basket.payer_name,
        "source_reference": attempt.provider_id,
        "received_on": paid_on,
        "accounting_date": _accounting_date(paid_on),
    }
    lines = [
        Line(
            fund=line.fund_id,
            amount=line.amount,
            account_reference=line.account_reference,
            vat_code=line.vat_code_id,
            narrative=line.narrative or f"Card payment {attempt.reference}",
            source_line=number,
            **common,
        )
        for number, line in enumerate(basket.lines.order_by("line"), start=1)
    ]
    surcharge: Decimal = attempt.surcharge
    if surcharge > 0:
        fund = attempt.service.fee_fund or suspense_fund()
        lines.append(
            Line(
                fund=fund.code,
                amount=surcharge,
                narrative=f"Card surcharge of {attempt.reference}",
                source_line=len(lines) + 1,
                **common,
            )
        )
    return lines


def _accounting_date(day: date) -> date | None:
    """The day itself while its period is open; None, which is today, once it is closed."""
    is_open = AccountingPeriod.objects.filter(starts_on__lte=day, ends_on__gte=day, is_open=True).exists()
    return day if is_open and day <= clock.today() else None


def _twins(attempt: PaymentAttempt, basket: Basket) -> tuple[str, str]:
    """Whether somebody paid just the same a moment ago in another basket: two tabs, perhaps, or a second try."""
    for line in basket.lines.exclude(account_reference=""):
        twin = (
            PaymentAttempt.objects.filter(
                state__in=POSTED,
                paid_at__gte=attempt.paid_at - MAY_BE_TWICE_WITHIN,
                basket__in=BasketLine.objects.filter(
                    fund_id=line.fund_id, account_reference=line.account_reference, amount=line.amount
                )
                .exclude(basket=basket)
                .values("basket"),
            )
            .order_by("-id")
            .first()
        )
        if twin:
            return (
                PaymentException.Kind.MAY_BE_DUPLICATE,
                f"Payments {twin.reference} and {attempt.reference} both paid {format_pounds(line.amount)} to "
                f"{line.account_reference} within a quarter of an hour. Both are posted. Ask the payer whether both "
                "are meant; refund one if not.",
            )
    return "", ""


def taken_outside(attempt: PaymentAttempt, seen: Payment) -> tuple[str, str]:
    """What to say of a payment that IMS did not ask for."""
    return (
        PaymentException.Kind.NOT_OURS,
        f"{format_pounds(attempt.paid_total)} was paid through {attempt.service} outside IMS, with the reference "
        f"“{seen.reference}”. It is in suspense: allocate it to the account it is meant for.",
    )


def undo(attempt: PaymentAttempt, reason: str) -> str:
    """Reverse the receipt of a payment that failed after all; a sentence when that cannot be done, else nothing."""
    authorise(CARD_DESK, "ledger.reverse_posting", what="reverse card payments")
    try:
        with transaction.atomic():
            ledger.reverse(actor=CARD_DESK, posting_id=attempt.posting_id, reason=reason)
    except ImsError as refusal:
        return (
            f"The provider had confirmed payment {attempt.reference} and now says that it failed, but its receipt "
            f"could not be reversed: {refusal.message}"
        )
    return ""
