"""Filling in wordings, and when to try again. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

MOST_TRIES = 8
TEXT_LIMIT = 918
"""Six parts of a text message; GOV.UK Notify takes no more."""

PLACES: dict[str, dict[str, str]] = {
    "receipt": {
        "council": "the council's name",
        "receipt_number": "the number of the receipt",
        "paid_on": "the day of the payment",
        "method": "how it was paid",
        "lines": "what was paid, one line each",
        "total": "the whole amount",
        "vat": "the VAT within, and the council's VAT number; empty without VAT",
        "copy": "“This is a copy.” on a copy; otherwise empty",
        "status": "the address where the payer can see what became of the payment",
        "help": "how to reach the council",
    },
    "undone": {
        "council": "the council's name",
        "receipt_number": "the number of the receipt that no longer holds",
        "lines": "what was to be paid",
        "total": "the whole amount",
        "help": "how to reach the council",
    },
    "refund": {
        "council": "the council's name",
        "receipt_number": "the number of the receipt of the payment",
        "amount": "what was given back",
        "total": "what had been paid",
        "help": "how to reach the council",
    },
    "link": {
        "council": "the council's name",
        "message": "what the officer wrote",
        "lines": "what is to be paid",
        "total": "the whole amount",
        "link": "the address of the payment page",
        "expires": "the last day the link works",
        "help": "how to reach the council",
    },
}
"""What may stand in double round brackets, by purpose, and what it becomes."""

_PLACE = re.compile(r"\(\(\s*([a-z_]*)\s*\)\)")
_MARKS = re.compile(r"[\[\]()*#^`<>|\\]|https?://|www\.", re.IGNORECASE)


def wording_fault(text: str, purpose: str) -> str:
    """What is wrong with a wording, as a sentence; empty when it can be used."""
    known = PLACES.get(purpose, {})
    for name in _PLACE.findall(text):
        if name not in known:
            offered = ", ".join(f"(({each}))" for each in known)
            return f"“(({name}))” cannot be filled in here. Use one of {offered}."
    return ""


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with its places filled in; lines that only held an empty place vanish with it."""
    lines: list[str] = []
    for line in text.splitlines():
        names = _PLACE.findall(line)
        new = _PLACE.sub(lambda found: values.get(found[1], ""), line)
        if names and not new.strip() and not any(values.get(name) for name in names):
            continue
        lines.append(new.rstrip())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def plain(text: str) -> str:
    """What a payer typed, without signs that a carrier would make links or headings of."""
    return " ".join(_MARKS.sub(" ", text).split())


FEWEST_ADDRESS_LINES, MOST_ADDRESS_LINES = 3, 7
_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}|GIR ?0AA", re.IGNORECASE)
_BAD_STARTS = tuple('@()=[]"\\/,<>~')


def address_fault(lines: Sequence[str]) -> str:
    """Why GOV.UK Notify would refuse a postal address; empty when it takes it.

    Its rule: three to seven lines, the last a British postcode, none beginning with a sign.
    https://docs.notifications.service.gov.uk/rest-api.html#send-a-letter
    """
    if not FEWEST_ADDRESS_LINES <= len(lines) <= MOST_ADDRESS_LINES:
        return (
            f"The address has {len(lines)} lines. Give {FEWEST_ADDRESS_LINES} to {MOST_ADDRESS_LINES}: the name, the "
            "street and town, and the postcode on the last line."
        )
    if not _POSTCODE.fullmatch(lines[-1].strip()):
        return f"The last line, “{lines[-1][:40]}”, is not a British postcode. Letters go to addresses with one."
    odd = next((line for line in lines if line.startswith(_BAD_STARTS)), "")
    return f"“{odd[:40]}” begins with a sign that no address line may begin with." if odd else ""


def wait_after(tries: int) -> timedelta | None:
    """How long to wait after so many tries without an answer; None when it is given up (after about two days)."""
    if tries >= MOST_TRIES:
        return None
    return timedelta(minutes=min(1 * 4 ** (tries - 1), 24 * 60))


def next_question(age: timedelta) -> timedelta | None:
    """When to ask a carrier again what became of a message sent `age` ago; None when nothing more will be heard."""
    if age < timedelta(hours=1):
        return timedelta(minutes=5)
    if age < timedelta(days=7):
        return timedelta(hours=4)
    return None
