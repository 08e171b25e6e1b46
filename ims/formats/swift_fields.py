"""The fields of a SWIFT MT940 or MT942 message: tags, amounts, balances and the :61: line.

Source: SWIFT Standards MT, category 9, and what banks really send (see docs/formats/mt940.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from ims.formats.dates import ReadDate, yymmdd
from ims.formats.records import Balance, UnreadableFile

MOST_LINES_OF_A_FIELD = 1_000
MESSAGE_START = "{"
SEPARATOR = "-"

_TAG = re.compile(r":([0-9]{2}[A-Z]?):")
_ENVELOPE_MARKS = "\x01\x03\ufeff"
_BOUNDARY_STARTS = _ENVELOPE_MARKS + "{- "
_ENVELOPE = re.compile(r"-?\{[1-5]:|-\}")
_SEPARATOR = re.compile(r"\s*-[\s\x03]*$")
_BALANCE = re.compile(r"([CD])([0-9]{6})([A-Z]{3})([0-9][0-9., ]{0,24}|,[0-9]{1,5})\s*")
_TOTAL = re.compile(r"([0-9]{1,6})([A-Z]{3})([0-9][0-9., ]{0,24}|,[0-9]{1,5})\s*")
_WHOLE = re.compile(r"[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+")
STATEMENT_LINE = re.compile(
    r"(?P<value>[0-9]{6})"
    r"(?P<entry>[0-9]{4}| {4})?"
    r"(?P<mark>R[CD]|E[CD]|[CD])"
    r"(?P<funds>[A-Z])?"
    r" ?(?P<amount>[0-9][0-9., ]{0,24}?|,[0-9]{1,5}) ?"
    r"(?P<type>[NFS][A-Z0-9 ]{3})"
    r"(?P<rest>.*)"
)


class Field(NamedTuple):
    """One field: the line of the file where it starts, its tag without colons, its lines."""

    line: int
    tag: str
    value: list[str]


class ReadBalance(NamedTuple):
    """A balance with its currency; ``date`` says whether its date could be read."""

    balance: Balance
    currency: str
    date: ReadDate


class ReadTotal(NamedTuple):
    """A count and a sum of entries (:90C:, :90D:)."""

    count: int
    currency: str
    amount: Decimal


def fields(lines: Iterable[str]) -> Iterator[Field]:
    """The fields of all messages, in file order; `MESSAGE_START` where an envelope opens one, `SEPARATOR` where a
    hyphen stands on its own.

    What else stands between messages (headers, blank lines) is left out. A line within a field that
    merely begins with a hyphen or a colon is text of that field.
    """
    current: Field | None = None
    for number, line in enumerate(lines, 1):
        first = line[:1]
        if first == ":":
            tag = _TAG.match(line)
            if tag:
                if current:
                    yield current
                current = Field(number, tag[1], [line[tag.end() :]])
                continue
        elif first and first in _BOUNDARY_STARTS and _is_boundary(line):
            if current:
                yield current
            current = None
            if "-" in line[:4]:
                yield Field(number, SEPARATOR, [line])
            if "{1:" in line or "{4:" in line:
                yield Field(number, MESSAGE_START, [line])
                current = _first_field_behind(number, line)
            continue
        if current:
            _append(current, line)
    if current:
        yield current


def _is_boundary(line: str) -> bool:
    """A separator between messages or a block of the SWIFT envelope."""
    rest = line.lstrip(_ENVELOPE_MARKS)
    return bool(_ENVELOPE.match(rest) or _SEPARATOR.match(rest))


def _first_field_behind(number: int, envelope: str) -> Field | None:
    """Some banks write the first field on the line of the envelope: ``{4::20:…``."""
    _, block, text = envelope.rpartition("{4:")
    tag = _TAG.match(text) if block else None
    return Field(number, tag[1], [text[tag.end() :]]) if tag else None


def _append(field: Field, line: str) -> None:
    if len(field.value) >= MOST_LINES_OF_A_FIELD:
        raise UnreadableFile(
            f"The field :{field.tag}: that starts on line {field.line} goes on for more than "
            f"{MOST_LINES_OF_A_FIELD:,} lines, so this is not a SWIFT statement. Check that the right file was chosen."
        )
    field.value.append(line)


def amount(text: str) -> Decimal | None:
    """An unsigned amount with a decimal comma; None when it cannot be read without guessing.

    ``1,`` and ``1`` are whole; spaces and, before a comma, dots are thousands marks. ``12.34`` is refused: a
    dot is not a decimal mark in SWIFT and may stand for a thousand.
    """
    whole, comma, decimals = text.replace(" ", "").partition(",")
    if whole.isdigit() and whole.isascii():
        pass
    elif not whole and decimals:
        whole = "0"
    elif comma and _WHOLE.fullmatch(whole):
        whole = whole.replace(".", "")
    else:
        return None
    if not decimals:
        return Decimal(whole)
    if not (decimals.isdigit() and decimals.isascii()) or len(decimals) > 5:
        return None
    return Decimal(f"{whole}.{decimals}")


def balance(text: str) -> ReadBalance | None:
    """``C260401GBP1234,56``: positive for C, negative for D; None when it cannot be read."""
    found = _BALANCE.fullmatch(text)
    value = amount(found[4]) if found else None
    if found is None or value is None:
        return None
    on = yymmdd(found[2])
    signed = -value if found[1] == "D" and value else value
    return ReadBalance(Balance(signed, on.on), found[3], on)


def total(text: str) -> ReadTotal | None:
    """``12GBP345,60``: how many entries and their sum; None when it cannot be read."""
    found = _TOTAL.fullmatch(text)
    value = amount(found[3]) if found else None
    if found is None or value is None:
        return None
    return ReadTotal(int(found[1]), found[2], value)
