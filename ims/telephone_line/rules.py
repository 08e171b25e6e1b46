"""What an automated telephone line may tell, and when. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta

OLDEST = timedelta(days=31)
"""A payment taken longer ago is not posted by itself: its day may be agreed and closed. A person posts it."""

AHEAD = timedelta(minutes=10)
"""How far the line's clock may be ahead of ours."""

ANNOUNCED_FOR = timedelta(hours=4)
"""A call that was announced and never ended is over by then."""

MOST_LINES = 10
MOST_AT_ONCE = 500


def moment_fault(taken_at: datetime, now: datetime) -> str:
    """Why a payment cannot have been taken at `taken_at`, as a sentence; empty when it can."""
    if taken_at > now + AHEAD:
        return f"The payment is dated {taken_at:%-d %b %Y %H:%M}, which is still to come. Set the line's clock right."
    if taken_at < now - OLDEST:
        return (
            f"The payment is dated {taken_at:%-d %b %Y}, more than {OLDEST.days} days ago. Send it to the income team, "
            "who post it by hand."
        )
    return ""


def accounting_date(received_on: date, *, period_is_open: bool, today: date) -> date:
    """The day that decides the accounting period: the day it was received, or today once that period is closed."""
    return received_on if period_is_open and received_on <= today else today
