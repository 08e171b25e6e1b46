"""Today, in the council's own time zone, and spans of days."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.utils import timezone


def now() -> datetime:
    """The moment, aware."""
    return timezone.now()


def today() -> date:
    """The date on the council's wall calendar (a receipt at 23:30 GMT in summer belongs to the next day)."""
    return timezone.localdate()


def day_of(moment: datetime) -> date:
    """The date of `moment` on the council's wall calendar."""
    return timezone.localtime(moment).date()


def days_between(first: date, last: date) -> list[date]:
    """Every date from `first` to `last`, both included."""
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
