"""Whole minor units (pence) to amounts."""

from __future__ import annotations

from decimal import Decimal

_PLACES = dict.fromkeys(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0
)
_PLACES |= dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
"""ISO 4217 currencies whose minor unit is not a hundredth."""


def from_minor_units(units: int, currency: str = "GBP") -> Decimal:
    """``12345`` pence → ``Decimal("123.45")``, with the decimal places of the currency (two if unknown)."""
    return Decimal(units).scaleb(-_PLACES.get(currency, 2))
