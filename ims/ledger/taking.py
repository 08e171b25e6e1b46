"""Lines that take money out of a receipt, with the VAT that goes along."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ims.funds.rules import vat_within
from ims.ledger.lines import Line
from ims.ledger.models import Entry
from ims.ledger.selectors import remaining, remaining_vat


def taking(entry: Entry, amount: Decimal, vat: Decimal, method_code: str, *, narrative: str) -> Line:
    """A line that takes `amount` (and its `vat`) out of `entry`, by the method `method_code`."""
    return Line(
        fund=entry.fund_id,
        amount=-amount,
        vat_amount=-vat,
        vat_code=entry.vat_code_id,
        method_of_payment=method_code,
        account_reference=entry.account_reference,
        office=entry.office_id,
        narrative=narrative,
        payer_name=entry.payer_name,
        received_on=entry.received_on,
        corrects=entry.pk,
    )


def shared_vat(entry: Entry, amounts: Sequence[Decimal]) -> list[tuple[Decimal, Decimal]]:
    """Each amount with the VAT it takes along. Taking the last of the money takes the last of its VAT."""
    left, vat_left = remaining([entry.pk])[entry.pk], remaining_vat([entry.pk])[entry.pk]
    shares = []
    for amount in amounts:
        vat = vat_left if amount == left else min(vat_within(amount, entry.vat_rate), vat_left, key=abs)
        shares.append((amount, vat))
        left, vat_left = left - amount, vat_left - vat
    return shares
