"""What a second person agrees to: refunds, and where card payments go."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ims.approvals import kinds, records
from ims.approvals.kinds import Approval
from ims.approvals.plans import Applied, Evidence, Plan, PlanLine
from ims.audit.actors import Actor
from ims.common.money import format_pounds
from ims.payments.models import PaymentRoute, PaymentService
from ims.payments.refundable import unapproved
from ims.payments.services.refunds import KIND, LIMIT, request_refund

SETTING = "payments.setting"


def register() -> None:
    """Say what can be asked for. Called when the application starts.

    Services and routes are guarded because payers type their cards where a service says, and the money arrives in the
    bank account behind it. One may be taken out of use, and put back as it was agreed, by one person: that is urgent.
    """
    kinds.register_limit(LIMIT, "Refunds")
    kinds.register(kinds.Kind(code=KIND, label="Refund", limit=LIMIT, apply=_apply))
    records.register_kind(
        SETTING, label="Payment service or route", limit_label="Changes of payment services and routes"
    )
    records.guard(PaymentService, SETTING, harmless=("name", "is_active"))
    records.guard(PaymentRoute, SETTING, funds=lambda route: [route.fund_id or ""])


def _apply(actor: Actor, payload: Mapping[str, Any], approval: Approval | None) -> Applied:
    refund = request_refund(
        actor=actor,
        attempt_id=payload["attempt"],
        amounts={int(entry): Decimal(amount) for entry, amount in payload["amounts"].items()},
        reason=payload["reason"],
        unclaimed_seen=Decimal(payload["unclaimed_seen"]),
        available_seen=Decimal(payload["available_seen"]),
        approval=approval,
    )
    attempt = refund.attempt
    lines = [
        PlanLine(
            fund=line.entry.fund_id,
            account_reference=line.entry.account_reference,
            method_of_payment=line.entry.method_of_payment_id,
            narrative=f"Refund of {line.entry.receipt_number}",
            amount=str(-line.amount),
            vat_amount="",
        )
        for line in refund.lines.select_related("entry__posting")
    ]
    card = " ".join(filter(None, [attempt.card_brand, attempt.card_last_four])) or "the card that paid"
    plan = Plan(
        summary=f"Refund {format_pounds(refund.amount)} of card payment {attempt.reference}",
        lines=lines,
        line_count=len(lines),
        facts=[
            ("Paid", format_pounds(attempt.paid_total)),
            ("To", card),
            ("The provider can refund", format_pounds(refund.available_seen)),
            ("Refunded of it without an approval", format_pounds(unapproved(attempt))),
            ("Reason for the refund", refund.reason),
        ],
        evidence=[
            Evidence(label=f"Card payment {attempt.reference}", model="payments.paymentattempt", key=str(attempt.pk))
        ],
        funds=sorted({line.fund for line in lines}),
    )
    return Applied(plan=plan, outcome=str(refund), record=refund)
