"""Lines that take money out of a receipt, with the VAT that goes along."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ims.ledger.lines import Line
from ims.ledger.models import Entry
from ims.ledger.rules import share_vat
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
    """Each amount with the VAT it takes along (see `rules.share_vat`)."""
    shares = share_vat(
        amounts, left=remaining([entry.pk])[entry.pk], vat_left=remaining_vat([entry.pk])[entry.pk], rate=entry.vat_rate
    )
    return list(zip(amounts, shares, strict=True))
