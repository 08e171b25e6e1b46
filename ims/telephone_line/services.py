"""Announcing and confirming the payments of an automated telephone line, and catching up after an outage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils import timezone
from psycopg import sql

from ims.accounts.rules import LineToCheck
from ims.accounts.selectors import check_lines
from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import ImsError, NotFound
from ims.common.money import ZERO
from ims.funds.models import MethodOfPayment
from ims.funds.selectors import suspense_fund
from ims.ledger import services as ledger
from ims.ledger.lines import Line
from ims.ledger.selectors import period_of
from ims.payment_types import checking
from ims.payment_types.models import PaymentType
from ims.suspense.services import open_items
from ims.telephone_line import rules
from ims.telephone_line.errors import TelephoneRefusal, ToldOtherwise
from ims.telephone_line.models import CallLine, CallPayment

TAKE = "telephone_line.take_payment"
SOURCE_KIND = "telephone_line"
SERIES = "TEL"
_REASON = sql.SQL("SELECT 1 AS source_line, %(why_suspense)s::text AS reason")

LINE_DESK = Actor(
    kind="system",
    identifier="telephone-line",
    name="Automated telephone line",
    permissions=frozenset({"ledger.post_receipt"}),
)
"""Posts what a line has confirmed, to suspense if need be, whatever funds the line itself may deal with."""


@dataclass(frozen=True, kw_only=True)
class Bill:
    """One thing a caller pays. `amount` in pounds."""

    payment_type: PaymentType
    reference: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a line says of a payment it took. `reference` is its card processor's, and names the payment for ever."""

    reference: str
    at: datetime
    card_brand: str = ""
    card_last_four: str = ""


def announce(*, actor: Actor, call: str, bills: Sequence[Bill]) -> CallPayment:
    """Check what a caller wants to pay and write it down. The same call again finds what was written first.

    Raises `TelephoneRefusal` with a sentence for every bill that may not be paid, `ToldOtherwise` when the call was
    announced with other bills.
    """
    authorise(actor, TAKE, what="take payments by telephone line")
    earlier = CallPayment.objects.filter(line=actor.identifier, call=call).first()
    if earlier is not None:
        return _the_same(earlier, bills)
    _refuse_shape(bills)
    method = the_method()
    answers = _answers(actor, bills, method)
    refusals = [str(answer.sentence) for answer in answers if not answer.accepted]
    if refusals:
        raise TelephoneRefusal(" ".join(refusals), code="lines_refused", details=refusals)
    try:
        with transaction.atomic():
            return _written(actor, call, bills, answers, method)
    except IntegrityError:
        return _the_same(CallPayment.objects.get(line=actor.identifier, call=call), bills)


@transaction.atomic
def confirm(*, actor: Actor, payment_id: str, taken: Taken) -> CallPayment:
    """The line took the money: post it, once. Told again in the same words, it changes nothing.

    Money that was taken is never refused for what became of its accounts meanwhile: it goes to suspense then. Raises
    `TelephoneRefusal` for a moment that cannot be, `ToldOtherwise` when it was confirmed with another reference.
    """
    authorise(actor, TAKE, what="take payments by telephone line")
    payment = _locked(actor, payment_id)
    if payment.state == CallPayment.State.PAID:
        if payment.line_reference != taken.reference:
            raise ToldOtherwise(f"{payment} was confirmed already, with the reference {payment.line_reference}.")
        return payment
    fault = rules.moment_fault(taken.at, clock.now())
    if fault:
        raise TelephoneRefusal(fault, code="date_refused")
    other = CallPayment.objects.filter(line=payment.line, line_reference=taken.reference).exclude(pk=payment.pk).first()
    if other is not None:
        raise ToldOtherwise(f"The reference {taken.reference} belongs to {other}, which is confirmed already.")
    payment.taken_at, payment.told_at = taken.at, clock.now()
    payment.line_reference = taken.reference
    payment.card_brand, payment.card_last_four = taken.card_brand, taken.card_last_four
    _post(payment)
    payment.state = CallPayment.State.PAID
    with acting(actor, "Confirmed by the line"):
        payment.save()
    record(
        "telephone_payment_confirmed",
        actor=actor,
        subject=payment,
        data={"posting": str(payment.posting), "reference": taken.reference, "amount": str(payment.total)},
    )
    return payment


@transaction.atomic
def give_up(*, actor: Actor, payment_id: str, reason: str) -> CallPayment:
    """The line did not take the money. Told again, it changes nothing; a paid one cannot be given up."""
    authorise(actor, TAKE, what="take payments by telephone line")
    payment = _locked(actor, payment_id)
    if payment.state == CallPayment.State.PAID:
        raise ToldOtherwise(
            f"{payment} was confirmed as paid, receipt {payment.posting}. Refund it where it was taken."
        )
    if payment.state == CallPayment.State.ANNOUNCED:
        payment.state, payment.told_at = CallPayment.State.FAILED, clock.now()
        with acting(actor, reason):
            payment.save()
    return payment


def catch_up(*, actor: Actor, call: str, bills: Sequence[Bill], taken: Taken) -> CallPayment:
    """A payment taken while IMS could not be reached, told afterwards: written down and posted in one.

    Told again, or after it was announced or confirmed the usual way, it finds what is there and posts once. Bills that
    may not be paid any more do not stop it: the money was taken, so it goes to suspense with the reason.
    """
    authorise(actor, TAKE, what="take payments by telephone line")
    fault = rules.moment_fault(taken.at, clock.now())
    if fault:
        raise TelephoneRefusal(fault, code="date_refused")
    _refuse_shape(bills)
    method = the_method()
    answers = _answers(actor, bills, method)
    with transaction.atomic():
        payment = CallPayment.objects.filter(line=actor.identifier, call=call).first()
        if payment is None:
            try:
                with transaction.atomic():
                    payment = _written(actor, call, bills, answers, method)
            except IntegrityError:
                payment = CallPayment.objects.get(line=actor.identifier, call=call)
        payment = _the_same(payment, bills)
        return confirm(actor=actor, payment_id=str(payment.pk), taken=taken)


