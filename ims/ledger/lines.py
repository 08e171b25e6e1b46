"""The lines callers give the ledger, and what they get back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

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

    def as_data(self) -> dict[str, Any]:
        """The line as JSON: what is filled in, and no more."""
        return {
            name: value if isinstance(value, int) else str(value)
            for name, value in asdict(self).items()
            if value is not None and value != ""
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Line:
        """The line that `as_data` wrote down."""
        read = {
            **dict.fromkeys(("amount", "vat_amount"), Decimal),
            **dict.fromkeys(("received_on", "accounting_date"), date.fromisoformat),
        }
        return cls(**{name: read.get(name, lambda same: same)(value) for name, value in data.items()})


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
