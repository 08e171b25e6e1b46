"""Payouts: what the provider paid to the bank and of what, its fees, and the bank's credit they are found in.

The money of a payment is posted once, when it is paid; the bank's credit of a payout is posted on the clearing
fund, which is no income. Clearing fund + fees then equals what was paid out, and what is left is on its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection, transaction

from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import ImsError, NotFound
from ims.common.money import ZERO, format_pounds
from ims.funds.selectors import the_method
from ims.ledger import services as ledger
from ims.ledger.lines import Line
from ims.ledger.models import Entry
from ims.ledger.selectors import remaining
from ims.payments import transit
from ims.payments.actors import CARD_DESK
from ims.payments.errors import PaymentRefusal
from ims.payments.models import (
    Dispute,
    PaymentAttempt,
    PaymentException,
    PaymentService,
    Payout,
    PayoutLine,
    Refund,
)
from ims.payments.services.troubles import raise_exception


@dataclass(frozen=True, kw_only=True)
class NewLine:
    """One payment, refund or dispute of a payout. In pounds; refunds and disputes negative."""

    kind: str
    provider_id: str
    gross: Decimal
    fee: Decimal
    attempt: PaymentAttempt | None = None
    refund: Refund | None = None
    dispute: Dispute | None = None


@transaction.atomic
def take_in_payout(
    *, actor: Actor, service: PaymentService, settled_on: date, key: str, source: str, lines: Sequence[NewLine]
) -> Payout | None:
    """Write down a payout and post its fees to their own code; None when none of its lines is new.

    What is in another payout already is left out, so that reading again, or reading search and report, adds nothing.
    """
    authorise(actor, "payments.view_paymentattempt", what="read payouts")
    # One at a time for each service, so that nothing is found new twice.
    PaymentService.objects.select_for_update().get(pk=service.pk)
    if earlier := Payout.objects.filter(service=service, key=key).first():
        return earlier if source == Payout.Source.FILE else None
    new = [line for line in lines if not _is_known(service, line)]
    if not new:
        return None
    gross, fees = sum((line.gross for line in new), ZERO), sum((line.fee for line in new), ZERO)
    with acting(actor, "Read"):
        payout = Payout.objects.create(
            service=service,
            settled_on=settled_on,
            key=key,
            source=source,
            gross=gross,
            fees=fees,
            net=gross - fees,
        )
    PayoutLine.objects.bulk_create(
        PayoutLine(
            payout=payout,
            kind=line.kind,
            provider_id=line.provider_id,
            attempt=line.attempt,
            refund=line.refund,
            dispute=line.dispute,
            gross=line.gross,
            fee=line.fee,
            net=line.gross - line.fee,
        )
        for line in new
    )
    record("payout_read", actor=actor, subject=payout, data={"net": str(payout.net), "lines": len(new)})
    _post_fees(payout)
    _tell_unknown(payout, new)
    return payout


def _is_known(service: PaymentService, line: NewLine) -> bool:
    return PayoutLine.objects.filter(payout__service=service, kind=line.kind, provider_id=line.provider_id).exists()


def _post_fees(payout: Payout) -> None:
    service = payout.service
    if payout.fees == 0:
        return
    try:
        if service.clearing_fund_id is None or service.fee_fund_id is None:
            raise PaymentRefusal(f"{service} has no clearing fund or no fund for fees. Choose both in its settings.")
        method = the_method("is_card_fee").code
        common = {
            "method_of_payment": method,
            "narrative": f"Card fees of payout {payout.key}",
            "source_reference": payout.key,
            "received_on": payout.settled_on,
        }
        with transaction.atomic():
            posted = ledger.post_receipts(
                actor=CARD_DESK,
                lines=[
                    Line(fund=service.clearing_fund_id, amount=payout.fees, **common),
                    Line(fund=service.fee_fund_id, amount=-payout.fees, **common),
                ],
                source_kind=transit.FEE_SOURCE,
                source_key=f"{service.code}:{payout.key}",
                series="FEE",
                reason=f"Fees the provider kept of payout {payout.key}",
            )
    except ImsError as refusal:
        _differs(
            payout, f"The fees of payout {payout} ({format_pounds(payout.fees)}) were not posted: {refusal.message}"
        )
        return
    payout.fee_posting = posted.posting
    with acting(CARD_DESK, "Fees posted"):
        payout.save()


def _tell_unknown(payout: Payout, lines: Sequence[NewLine]) -> None:
    unknown = [line for line in lines if not (line.attempt or line.refund or line.dispute) and line.gross]
    if unknown:
        named = ", ".join(line.provider_id for line in unknown[:3])
        _differs(
            payout,
            f"Payout {payout} holds {len(unknown)} things that IMS does not know ({named}), "
            f"{format_pounds(sum((line.gross for line in unknown), ZERO))} together. Find out what they are: until "
            "they are posted, clearing will not come out even.",
        )


def _differs(payout: Payout, message: str) -> None:
    raise_exception(
        actor=CARD_DESK,
        kind=PaymentException.Kind.PAYOUT_DIFFERS,
        key=f"{payout.service.code}:{payout.key}",
        service=payout.service,
        amount=payout.net,
        message=message,
    )


@transaction.atomic
def match_payout(*, actor: Actor, payout_ids: Sequence[int], entry_id: int) -> list[Payout]:
    """Say that a credit on the clearing fund is these payouts, of one service or of several. Their nets add up to it.

    Raises `PaymentRefusal` when they do not, or when one of them is matched already: nothing is ever forced.
    """
    authorise(actor, "payments.match_payout", what="match payouts with the bank")
    _one_at_a_time(entry_id)
    payouts = list(Payout.objects.select_for_update(of=("self",)).select_related("service").filter(pk__in=payout_ids))
    if not payouts or len(payouts) != len(set(payout_ids)):
        raise NotFound("There is no such payout.")
    entry = Entry.objects.select_related("posting").filter(pk=entry_id).first()
    if entry is None or any(entry.fund_id != payout.service.clearing_fund_id for payout in payouts):
        raise PaymentRefusal("That line is not a credit on the clearing fund of these payouts.", code="not_found")
    _refuse_no_credit_of_the_bank(entry)
    taken = next((payout for payout in payouts if payout.bank_entry_id), None)
    if taken or Payout.objects.filter(bank_entry=entry).exists():
        raise PaymentRefusal("One of them is matched already. Look again.", code="matched_already")
    total = sum((payout.net for payout in payouts), ZERO)
    if total != entry.amount:
        raise PaymentRefusal(
            f"The payouts come to {format_pounds(total)} and the bank's line is {format_pounds(entry.amount)}: they "
            "differ, and are not matched.",
            code="amounts_differ",
        )
    for payout in payouts:
        payout.bank_entry, payout.matched_at, payout.matched_by = entry, clock.now(), actor.name
        with acting(actor, f"Found in the bank: {entry.receipt_number}"):
            payout.save()
        record("payout_matched", actor=actor, subject=payout, data={"entry": entry.pk})
    return payouts


def _refuse_no_credit_of_the_bank(entry: Entry) -> None:
    if entry.corrects_id is not None or entry.posting.source_kind == transit.FEE_SOURCE:
        raise PaymentRefusal(
            "That line is no credit of the bank's: it corrects another, or posts fees.", code="not_found"
        )
    if remaining([entry.pk])[entry.pk] != entry.amount:
        raise PaymentRefusal(
            f"Money of {entry.receipt_number} was moved or reversed: it is not in the bank as it stands there. Look "
            "for the line that took its place.",
            code="moved_since",
        )


def _one_at_a_time(entry_id: int) -> None:
    """Nobody else gives this credit away before this transaction ends. Entries of the ledger take no row locks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"ims.payments.credit:{entry_id}"])


