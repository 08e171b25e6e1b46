"""Pounds and pence. Money is `Decimal` with two places everywhere; no float ever touches it."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal

from ims.common.errors import InvalidInput

PENNY = Decimal("0.01")
ZERO = Decimal("0.00")
LARGEST = Decimal("9999999999.99")
"""The largest amount a `numeric(12,2)` column holds."""

_AMOUNT = re.compile(r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]{1,2})?")


def pounds(text: str) -> Decimal:
    """Read an amount in pounds as a person types it: ``1,234.5``, ``£12``, ``-3.00``.

    Raises `InvalidInput` for anything else. It never guesses and never returns zero for what it cannot read.
    """
    cleaned = text.strip().replace("£", "", 1).strip()
    if not _AMOUNT.fullmatch(cleaned):
        raise InvalidInput(f"“{text}” is not an amount in pounds. Write it like 1234.56.")
    amount = Decimal(cleaned.replace(",", ""))
    if abs(amount) > LARGEST:
        raise InvalidInput(f"“{text}” is larger than the largest amount IMS holds, £9,999,999,999.99.")
    return amount.quantize(PENNY)


def round_to_penny(amount: Decimal) -> Decimal:
    """Round to whole pence, half to even (the one rounding rule of the system)."""
    return amount.quantize(PENNY, rounding=ROUND_HALF_EVEN)


def format_pounds(amount: Decimal | None) -> str:
    """``£1,234.56``; negative amounts as ``-£1,234.56``; nothing for None."""
    if amount is None:
        return ""
    sign = "-" if amount < 0 else ""
    return f"{sign}£{abs(amount):,.2f}"
