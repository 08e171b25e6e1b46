"""“Today”: how the day stands."""

from __future__ import annotations

from datetime import date, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from ims.common import clock
from ims.common.errors import InvalidInput
from ims.common.money import format_pounds
from ims.console.day import Day, day_of
from ims.console.fields import read_date
from ims.console.views.base import screen
from ims.sign_in.selectors import uses_to_review


@screen()
@require_safe
def today(request: HttpRequest) -> HttpResponse:
    """The first page after signing in; `?day=` looks at another day."""
    day = _day(request.GET.get("day", ""))
    is_today = day == clock.today()
    shown = day_of(request.actor, day)
    context = {
        "title": "Today" if is_today else f"{day:%A %-d %b %Y}",
        "is_today": is_today,
        "break_glass": uses_to_review(request.actor),
        "shown": shown,
        **_notes(shown),
        "day_before": day - timedelta(days=1),
        "day_after": None if is_today else day + timedelta(days=1),
    }
    return render(request, "console/today.html", context)


def _notes(shown: Day) -> dict[str, str]:
    """The small sentences beneath the large figures."""
    notes = {}
    if shown.income:
        notes["income_note"] = (
            f"{shown.income.count:,} receipts. {format_pounds(shown.income.before)} on {shown.week_before:%A %-d %b}."
        )
        day = shown.day.isoformat()
        notes["receipts_day_url"] = f"{reverse('receipts:search')}?received_from={day}&received_to={day}"
    if shown.suspense:
        notes["suspense_note"] = f"{shown.suspense.count:,} receipts to identify."
    if shown.files:
        late = shown.files.late
        notes["late_note"] = ", ".join(file.profile.name for file in late[:2]) if late else "All came that were due."
        notes["waiting_count"] = f"{len(shown.files.waiting)}{'+' if shown.files.more else ''}"
    return notes


def _day(text: str) -> date:
    if not text:
        return clock.today()
    try:
        return min(read_date(text), clock.today())
    except ValueError as error:
        raise InvalidInput(str(error)) from error
