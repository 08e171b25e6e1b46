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

PEOPLE_LOOK_UP_TO = timedelta(days=60)
"""How far around a payout people may look for the bank's line and for payouts that came in one sum with it."""


def clearing_funds() -> frozenset[str]:
    """The funds that hold the bank's credits of payouts: money that was counted as income when it was paid."""
    return frozenset(PaymentService.objects.exclude(clearing_fund=None).values_list("clearing_fund_id", flat=True))


def bank_credits(payout: Payout, *, within: timedelta = BANK_TAKES_UP_TO) -> list[Entry]:
    """Credits on the clearing fund, not yet given to a payout, that could be the bank's line of `payout`.

    Those that came to the bank `within` so long after it was paid out, the earliest first, 200 at most.
    """
    if payout.service.clearing_fund_id is None:
        return []
    return list(
        Entry.objects.select_related("posting")
        .filter(
            fund_id=payout.service.clearing_fund_id,
            received_on__range=(payout.settled_on, payout.settled_on + within),
            corrects__isnull=True,
            posting__reversed_by__isnull=True,
            payouts__isnull=True,
        )
        .exclude(posting__source_kind=FEE_SOURCE)
        .order_by("received_on", "id")[:200]
    )


def companions(payout: Payout) -> list[Payout]:
    """Other payouts not found in the bank yet that one credit could hold together with `payout`."""
    days = (payout.settled_on - PEOPLE_LOOK_UP_TO, payout.settled_on + PEOPLE_LOOK_UP_TO)
    return list(
        Payout.objects.select_related("service")
        .filter(bank_entry__isnull=True, settled_on__range=days, service__clearing_fund=payout.service.clearing_fund_id)
        .exclude(pk=payout.pk)
        .order_by("settled_on", "id")[:50]
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
