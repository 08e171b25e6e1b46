"""What access adds to an evidence pack: who can do what and how they came to it, and the reviews of access."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from ims.access import report
from ims.access.models import AccessReview, ReviewLine
from ims.access.selectors import LINE_HEADINGS, line_as_row
from ims.audit.sections import Part, Request, Table, section

_REVIEWS = ("Review", "Opened", "By", "Due", "People", "Decided", "Signed off", "By whom", "What they said")
_LINES = ("Review", *LINE_HEADINGS, "Decided")


@section(
    "who-can",
    "Who can do what, and how they came to it",
    why="Each permission of each person: through which role, within which scope, given by whom, when and why.",
    order=51,
)
def who_can(request: Request) -> Iterator[Part]:
    """The report as things stand when the pack is taken."""
    if not request.actor.may(report.PERMISSION):
        title = "Left out: whoever took this pack may not see who can do what"
        yield Table("who-can-do-what", title, report.HEADINGS, ())
        return
    rows = (report.as_row(each) for each in report.each_holding(request.actor))
    yield Table("who-can-do-what", "Each permission of each person who can sign in", report.HEADINGS, rows)


@section(
    "access-reviews",
    "Access reviews",
    why="That somebody else confirmed, changed or removed everybody's access, and who signed it off.",
    order=52,
)
def reviews(request: Request) -> Iterator[Part]:
    """The reviews that were open or signed off in the period, and what was decided about each person."""
    signed_off = Q(signed_off_at=None) | Q(signed_off_at__gte=request.since)
    found = AccessReview.objects.filter(signed_off, opened_at__lt=request.until).order_by("pk")
    yield Table("reviews", "Reviews of the period", _REVIEWS, [_review(each) for each in found], is_shown=True)
    lines = ReviewLine.objects.filter(review__in=found).select_related("review", "decided_by")
    rows = (
        (each.review.title, *(cell or "" for cell in line_as_row(each)))
        for each in lines.order_by("review_id", "name", "pk").iterator(500)
    )
    yield Table("decisions", "What was decided about each person", _LINES, rows)


def _review(each: AccessReview) -> tuple:
    return (
        each.title,
        each.opened_at,
        each.opened_by,
        each.due_on,
        each.lines.count(),
        each.lines.exclude(decision="").count(),
        each.signed_off_at or "not yet",
        each.signed_off_by,
        each.statement,
    )
