"""What records adds to an evidence pack: disposals with their certificates, holds, retention rules."""

from __future__ import annotations

from collections.abc import Iterator

from ims.audit.sections import Part, Request, Table, section
from ims.records import classes
from ims.records.models import Disposal, Hold, RetentionRule

_DISPOSALS = (
    "Disposal",
    "Records",
    "Before",
    "Rows",
    "Asked by",
    "Approved by",
    "Approved",
    "Finished",
    "SHA-256 of the certificate",
)


@section(
    "records",
    "Retention and disposal",
    why="How long text about people is kept, what holds kept longer, and what went, by whose decision.",
    order=75,
)
def records(request: Request) -> Iterator[Part]:
    """Rules and holds as they stand; disposals approved in the period."""
    rules = RetentionRule.objects.all()
    yield Table(
        "rules",
        "Retention rules",
        ("Records", "Months", "Counted from", "Legal source", "In use"),
        (
            (classes.title_of(r.record_class), r.months, r.get_counted_from_display(), r.basis, r.is_active)
            for r in rules
        ),
        is_shown=True,
    )
    holds = Hold.objects.filter(placed_at__lt=request.until)
    yield Table(
        "holds",
        "Legal holds",
        ("Hold", "Reason", "Placed", "By", "Lifted"),
        ((str(h), h.reason, h.placed_at, h.placed_by, h.lifted_at or "") for h in holds.iterator(500)),
    )
    found = Disposal.objects.filter(approved_at__gte=request.since, approved_at__lt=request.until)
    found = found.select_related("approval").order_by("pk")
    yield Table("disposals", "Disposals", _DISPOSALS, (_disposal(each) for each in found.iterator(500)))


def _disposal(each: Disposal) -> tuple:
    return (
        each.pk,
        classes.title_of(each.record_class),
        each.before_day,
        each.done,
        each.asked_by,
        each.approval.decided_by_name,
        each.approved_at,
        each.finished_at or "",
        each.sha256,
    )
