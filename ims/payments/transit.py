"""Money between the payer and the bank: reading only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import QuerySet, Sum

from ims.common.money import ZERO
from ims.ledger.models import Entry
from ims.payments.models import Dispute, PaymentAttempt, PaymentService, Payout, Refund
from ims.payments.states import POSTED

FEE_SOURCE = "payout_fees"
BANK_TAKES_UP_TO = timedelta(days=5)
"""How many days after it was settled a payout may reach the bank."""


def clearing_funds() -> frozenset[str]:
    """The funds that hold the bank's credits of payouts: money that was counted as income when it was paid."""
    return frozenset(PaymentService.objects.exclude(clearing_fund=None).values_list("clearing_fund_id", flat=True))


def bank_credits(payout: Payout) -> list[Entry]:
    """Credits on the clearing fund, not yet given to a payout, that could be the bank's line of `payout`."""
    if payout.service.clearing_fund_id is None:
        return []
    return list(
        Entry.objects.select_related("posting")
        .filter(
            fund_id=payout.service.clearing_fund_id,
            received_on__range=(payout.settled_on, payout.settled_on + BANK_TAKES_UP_TO),
            corrects__isnull=True,
            payouts__isnull=True,
        )
        .exclude(posting__source_kind=FEE_SOURCE)
        .order_by("received_on", "id")[:200]
    )


@dataclass(frozen=True)
class InTransit:
    """Money on its way to the bank, in pounds: paid and not paid out; paid out and not found in the bank."""

    not_paid_out: Decimal
    not_in_bank: Decimal

    @property
    def total(self) -> Decimal:
        return self.not_paid_out + self.not_in_bank


def in_transit() -> InTransit:
    """What card payers have paid that the bank does not show yet, fees not yet taken off."""
    paid = _sum(PaymentAttempt.objects.filter(state__in=POSTED, payout_lines=None), "paid_total")
    back = _sum(Refund.objects.filter(state=Refund.State.SUCCEEDED, payout_lines=None), "amount")
    lost = _sum(Dispute.objects.filter(posting__isnull=False, payout_lines=None), "amount")
    return InTransit(paid - back - lost, _sum(Payout.objects.filter(bank_entry__isnull=True), "net"))


def _sum(rows: QuerySet, column: str) -> Decimal:
    return rows.aggregate(total=Sum(column))["total"] or ZERO