def the_method() -> MethodOfPayment:
    """The method of payment of the automated telephone line. Raises `TelephoneRefusal` when none is marked."""
    found = MethodOfPayment.objects.filter(is_card_by_telephone_line=True, is_active=True).order_by("code").first()
    if found is None:
        raise TelephoneRefusal(
            "No method of payment is marked as the automated telephone line's. Mark one under Methods of payment."
        )
    return found


def _answers(actor: Actor, bills: Sequence[Bill], method: MethodOfPayment) -> list[checking.Answer]:
    wanted = [
        checking.Wanted(
            payment_type=bill.payment_type, reference=bill.reference, amount=bill.amount, method=method.code
        )
        for bill in bills
    ]
    return checking.check(wanted, actor=actor)


def _refuse_shape(bills: Sequence[Bill]) -> None:
    if not 0 < len(bills) <= rules.MOST_LINES:
        raise TelephoneRefusal(f"A payment is for one to {rules.MOST_LINES} bills.", code="lines_refused")
    named = [(bill.payment_type.fund_id, bill.reference.upper()) for bill in bills]
    if len(set(named)) != len(named):
        raise TelephoneRefusal("The same bill is named twice. Add its amounts up.", code="lines_refused")


def _written(
    actor: Actor, call: str, bills: Sequence[Bill], answers: Sequence[checking.Answer], method: MethodOfPayment
) -> CallPayment:
    with acting(actor, "Announced by the line"):
        payment = CallPayment.objects.create(
            line=actor.identifier,
            call=call,
            method_of_payment=method,
            total=sum((bill.amount for bill in bills), ZERO),
            announced_at=clock.now(),
        )
    for number, bill in enumerate(bills, start=1):
        answer = answers[number - 1]
        CallLine.objects.create(
            payment=payment,
            number=number,
            fund_id=bill.payment_type.fund_id,
            account_reference=answer.reference or " ".join(bill.reference.split()),
            amount=bill.amount,
            vat_code_id=answer.vat_code or bill.payment_type.fund.vat_code_id,
            narrative=bill.payment_type.title,
        )
    return payment


def _the_same(payment: CallPayment, bills: Sequence[Bill]) -> CallPayment:
    """The payment found, if it was told with these bills."""
    told = {(bill.payment_type.fund_id, "".join(bill.reference.split()).upper(), bill.amount) for bill in bills}
    known = {
        (line.fund_id, "".join(line.account_reference.split()).upper(), line.amount) for line in payment.lines.all()
    }
    if told != known:
        raise ToldOtherwise(f"{payment} was told before with other bills. Give every payment a name of its own.")
    return payment


def _locked(actor: Actor, payment_id: str) -> CallPayment:
    payment = (
        CallPayment.objects.select_for_update(of=("self",))
        .select_related("posting")
        .filter(pk=payment_id, line=actor.identifier)
        .first()
    )
    if payment is None:
        raise NotFound("This line has no such payment.")
    return payment


def _post(payment: CallPayment) -> None:
    lines = list(payment.lines.select_related("fund").order_by("number"))
    day = timezone.localtime(payment.taken_at).date()
    period = period_of(day)
    common = {
        "method_of_payment": payment.method_of_payment_id,
        "source_reference": payment.line_reference,
        "received_on": day,
        "accounting_date": rules.accounting_date(
            day, period_is_open=period is not None and period.is_open, today=clock.today()
        ),
    }
    payment.why_suspense = _refusal(payment, lines)
    if not payment.why_suspense:
        try:
            with transaction.atomic():
                payment.posting = _posted(
                    payment,
                    [
                        Line(
                            fund=line.fund_id,
                            amount=line.amount,
                            account_reference=line.account_reference,
                            vat_code=line.vat_code_id,
                            narrative=line.narrative,
                            source_line=line.number,
                            **common,
                        )
                        for line in lines
                    ],
                )
                open_items(actor=LINE_DESK, posting=payment.posting)
            return
        except ImsError as refusal:
            payment.why_suspense = refusal.message
    told = "; ".join(f"{line.narrative} {line.account_reference}" for line in lines)
    suspense = Line(
        fund=suspense_fund().code, amount=payment.total, narrative=f"Telephone line: {told}", source_line=1, **common
    )
    payment.posting = _posted(payment, [suspense])
    open_items(
        actor=LINE_DESK, posting=payment.posting, reasons=_REASON, parameters={"why_suspense": payment.why_suspense}
    )


def _posted(payment: CallPayment, lines: Sequence[Line]) -> object:
    return ledger.post_receipts(
        actor=LINE_DESK,
        lines=lines,
        source_kind=SOURCE_KIND,
        source_key=f"{payment.line}:{payment.line_reference}",
        series=SERIES,
        reason="Automated telephone line",
    ).posting


def _refusal(payment: CallPayment, lines: Sequence[CallLine]) -> str:
    """Why the bills may not be paid (any more), in words for staff; empty when they may."""
    verdicts = check_lines(
        "staff",
        [
            LineToCheck(
                fund=line.fund_id,
                amount=line.amount,
                account_reference=line.account_reference,
                vat_code=line.vat_code_id,
            )
            for line in lines
        ],
    )
    return " ".join(verdict.refusal for verdict in verdicts if not verdict.accepted)
