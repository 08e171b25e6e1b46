"""The day before which records are due to be disposed of. Without the database."""

from __future__ import annotations

from datetime import date

_YEAR_STARTS = (4, 1)


def cutoff(today: date, *, months: int, from_year_end: bool) -> date:
    """Records of days before this one have been kept for `months` months.

    With `from_year_end` the months count from the 31 March that ends the financial year of the record: six years
    and the current one, for 72 months.
    """
    if from_year_end:
        return _year_start(_earlier(today, months))
    return _earlier(today, months)


def _year_start(day: date) -> date:
    """The 1 April on or before `day`."""
    start = date(day.year, *_YEAR_STARTS)
    return start if day >= start else date(day.year - 1, *_YEAR_STARTS)


def _earlier(day: date, months: int) -> date:
    """The same day so many months before; the last day of a month that is shorter."""
    count = day.year * 12 + day.month - 1 - months
    year, month = divmod(count, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise ValueError(f"{day} has no day {months} months before")
