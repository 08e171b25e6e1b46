"""How much of which line of a payment's receipt can still be refunded."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from ims.common.money import ZERO, format_pounds
from ims.ledger.models import Entry
from ims.ledger.selectors import remaining
from ims.payments.models import Dispute, PaymentAttempt, Refund, RefundLine


@dataclass(frozen=True)
class RefundableLine:
    """One line of the receipt: what remains of it, and what refunds under way claim of that. In pounds."""

    entry: Entry
    remaining: Decimal
    claimed: Decimal

    @property
    def refundable(self) -> Decimal:
        """What a new refund may take."""
        return max(ZERO, self.remaining - self.claimed)

    @property
    def why_less(self) -> str:
        """Why less than the line's amount can be refunded; empty when all can."""
        parts = []
        if self.claimed:
            parts.append(f"{format_pounds(self.claimed)} is claimed by refunds under way")
        if self.remaining < self.entry.amount:
            gone = self.entry.amount - self.remaining
            parts.append(f"{format_pounds(gone)} was refunded or moved to another account (move it back to refund it)")
        return f" {' and '.join(parts)}.".capitalize() if parts else ""


def lines_of(attempt: PaymentAttempt) -> list[RefundableLine]:
    """The lines of a payment's receipt, in order; none for a payment without one."""
    if attempt.posting_id is None:
        return []
    entries = list(Entry.objects.select_related("posting", "fund").filter(posting=attempt.posting_id).order_by("line"))
    left = remaining([entry.pk for entry in entries])
    claims = dict(
        RefundLine.objects.filter(entry__in=entries, refund__state__in=Refund.LIVE)
        .values_list("entry")
        .annotate(Sum("amount"))
    )
    return [RefundableLine(entry, left[entry.pk], claims.get(entry.pk, ZERO)) for entry in entries]


def is_disputed(attempt: PaymentAttempt) -> bool:
    """Whether the payer's bank asks for the money back: whoever refunded it too would give it back twice."""
    return attempt.disputes.filter(state__in=Dispute.OPEN).exists()


def unapproved(attempt: PaymentAttempt) -> Decimal:
    """What of a payment is given back, or on its way back, by refunds that nobody approved. In pounds."""
    alone = attempt.refunds.filter(is_ours=True, approval=None).exclude(state=Refund.State.FAILED)
    return alone.aggregate(total=Sum("amount"))["total"] or ZERO
