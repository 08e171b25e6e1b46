"""Hiding what identifies a person or their bank account, so that what is left still tells records apart. Pure.

A mask never gives away how long the hidden part is.
"""

from __future__ import annotations

import re

HIDDEN = "•••"
_DIGITS = re.compile(r"[0-9]")
_CONTACT = re.compile(r"[\w.+%-]+@[\w.-]*\w|\+?[0-9][0-9 ]{8,}[0-9]")


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


def contact(text: str) -> str:
    """“ada@example.org” as “a•••@example.org”, “07700 900123” as “•••0123”, an address as its post town."""
    lines = text.split("\n")
    before, at, host = text.rpartition("@")
    if at and len(lines) == 1:
        return f"{before[:1]}{HIDDEN}@{host}"
    if len(lines) == 1 and sum(map(str.isdigit, text)) >= 6:
        return f"{HIDDEN}{text[-4:]}"
    return postcode(lines[-1])


def contacts_within(text: str) -> str:
    """A sentence with every e-mail address and telephone number in it masked: what a mail server said of one."""
    return _CONTACT.sub(lambda found: contact(found.group()), text)


def hidden(text: str) -> str:
    """Nothing but that there is something: for addresses, narratives and raw lines, which may hold anything."""
    return HIDDEN if text.strip() else ""
