"""Sort code and account number out of the ways files write them."""

from __future__ import annotations

import re

_UK_IBAN = re.compile(r"GB[0-9]{2}[A-Z]{4}([0-9]{6})([0-9]{8})")
_PAIR = re.compile(r"([0-9]{2})[- ]?([0-9]{2})[- ]?([0-9]{2})[/ ]?([0-9]{8})")


def sort_code_and_account(text: str) -> tuple[str, str]:
    """``("600004", "12345678")`` from a UK IBAN or a pair written together; else ``("", text)`` unchanged.

    No check digit is verified here.
    """
    text = text.strip()
    if not text:
        return "", ""
    compact = text.replace(" ", "")
    iban = _UK_IBAN.fullmatch(compact)
    if iban:
        return iban[1], iban[2]
    pair = _PAIR.fullmatch(text)
    if pair:
        return pair[1] + pair[2] + pair[3], pair[4]
    return "", compact if compact[:2].isalpha() else text
