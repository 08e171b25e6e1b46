"""Hiding what identifies a person or their bank account, so that what is left still tells records apart. Pure.

A mask never gives away how long the hidden part is.
"""

from __future__ import annotations

import re

HIDDEN = "•••"
_DIGITS = re.compile(r"[0-9]")


def name(text: str) -> str:
    """“Mrs Ada Moss” as “M••• A••• M•••”."""
    return " ".join(f"{word[0]}{HIDDEN}" for word in text.split())


def postcode(text: str) -> str:
    """“S70 2DR” as “S70 •••”: the post town, not the street."""
    compact = "".join(text.split())
    return f"{compact[:-3]} {HIDDEN}" if len(compact) >= 5 else hidden(text)


def bank_account(text: str) -> str:
    """“20-10-53 43218765” as “•••8765”: the last four digits, as on a payment card receipt."""
    digits = "".join(_DIGITS.findall(text))
    return f"{HIDDEN}{digits[-4:]}" if len(digits) > 4 else hidden(text)


def hidden(text: str) -> str:
    """Nothing but that there is something: for addresses, narratives and raw lines, which may hold anything."""
    return HIDDEN if text.strip() else ""