@transaction.atomic
def unmatch_payout(*, actor: Actor, payout_id: int, reason: str) -> list[Payout]:
    """Take a match with the bank back: of this payout, and of those the same credit was given to.

    Nothing is posted or undone by it. What a person took apart is matched by people alone from then on. Raises
    `PaymentRefusal` when it is not matched, or without a reason.
    """
    authorise(actor, "payments.match_payout", what="match payouts with the bank")
    if not reason.strip():
        raise PaymentRefusal("Give a reason. The audit trail keeps it.", code="reason_missing")
    entry_id = Payout.objects.filter(pk=payout_id).values_list("bank_entry", flat=True).first()
    if entry_id is None:
        raise PaymentRefusal("This payout is not matched with the bank.", code="not_matched")
    _one_at_a_time(entry_id)
    payouts = list(Payout.objects.select_for_update(of=("self",)).select_related("service").filter(bank_entry=entry_id))
    if payout_id not in {payout.pk for payout in payouts}:
        raise PaymentRefusal("Somebody took this match back a moment ago.", code="not_matched")
    for payout in payouts:
        payout.bank_entry, payout.matched_at, payout.matched_by = None, None, ""
        with acting(actor, reason):
            payout.save()
        record("payout_unmatched", actor=actor, subject=payout, reason=reason, data={"entry": entry_id})
    return payouts


def match_payouts(*, actor: Actor) -> int:
    """Match every payout that one credit fits and no other; the number matched. The rest is for people, and so is what
    was matched once and taken apart.
    """
    authorise(actor, "payments.match_payout", what="match payouts with the bank")
    waiting = list(
        Payout.objects.select_related("service")
        .filter(bank_entry__isnull=True)
        .exclude(net=0)
        .exclude(pk__in=Payout.history.filter(bank_entry__isnull=False).values("id"))
    )
    matched = 0
    for payout in waiting:
        fitting = [
            entry for entry in transit.bank_credits(payout) if entry.amount == payout.net and _says_so(entry, payout)
        ]
        rivals = [
            other
            for other in waiting
            if other.pk != payout.pk
            and other.bank_entry_id is None
            and other.net == payout.net
            and other.service.clearing_fund_id == payout.service.clearing_fund_id
            and abs(other.settled_on - payout.settled_on) <= transit.BANK_TAKES_UP_TO
            and other.service.bank_text == payout.service.bank_text
        ]
        if len(fitting) == 1 and not rivals:
            [done] = match_payout(actor=actor, payout_ids=[payout.pk], entry_id=fitting[0].pk)
            payout.bank_entry = done.bank_entry
            matched += 1
    return matched


def _says_so(entry: Entry, payout: Payout) -> bool:
    text = payout.service.bank_text.upper()
    return not text or text in f"{entry.narrative} {entry.payer_name} {entry.source_reference}".upper()
