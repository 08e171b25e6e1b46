"""Dates as bank files write them: two-digit years, days that do not exist, days of the year."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

_FIRST_YEAR_OF_LAST_CENTURY = 80
_HALF_A_YEAR = timedelta(days=183)


class ReadDate(NamedTuple):
    """A date, or None where the text is no date; ``moved`` when its day does not exist in its month."""

    on: date | None
    moved: bool = False


def full_year(two_digits: int) -> int:
    """80–99 are 1980–1999, everything else is 20xx (the usage of SWIFT statements)."""
    return (1900 if two_digits >= _FIRST_YEAR_OF_LAST_CENTURY else 2000) + two_digits


def calendar_date(year: int, month: int, day: int) -> ReadDate:
    """The date; a day after the end of its month (30 February at banks that count 30-day months) is moved
    back to the end of the month and marked as moved."""
    if not (1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= 31):
        return ReadDate(None)
    last = monthrange(year, month)[1]
    if day > last:
        return ReadDate(date(year, month, last), moved=True)
    return ReadDate(date(year, month, day))


@lru_cache(maxsize=4096)
def yymmdd(text: str) -> ReadDate:
    """``260401`` → 1 Apr 2026."""
    if len(text) != 6 or not (text.isascii() and text.isdigit()):
        return ReadDate(None)
    return calendar_date(full_year(int(text[:2])), int(text[2:4]), int(text[4:]))


@lru_cache(maxsize=4096)
def yyyymmdd(text: str) -> ReadDate:
    """``20260401`` → 1 Apr 2026."""
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return ReadDate(None)
    return calendar_date(int(text[:4]), int(text[4:6]), int(text[6:]))


@lru_cache(maxsize=4096)
def year_and_day(text: str) -> ReadDate:
    """``YYDDD``, the day counted from 1 January, as Bacs files write it: ``26091`` → 1 Apr 2026."""
    if len(text) != 5 or not (text.isascii() and text.isdigit()):
        return ReadDate(None)
    year, day = full_year(int(text[:2])), int(text[2:])
    if not 1 <= day <= 366:
        return ReadDate(None)
    found = date(year, 1, 1) + timedelta(days=day - 1)
    return ReadDate(found) if found.year == year else ReadDate(date(year, 12, 31), moved=True)


@lru_cache(maxsize=4096)
def month_and_day_near(text: str, near: date) -> ReadDate:
    """``MMDD`` in whichever year brings it within half a year of ``near``."""
    if len(text) != 4 or not (text.isascii() and text.isdigit()):
        return ReadDate(None)
    month, day = int(text[:2]), int(text[2:])
    found = ReadDate(None)
    for year in (near.year, near.year - 1, near.year + 1):
        found = calendar_date(year, month, day)
        if found.on is None or abs(found.on - near) <= _HALF_A_YEAR:
            return found
    return found


@lru_cache(maxsize=4096)
def iso_date(text: str) -> ReadDate:
    """``2026-04-01``, with or without a time and an offset behind it, which are not used."""
    parts = text[:10].split("-")
    if [len(part) for part in parts] != [4, 2, 2] or not all(p.isascii() and p.isdigit() for p in parts):
        return ReadDate(None)
    return calendar_date(int(parts[0]), int(parts[1]), int(parts[2]))
