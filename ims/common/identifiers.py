"""Numbers of records, as addresses, hidden fields and commands give them."""

from __future__ import annotations

MOST_DIGITS = 18
"""The longest number a record can have; a longer one is no record's, and PostgreSQL would not even compare it."""


def record_number(text: str) -> int | None:
    """The number of a record that `text` spells in plain digits; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None
