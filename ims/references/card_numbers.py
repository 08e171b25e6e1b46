"""Finding what looks like a payment card number in text that arrives in files.

Such numbers must not be there (PCI DSS 3.3, 3.4). What is found is pointed at, not changed: a reference of sixteen
digits passes the same check digit one time in ten, and a receipt with a masked reference could not be placed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# ISO/IEC 7812: 13 to 19 digits, here with single spaces or hyphens between groups, no longer number around them.
_CANDIDATE = re.compile(r"(?<![0-9])(?<![0-9][ -])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])(?![ -][0-9])")
# What the schemes issue: length by leading digits. Visa; Mastercard; American Express; Discover; Diners; Maestro; JCB.
_ISSUED = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"
    r"|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
    r"|3[47][0-9]{13}|6(?:011|5[0-9]{2})[0-9]{12}|3(?:0[0-5]|[68][0-9])[0-9]{11}"
    r"|(?:5[06789]|6)[0-9]{14,17}|35(?:2[89]|[3-8][0-9])[0-9]{12}"
)


def card_numbers(text: str) -> Iterator[str]:
    """Each number in `text` that a card scheme could have issued, masked: first six digits and last four."""
    for found in _CANDIDATE.finditer(text):
        digits = re.sub(r"[ -]", "", found[0])
        if _ISSUED.fullmatch(digits) and passes_luhn(digits) and len(set(digits)) > 1:
            yield f"{digits[:6]}{'*' * (len(digits) - 10)}{digits[-4:]}"


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
