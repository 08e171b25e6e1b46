"""The variable fields of BAI2 records 03 and 16."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from ims.formats.dates import yymmdd

_AMOUNT = re.compile(r"[+-]?[0-9]{1,18}")
_CODE_LINE = re.compile(r"([A-Z]{4}): ?(.*)")
_TYPE = re.compile(r"[0-9]{3}")


class MalformedRecord(ValueError):
    """A record that cannot be read; the text says what is wrong, without a full stop."""


class AccountAmount(NamedTuple):
    """A balance or a total of an account (record 03), in minor units; None where the amount is blank."""

    type_code: str
    minor_units: int | None
    count: int | None


class Transaction(NamedTuple):
    """A transaction (record 16). ``mark`` is C, D, or empty for what moves no money."""

    type_code: str
    mark: str
    minor_units: int
    value_on: date | None
    bank_reference: str
    customer_reference: str
    text: str
    extra: dict[str, str]


def account_amounts(fields: list[str]) -> Iterator[AccountAmount]:
    """Type code, amount, item count and funds type, repeated. Raises `MalformedRecord`."""
    position = 0
    while position < len(fields):
        type_code = fields[position]
        if not type_code:
            position += 1
            continue
        if not _TYPE.fullmatch(type_code):
            raise MalformedRecord(f"“{type_code}” is no type code of a balance")
        amount = _amount(_at(fields, position + 1))
        count = _at(fields, position + 2)
        if count and not (count.isascii() and count.isdigit() and len(count) <= 9):
            raise MalformedRecord(f"the item count “{count}” of type {type_code} is no number")
        yield AccountAmount(type_code, amount, int(count) if count else None)
        position += 3 + _funds_fields(fields, position + 3)


def transaction(parts: list[str]) -> Transaction:
    """A transaction from its physical lines (without record codes). Raises `MalformedRecord`."""
    fields = parts[0].split(",", 2)
    type_code = fields[0].strip()
    mark = mark_of(type_code)
    if mark is None:
        raise MalformedRecord(f"the type code “{type_code}” is unknown, so it is not clear whether money came in")
    minor_units = _amount(_at(fields, 1))
    if minor_units is None:
        if mark:
            raise MalformedRecord("the amount is blank")
        minor_units = 0
    if minor_units < 0:
        raise MalformedRecord(f"the amount “{fields[1]}” is negative, which BAI2 does not allow")
    rest = fields[2] if len(fields) > 2 else ""
    funds = rest.split(",", 12)
    taken = _funds_fields(funds, 0)
    value_on = yymmdd(_at(funds, 1)).on if _at(funds, 0) == "V" else None
    pieces = rest.split(",", taken + 2)
    text, extra = _text(_at(pieces, taken + 2), parts[1:])
    return Transaction(
        type_code,
        mark,
        minor_units,
        value_on,
        _at(pieces, taken).removesuffix("/").strip(),
        _at(pieces, taken + 1).removesuffix("/").strip(),
        text,
        extra,
    )


def mark_of(type_code: str) -> str | None:
    """C for credit types, D for debit types, empty for non-monetary ones, None for an unknown code."""
    if not _TYPE.fullmatch(type_code):
        return None
    number = int(type_code)
    if 101 <= number <= 399 or 920 <= number <= 959:
        return "C"
    if 401 <= number <= 699 or 960 <= number <= 999:
        return "D"
    return "" if number == 890 else None


def _amount(text: str) -> int | None:
    text = text.strip().removesuffix("/").strip()
    if not text:
        return None
    if not _AMOUNT.fullmatch(text):
        raise MalformedRecord(f"the amount “{text}” is no whole number of pence")
    return int(text)


def _funds_fields(fields: list[str], position: int) -> int:
    """How many fields the funds type at this position takes, itself included."""
    match _at(fields, position):
        case "S":
            return 4
        case "V":
            return 3
        case "D":
            pairs = _at(fields, position + 1)
            return 2 + 2 * (int(pairs) if pairs.isascii() and pairs.isdigit() and len(pairs) < 3 else 0)
    return 1


def _at(fields: list[str], position: int) -> str:
    return fields[position].strip() if position < len(fields) else ""


def _text(first: str, continuations: list[str]) -> tuple[str, dict[str, str]]:
    """The free text, and those continuation lines that begin with a four-letter code and a colon."""
    pieces = [first.rstrip().removesuffix("/")]
    extra: dict[str, str] = {}
    for line in continuations:
        line = line.rstrip().removesuffix("/")
        coded = _CODE_LINE.fullmatch(line)
        if coded:
            if coded[2]:
                extra[coded[1]] = coded[2].strip()
                pieces.append(coded[2])
        else:
            pieces.append(line)
    return " ".join(" ".join(pieces).split()), extra
