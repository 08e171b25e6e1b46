"""Turns the text of one cell into a date or an amount, exactly or not at all.

Every reader built here raises `Unreadable` for what it does not understand. None guesses and none returns zero.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal

from ims.common.money import LARGEST, PENNY

DATE_FORMATS = (
    "dd/mm/yyyy",
    "dd/mm/yy",
    "dd-mm-yyyy",
    "dd.mm.yyyy",
    "dd mmm yyyy",
    "dd-mmm-yyyy",
    "yyyy-mm-dd",
    "yyyy/mm/dd",
    "yyyymmdd",
    "ddmmyyyy",
    "ddmmyy",
    "yymmdd",
    "mm/dd/yyyy",
)
"""Ways of writing a date. ``mmm`` is a month's English name, short or whole. A time of day behind it is allowed."""

_FIRST_YEAR, _LAST_YEAR = 1970, 2099
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_TIME = r"(?:[ T][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?: ?(?:Z|UTC|GMT|BST|[+-][0-9]{2}:?[0-9]{2}))?)?"
_MOST_REMEMBERED = 10_000


class Unreadable(Exception):
    """A cell that is not what its column should hold. ``message`` is a clause that ends the sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def date_reader(formats: Sequence[str]) -> Callable[[str], date]:
    """A reader of dates written in any of the formats. Dates repeat in files, so what was read is remembered."""
    patterns = [(re.compile(_date_pattern(text), re.IGNORECASE), text) for text in formats]
    known: dict[str, date] = {}

    def read(text: str) -> date:
        found = known.get(text)
        if found is not None:
            return found
        for pattern, _ in patterns:
            match = pattern.fullmatch(text)
            if match:
                break
        else:
            raise Unreadable(f"is not a date written like {' or '.join(formats)}")
        found = _calendar_date(match)
        if len(known) < _MOST_REMEMBERED:
            known[text] = found
        return found

    return read


def _date_pattern(text: str) -> str:
    """``dd/mm/yyyy`` as a pattern; where parts are separated, a day or month may have one digit."""
    separated = not text.isalpha()
    digits = "{1,2}" if separated else "{2}"
    parts = {
        "yyyy": "(?P<year>[0-9]{4})",
        "yy": "(?P<year>[0-9]{2})",
        "mmm": "(?P<name>[A-Za-z]{3,9})",
        "mm": f"(?P<month>[0-9]{digits})",
        "dd": f"(?P<day>[0-9]{digits})",
    }
    return re.sub("yyyy|yy|mmm|mm|dd|[^a-z]", lambda part: parts.get(part[0], re.escape(part[0])), text) + _TIME


def _calendar_date(match: re.Match[str]) -> date:
    parts = match.groupdict()
    year = int(parts["year"])
    if len(parts["year"]) == 2:
        year += 2000 if year < 70 else 1900
    name = parts.get("name")
    month = _MONTHS.get(name[:3].lower(), 0) if name else int(parts["month"])
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise Unreadable(f"has the year {year}, which cannot be right")
    try:
        return date(year, month, int(parts["day"]))
    except ValueError:
        raise Unreadable("is a day that does not exist") from None


def amount_reader(*, scale: str, decimal_mark: str, signed: bool) -> Callable[[str], Decimal]:
    """A reader of amounts into pounds.

    ``scale`` is "pounds" or "pence" (whole pence). ``signed`` allows ``-1.00``, ``1.00-``, ``(1.00)``, ``1.00 DR``
    and ``1.00 CR``; otherwise only a plain or ``+`` amount is read. Thousands marks must stand where they belong.
    """
    plain = re.compile(r"-?[0-9]{1,10}\.[0-9]{2}" if signed else r"[0-9]{1,10}\.[0-9]{2}")
    quick = scale == "pounds" and decimal_mark == "."
    styled = _amount_pattern(scale, decimal_mark)
    thousands = "," if decimal_mark == "." else "."

    def read(text: str) -> Decimal:
        if quick and plain.fullmatch(text):
            return Decimal(text)
        match = styled.fullmatch(text)
        if not match:
            example = "1234 (whole pence)" if scale == "pence" else f"1234{decimal_mark}56"
            raise Unreadable(f"is not an amount written like {example}")
        negative = _is_negative(match, signed=signed)
        digits = match["digits"].replace(thousands, "").replace(" ", "").replace("\u00a0", "")
        amount = Decimal(digits.replace(decimal_mark, "."))
        amount = amount.scaleb(-2) if scale == "pence" else amount
        if amount > LARGEST:
            raise Unreadable("is larger than the largest amount IMS holds, £9,999,999,999.99")
        amount = amount.quantize(PENNY)
        return -amount if negative and amount else amount

    return read


def _amount_pattern(scale: str, decimal_mark: str) -> re.Pattern[str]:
    if scale == "pence":
        digits = r"(?P<digits>[0-9]{1,15})"
    else:
        mark = re.escape(decimal_mark)
        group = "," if decimal_mark == "." else r"[. \u00a0]"
        whole = rf"(?:[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]{{1,15}})"
        digits = rf"(?P<digits>{whole}(?:{mark}[0-9]{{1,2}}0*)?|{mark}[0-9]{{1,2}})"
    return re.compile(
        rf"(?P<bracket>\()?(?P<lead>[+-]?)\s*£?\s*(?P<inner>[+-]?)\s*{digits}\s*(?(bracket)\))"
        r"(?P<trail>[+-]?)\s*(?P<mark>CR|DR|Cr|Dr|cr|dr)?"
    )


def _is_negative(match: re.Match[str], *, signed: bool) -> bool:
    signs = [match["lead"], match["inner"], match["trail"]]
    marks = [sign for sign in signs if sign] + (["-"] if match["bracket"] else [])
    if match["mark"]:
        marks.append("-" if match["mark"].upper() == "DR" else "+")
    if len(marks) > 1:
        raise Unreadable("has more than one sign")
    negative = marks == ["-"]
    if negative and not signed:
        raise Unreadable("is negative where only positive amounts are expected")
    return negative


def short(text: str) -> str:
    """A value as it may be shown in a sentence: on one line, 60 characters at most."""
    shown = "".join(character if character.isprintable() else "�" for character in text[:60])
    return shown + "…" if len(text) > 60 else shown
