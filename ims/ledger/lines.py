"""The lines callers give the ledger, and what they get back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ims.ledger.models import Posting


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line to post. `amount` is in pounds, VAT included; positive is money received by the fund.

    Empty codes mean: the fund's own VAT code; the actor's office. `accounting_date` None means today.
    """

    fund: str
    amount: Decimal
    method_of_payment: str = ""
    account_reference: str = ""
    office: str = ""
    vat_code: str = ""
    narrative: str = ""
    payer_name: str = ""
    source_reference: str = ""
    source_line: int | None = None
    received_on: date | None = None
    accounting_date: date | None = None
    corrects: int | None = None
    vat_amount: Decimal | None = None
    """None: reckoned from the amount and the rate of the day it was received."""


@dataclass(frozen=True)
class Take:
    """Take `amount` (pounds, signed like the entry) from the entry `entry_id`."""

    entry_id: int
    amount: Decimal


@dataclass(frozen=True)
class Posted:
    """The posting made, or the one made earlier from the same source (`created` is False)."""

    posting: Posting
    created: bool
