"""What is written of a refund: asked for, approved, sent, confirmed, posted. Never more than remains of the receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import psycopg
from django.db import IntegrityError, transaction

from ims.approvals import gate
from ims.approvals.kinds import Approval
from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import Conflict, ImsError, NotAllowed, NotFound
from ims.common.money import ZERO, format_pounds
from ims.funds.selectors import suspense_fund
from ims.interests.services import refuse_interested
from ims.jobs.queue import enqueue
from ims.ledger import services as ledger
from ims.ledger.lines import Line, Take
from ims.ledger.models import Entry, Posting
from ims.payments import observers, refundable, rules, selectors, states
from ims.payments.actors import CARD_DESK
from ims.payments.errors import PaymentRefusal
from ims.payments.models import PaymentAttempt, PaymentException, PaymentService, Refund, RefundLine, Watch
from ims.payments.services.baskets import office_of
from ims.payments.services.troubles import raise_exception
from ims.payments.services.watching import watch
from ims.providers.card import Refund as SeenRefund
from ims.providers.card import RefundStatus
from ims.suspense.services import open_items

SOURCE_KIND = "card_refund"
REQUEST = "payments.request_refund"
PART = "payments.request_part_refund"
LIMIT = "payments.refund"
KIND = "payments.refund"
SEND = "payments.send_refund"


@transaction.atomic
def request_refund(
    *,
    actor: Actor,
    attempt_id: int,
    amounts: Mapping[int, Decimal],
    reason: str,
    unclaimed_seen: Decimal,
    available_seen: Decimal,
    key: str = "",
    approval: Approval | None = None,
) -> Refund:
    """Ask for money of a payment to be given back: `amounts` by ledger entry, in pounds.

    `unclaimed_seen` is what IMS showed as refundable, `available_seen` what the provider said; both as the officer saw
    them, so that a second click, or somebody else's refund in between, is refused instead of refunding twice. It is
    sent to the provider in the background. Raises `ApprovalNeeded` above what the actor may do alone (`key` makes
    asking twice one request), `PaymentRefusal`, or `Conflict` when the payment has changed since it was looked at.
    """
    authorise(actor, REQUEST, what="refund card payments")
    selectors.get_attempt(actor, attempt_id)
    attempt = PaymentAttempt.objects.select_for_update(of=("self",)).select_related("service").get(pk=attempt_id)
    lines = refundable.lines_of(attempt)
    _refuse_payment(attempt, reason)
    unclaimed = sum((line.refundable for line in lines), ZERO)
    if unclaimed != unclaimed_seen:
        raise Conflict(
            f"{format_pounds(unclaimed)} of this payment can be refunded now, not {format_pounds(unclaimed_seen)} as "
            "you saw: somebody else has asked for a refund meanwhile, or you clicked twice. Look at the payment again."
        )
    _refuse_amounts(amounts, lines)
    amount = sum(amounts.values(), ZERO)
    if amount > available_seen:
        raise PaymentRefusal(
            f"The provider can refund {format_pounds(available_seen)} of this payment. Ask for no more.",
            code="more_than_available",
        )
    if amount < unclaimed and not actor.may(PART):
        raise NotAllowed("You may refund whole payments only. Ask somebody who may refund parts.")
    given_back = Entry.objects.filter(pk__in=amounts).values_list("fund_id", "account_reference")
    refuse_interested(actor=actor, accounts=given_back, what="refund a payment to", approval=approval)
    leave = gate.require(
        actor=actor,
        limit=LIMIT,
        # Parts of one payment add up: a limit is not passed under in steps.
        amount=amount + refundable.unapproved(attempt),
        approval=approval,
        ask=lambda: gate.Asked(
            kind=KIND, payload=_payload(attempt_id, amounts, reason, unclaimed_seen, available_seen), key=key
        ),
    )
    refund = _write_request(actor, attempt, amounts, reason, available_seen, leave)
    enqueue(SEND, actor=CARD_DESK, subject=refund, refund=refund.pk)
    _appoint(refund)
    record("refund_requested", actor=actor, subject=refund, reason=reason, data={"amount": str(amount)})
    return refund


def _refuse_payment(attempt: PaymentAttempt, reason: str) -> None:
    if not reason.strip():
        raise PaymentRefusal("Give a reason. The audit trail keeps it.", code="reason_missing")
    if attempt.state not in states.POSTED:
        raise PaymentRefusal("Only a payment that succeeded can be refunded.", code="not_paid")
    if not attempt.method_of_payment.is_refundable:
        raise PaymentRefusal(
            f"Method of payment {attempt.method_of_payment} cannot be refunded.", code="method_not_refundable"
        )
    if refundable.is_disputed(attempt):
        raise PaymentRefusal("The payer's bank disputes this payment: it cannot be refunded now.", code="disputed")


def _refuse_amounts(amounts: Mapping[int, Decimal], lines: Sequence[refundable.RefundableLine]) -> None:
    by_entry = {line.entry.pk: line for line in lines}
    if not amounts or any(amount <= 0 or amount != amount.quantize(Decimal("0.01")) for amount in amounts.values()):
        raise PaymentRefusal("Give an amount above £0.00, in pounds and whole pence, for a line.", code="no_amount")
    for entry, amount in amounts.items():
        line = by_entry.get(entry)
        if line is None:
            raise PaymentRefusal("One of the lines does not belong to this payment.", code="not_found")
        if amount > line.refundable:
            raise PaymentRefusal(
                f"{format_pounds(line.refundable)} of {line.entry.receipt_number} can be refunded, not "
                f"{format_pounds(amount)}.{line.why_less}",
                code="more_than_remains",
            )


def _payload(
    attempt_id: int, amounts: Mapping[int, Decimal], reason: str, unclaimed_seen: Decimal, available_seen: Decimal
) -> dict[str, Any]:
    return {
        "attempt": attempt_id,
        "amounts": {str(entry): str(amount) for entry, amount in amounts.items()},
        "reason": reason,
        "unclaimed_seen": str(unclaimed_seen),
        "available_seen": str(available_seen),
    }


def _write_request(
    actor: Actor,
    attempt: PaymentAttempt,
    amounts: Mapping[int, Decimal],
    reason: str,
    available_seen: Decimal,
    leave: int | None,
) -> Refund:
    with acting(actor, reason):
        refund = Refund.objects.create(
            attempt=attempt,
            number=attempt.refunds.count() + 1,
            amount=sum(amounts.values(), ZERO),
            reason=reason.strip(),
            available_seen=available_seen,
            approval_id=leave,
            requested_kind=actor.kind,
            requested_id=actor.identifier,
            requested_name=actor.name,
        )
        _write_lines(refund, amounts)
    return refund


def _write_lines(refund: Refund, amounts: Mapping[int, Decimal]) -> None:
    try:
        with transaction.atomic():
            for entry, amount in amounts.items():
                RefundLine.objects.create(refund=refund, entry_id=entry, amount=amount)
    except IntegrityError as error:
        cause = error.__cause__
        if isinstance(cause, psycopg.Error) and cause.diag.constraint_name == "refund_within_remaining":
            raise Conflict(
                "More would be refunded than remains: somebody else has asked for a refund meanwhile. Look again."
            ) from error
        raise


def locked(refund_id: int) -> Refund:
    """The refund, held until the transaction ends."""
    found = (
        Refund.objects.select_for_update(of=("self",))
        .select_related("attempt__service", "attempt__basket", "attempt__method_of_payment")
        .filter(pk=refund_id)
        .first()
    )
    if found is None:
        raise NotFound("There is no such refund.")
    return found


@transaction.atomic(durable=True)
def about_to_send(*, actor: Actor, refund_id: int, known_before: Sequence[str]) -> Refund | None:
    """Write down that a refund is being sent, before it is; None when somebody else is sending it."""
    authorise(actor, "payments.view_paymentattempt", what="follow refunds")
    refund = locked(refund_id)
    if refund.state != Refund.State.APPROVED:
        return None
    refund.state, refund.sent_at, refund.known_before = Refund.State.SENDING, clock.now(), list(known_before)
    with acting(CARD_DESK, "Being sent"):
        refund.save()
    _appoint(refund)
    return refund


@transaction.atomic(durable=True)
def refund_not_made(*, actor: Actor, refund_id: int, why: str) -> Refund:
    """The provider refused the refund, or never had it: no money went, and it may be asked for again."""
    authorise(actor, "payments.view_paymentattempt", what="follow refunds")
    refund = locked(refund_id)
    if refund.state in (Refund.State.SENDING, Refund.State.APPROVED):
        _fail(refund, why)
    return refund


@transaction.atomic(durable=True)
def hear_refund(*, actor: Actor, refund_id: int, seen: SeenRefund) -> Refund:
    """Take in what the provider says of a refund; post it once when it is done. Any number of times, in any order."""
    authorise(actor, "payments.view_paymentattempt", what="follow refunds")
    refund = locked(refund_id)
    if refund.state == Refund.State.SUCCEEDED:
        if seen.settled_on and refund.settled_on is None:
            refund.settled_on = seen.settled_on
            with acting(CARD_DESK, "Taken from a payout"):
                refund.save()
        return refund
    refund.provider_refund_id = seen.refund_id
    refund.settled_on = seen.settled_on or refund.settled_on
    if seen.status == RefundStatus.SUCCESS:
        _succeed(refund)
    elif seen.status == RefundStatus.ERROR:
        if refund.state != Refund.State.FAILED:
            _fail(refund, "The provider says that it failed. The card may be closed, or the account short of money.")
    elif refund.state in (Refund.State.SENDING, Refund.State.APPROVED):
        refund.state = Refund.State.SUBMITTED
        with acting(CARD_DESK, "Taken in by the provider"):
            refund.save()
    _appoint(refund)
    return refund


@transaction.atomic(durable=True)
def found_refund(*, actor: Actor, service: PaymentService, seen: SeenRefund) -> Refund | None:
    """Write down a refund that was made at the provider, outside IMS; None when it is known or its payment is not."""
    authorise(actor, "payments.view_paymentattempt", what="follow refunds")
    attempt = (
        PaymentAttempt.objects.select_for_update(of=("self",))
        .select_related("service")
        .filter(service=service, provider_id=seen.payment_id)
        .first()
    )
    if attempt is None or attempt.posting_id is None:
        return None
    if attempt.refunds.filter(provider_refund_id=seen.refund_id).exists():
        return None
    if attempt.refunds.filter(state=Refund.State.SENDING).exists():
        return None  # Very likely that one, whose answer nobody heard; it will find its refund itself.
    amount = rules.pounds(seen.amount)
    with acting(actor, "Found at the provider"):
        refund = Refund.objects.create(
            attempt=attempt,
            number=attempt.refunds.count() + 1,
            amount=amount,
            reason="Refunded at the provider, outside IMS",
            state=Refund.State.SUBMITTED,
            provider_refund_id=seen.refund_id,
            is_ours=False,
            requested_kind=actor.kind,
            requested_id=actor.identifier,
            requested_name=actor.name,
        )
        lines = refundable.lines_of(attempt)
        shares = rules.share(amount, [line.refundable for line in lines])
        if sum(shares, ZERO) == amount:
            _write_lines(refund, {line.entry.pk: part for line, part in zip(lines, shares, strict=True) if part > 0})
    raise_exception(
        actor=CARD_DESK,
        kind=PaymentException.Kind.REFUND_NOT_OURS,
        key=f"{service.code}:{seen.refund_id}",
        service=service,
        attempt=attempt,
        amount=amount,
        message=f"{format_pounds(amount)} of payment {attempt.reference} was refunded at the provider, outside IMS. It "
        "is taken from the payment's lines, the first first. Find out who did it; journal it if another line is meant.",
    )
    _appoint(refund)
    return refund


def _succeed(refund: Refund) -> None:
    posting, trouble = _post(refund)
    refund.posting = posting
    if posting is None:
        # The money has left and cannot be posted just now: it stays on its way, and is tried again at the next look.
        refund.state = Refund.State.SUBMITTED
    else:
        refund.state, refund.finished_at = Refund.State.SUCCEEDED, clock.now()
    with acting(CARD_DESK, "Confirmed by the provider"):
        refund.save()
    if trouble:
        raise_exception(
            actor=CARD_DESK,
            kind=PaymentException.Kind.REFUND_NOT_POSTED,
            key=str(refund),
            service=refund.attempt.service,
            attempt=refund.attempt,
            amount=refund.amount,
            message=trouble,
        )
    if posting is not None:
        record("refund_made", actor=CARD_DESK, subject=refund, data={"amount": str(refund.amount)})
        observers.tell("refunded", refund.attempt, refund)


def _post(refund: Refund) -> tuple[Posting | None, str]:
    return post_what_left(
        refund.attempt,
        refund.amount,
        takes=[Take(line.entry_id, line.amount) for line in refund.lines.all()],
        short="its payment has not so much left.",
        source_kind=SOURCE_KIND,
        source_key=f"{refund.attempt.service.code}:{refund.provider_refund_id}",
        what=f"refund {refund}",
        reason=f"Refund {refund}: {refund.reason}",
    )


def post_what_left(
    attempt: PaymentAttempt,
    amount: Decimal,
    *,
    takes: Sequence[Take],
    short: str,
    source_kind: str,
    source_key: str,
    what: str,
    reason: str,
) -> tuple[Posting | None, str]:
    """Post money of a payment that left the bank: out of the lines it `takes` from, else out of suspense.

    `short` is why there are no `takes`. Returns the posting (None when nothing can be posted) and the sentence a person
    must hear, empty when all is as it should be.
    """
    authorise(CARD_DESK, "ledger.post_receipt", what="post refunds")
    why = "" if takes else short
    if takes:
        try:
            with transaction.atomic():
                posted = ledger.post_refund(
                    actor=CARD_DESK,
                    takes=takes,
                    refunded_on=clock.today(),
                    source_kind=source_kind,
                    source_key=source_key,
                    reason=reason,
                )
            return posted.posting, ""
        except ImsError as refusal:
            why = refusal.message
    return _post_out_of_suspense(attempt, amount, source_kind=source_kind, source_key=source_key, what=what, why=why)


def _post_out_of_suspense(
    attempt: PaymentAttempt, amount: Decimal, *, source_kind: str, source_key: str, what: str, why: str
) -> tuple[Posting | None, str]:
    """Post money that left and could not be taken from its lines as a negative suspense item, so that the ledger is
    right.

    Returns the posting (None when not even that can be posted) and the sentence a person must hear.
    """
    line = Line(
        fund=suspense_fund().code,
        amount=-amount,
        method_of_payment=attempt.method_of_payment_id,
        office=office_of(attempt.basket),
        narrative=f"{what.capitalize()} of {attempt.reference}",
        source_reference=attempt.provider_id or "",
        source_line=1,
    )
    try:
        with transaction.atomic():
            posted = ledger.post_receipts(
                actor=CARD_DESK,
                lines=[line],
                source_kind=source_kind,
                source_key=source_key,
                series="RFD",
                reason=f"{what.capitalize()} could not be taken from the payment's lines",
            )
            open_items(actor=CARD_DESK, posting=posted.posting)
    except ImsError as refusal:
        return None, f"The {what} of {format_pounds(amount)} could not be posted: {why} {refusal.message}"
    return posted.posting, (
        f"The {what} of {format_pounds(amount)} left the bank, but could not be taken from the payment's lines: {why} "
        "It stands in suspense as money that went out: allocate it to where the payment's money is now."
    )


def _fail(refund: Refund, why: str) -> None:
    refund.state, refund.failure, refund.finished_at = Refund.State.FAILED, why, clock.now()
    with acting(CARD_DESK, why):
        refund.save()
    record("refund_failed", actor=CARD_DESK, subject=refund, reason=why)
    raise_exception(
        actor=CARD_DESK,
        kind=PaymentException.Kind.REFUND_FAILED,
        key=str(refund),
        service=refund.attempt.service,
        attempt=refund.attempt,
        amount=refund.amount,
        message=f"Refund {refund} of {format_pounds(refund.amount)} failed. {why} Ask for it again, or pay the money "
        "back another way.",
    )
    watch(actor=CARD_DESK, kind=Watch.Kind.REFUND, subject_id=refund.pk, service=refund.attempt.service, due_at=None)


def _appoint(refund: Refund) -> None:
    due = rules.next_look_at_refund(refund.state, sent_at=refund.sent_at or refund.requested_at, now=clock.now())
    watch(actor=CARD_DESK, kind=Watch.Kind.REFUND, subject_id=refund.pk, service=refund.attempt.service, due_at=due)
