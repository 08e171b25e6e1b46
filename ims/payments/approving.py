"""Refunds as a second person sees and approves them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ims.approvals import kinds
from ims.approvals.kinds import Approval
from ims.approvals.plans import Applied, Evidence, Plan, PlanLine
from ims.audit.actors import Actor
from ims.common.money import format_pounds
from ims.payments.refundable import unapproved
from ims.payments.services.refunds import KIND, LIMIT, request_refund


def register() -> None:
    """Say that refunds can be asked for. Called when the application starts."""
    kinds.register_limit(LIMIT, "Refunds")
    kinds.register(kinds.Kind(code=KIND, label="Refund", limit=LIMIT, apply=_apply))


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
