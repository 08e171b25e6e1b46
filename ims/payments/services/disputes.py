"""Disputes (chargebacks): heard of, answered, and taken out of the ledger when they are lost."""

from __future__ import annotations

from django.db import transaction

from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common.errors import NotFound
from ims.common.money import ZERO
from ims.ledger.lines import Take
from ims.ledger.models import Posting
from ims.payments import refundable, rules, selectors
from ims.payments.actors import CARD_DESK
from ims.payments.errors import PaymentRefusal
from ims.payments.models import Dispute, PaymentAttempt, PaymentException, PaymentService
from ims.payments.services.refunds import post_what_left
from ims.payments.services.troubles import raise_exception
from ims.providers.card import Dispute as SeenDispute

SOURCE_KIND = "card_dispute"


@transaction.atomic(durable=True)
def hear_dispute(*, actor: Actor, service: PaymentService, seen: SeenDispute) -> Dispute:
    """Take in what the provider says of a dispute; take the money back out, once, when it is lost."""
    authorise(actor, "payments.view_paymentattempt", what="follow disputes")
    attempt = PaymentAttempt.objects.filter(service=service, provider_id=seen.payment_id).first()
    with acting(actor, "Heard from the provider"):
        dispute, is_new = Dispute.objects.select_for_update(of=("self",)).get_or_create(
            service=service,
            provider_dispute_id=seen.dispute_id,
            defaults={
                "attempt": attempt,
                "payment_id": seen.payment_id,
                "amount": rules.pounds(seen.amount),
                "state": seen.status,
                "raised_at": seen.created_at,
            },
        )
        _take_facts(dispute, seen, attempt)
    if is_new:
        record("dispute_raised", actor=actor, subject=dispute, data={"amount": str(dispute.amount)})
    if dispute.state == Dispute.State.LOST and dispute.posting_id is None:
        _take_out(dispute)
    return dispute


def _take_facts(dispute: Dispute, seen: SeenDispute, attempt: PaymentAttempt | None) -> None:
    facts = {
        "attempt": dispute.attempt or attempt,
        # What is decided stays decided: a search may lag behind.
        "state": dispute.state if dispute.state in ("won", "lost") else str(seen.status),
        "fee": rules.pounds(seen.fee) or dispute.fee,
        "cause": seen.reason or dispute.cause,
        "respond_by": seen.respond_by or dispute.respond_by,
        "settled_on": seen.settled_on or dispute.settled_on,
    }
    if any(getattr(dispute, name) != value for name, value in facts.items()):
        for name, value in facts.items():
            setattr(dispute, name, value)
        dispute.save()


def _take_out(dispute: Dispute) -> None:
    if dispute.attempt is None or dispute.attempt.posting_id is None:
        _tell(dispute, f"The lost dispute {dispute.provider_dispute_id} is about a payment that IMS did not post.")
        return
    posting, trouble = _post(dispute)
    dispute.posting = posting
    with acting(CARD_DESK, "Lost"):
        dispute.save()
    record("dispute_lost", actor=CARD_DESK, subject=dispute, data={"amount": str(dispute.amount)})
    if trouble:
        _tell(dispute, trouble)


def _post(dispute: Dispute) -> tuple[Posting | None, str]:
    lines = refundable.lines_of(dispute.attempt)
    shares = rules.share(dispute.amount, [line.remaining for line in lines])
    takes = [Take(line.entry.pk, part) for line, part in zip(lines, shares, strict=True) if part > 0]
    return post_what_left(
        dispute.attempt,
        dispute.amount,
        takes=takes if sum(shares, ZERO) == dispute.amount else [],
        short="less remains of its payment.",
        source_kind=SOURCE_KIND,
        source_key=f"{dispute.service.code}:{dispute.provider_dispute_id}",
        what="lost dispute",
        reason=f"Dispute {dispute.provider_dispute_id} lost: {dispute.cause or 'no reason given'}",
    )


def _tell(dispute: Dispute, message: str) -> None:
    raise_exception(
        actor=CARD_DESK,
        kind=PaymentException.Kind.DISPUTE_NOT_POSTED,
        key=f"{dispute.service.code}:{dispute.provider_dispute_id}",
        service=dispute.service,
        attempt=dispute.attempt,
        amount=dispute.amount,
        message=message,
    )


@transaction.atomic
def note_dispute(*, actor: Actor, dispute_id: int, note: str) -> Dispute:
    """Write down what was done about a dispute. The answer itself is given on the provider's pages."""
    authorise(actor, "payments.answer_dispute", what="note what was done about disputes")
    dispute = Dispute.objects.select_for_update(of=("self",)).filter(pk=dispute_id).first()
    if dispute is None or dispute not in selectors.disputes_visible_to(actor):
        raise NotFound("There is no such dispute, or it is not in your funds.")
    if not note.strip():
        raise PaymentRefusal("Say what was done. The audit trail keeps it.", code="reason_missing")
    dispute.note = note.strip()
    with acting(actor, note):
        dispute.save()
    record("dispute_noted", actor=actor, subject=dispute, reason=note)
    return dispute
